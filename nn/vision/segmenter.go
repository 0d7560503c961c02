package vision

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// segmenterSettings returns those of torchvision's networks of segmentation,
// the batch norms of whose trunks have the given eps.
func segmenterSettings(eps float64) Settings {
	t := imageNetPixels()
	t.MinSize = 520
	return Settings{Transform: t, Eps: eps}
}

// Segmenter says what every pixel of a picture belongs to, with an [FCN], a
// [DeepLabV3] or an [LRASPP]. It is immutable and safe for concurrent use.
//
// Its network computes logits at 1/8 or 1/16 of the size of its image and scales
// them up. That last step is not done by the backend: a [ClassMap] keeps the
// small logits and scales them to the size that is asked for, where most pixels
// are in the middle of something and need no arithmetic.
type Segmenter struct {
	net      *nn.Network
	arch     Architecture
	names    []string
	settings Settings
	values   *[3][256]float32
	pixels   int // of pictures that share a run
	taps     []taps
}

// maxClasses is how many classes the number of a class has room for.
const maxClasses = 256

// NewSegmenter recognises the network that src is a checkpoint of, checks that
// every tensor is there and of the right shape, and loads it on b. It takes
// networks of up to 256 classes. Its errors are those of [NewDetector].
func NewSegmenter(ctx context.Context, b op.Backend, src nn.Source, opts ...Option) (*Segmenter, error) {
	f, arch, src, c, err := configure(Segmentation, src, opts)
	if err != nil {
		return nil, err
	}
	if arch.Classes > maxClasses {
		want := fmt.Sprintf("up to %d classes are, this one has %d", maxClasses, arch.Classes)
		return nil, &UnsupportedArchitectureError{arch.Name, want}
	}
	w := nn.NewWeights(src)
	net := f.segmenter(w, arch, c.settings)
	if err := w.Err(f.name); err != nil {
		return nil, err
	}
	names, err := c.names(arch)
	if err != nil {
		return nil, err
	}
	compiled, err := nn.Compile(ctx, b, forward(net.Coarse), c.compile...)
	if err != nil {
		return nil, err
	}
	return &Segmenter{net: compiled, arch: arch, names: names, settings: c.settings,
		values: c.settings.Transform.values(1), pixels: c.pixels, taps: c.taps}, nil
}

// Architecture returns which network the segmenter is.
func (s *Segmenter) Architecture() Architecture { return s.arch }

// Settings returns what the checkpoint does not tell of the network: its
// builder's numbers with the options applied. The caller must not change them.
func (s *Segmenter) Settings() Settings { return s.settings }

// Labels returns the names of the classes, the background first.
func (s *Segmenter) Labels() []string { return slices.Clone(s.names) }

// Bytes returns how much memory of the device the weights take.
func (s *Segmenter) Bytes() int64 { return s.net.Bytes() }

// Close frees the network. Calls in progress finish first; later ones return
// [op.ErrClosed].
func (s *Segmenter) Close() error { return s.net.Close() }

// Segment returns what every pixel of a picture belongs to, after torchvision's
// transform for segmentation: the short side resized to 520 pixels, or what
// [WithMinSize] says, as Pillow does. It returns a [*PictureError] for a picture
// without pixels or more than 32 times as long as wide, or the errors of
// nn.Network's Run, ctx's among them.
func (s *Segmenter) Segment(ctx context.Context, img image.Image) (*ClassMap, error) {
	found, err := s.SegmentBatch(ctx, []image.Image{img})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// SegmentBatch returns what Segment does for each picture. Pictures that follow
// each other and are of one size once resized share a run. Its errors are those
// of Segment, for the first picture that has one.
func (s *Segmenter) SegmentBatch(ctx context.Context, imgs []image.Image) ([]*ClassMap, error) {
	var found []*ClassMap
	for first := 0; first < len(imgs); {
		n, x, err := s.load(ctx, imgs, first)
		if err != nil {
			return nil, err
		}
		coarse, err := s.coarse(ctx, x)
		if err != nil {
			return nil, err
		}
		data, err := tensor.Data[float32](coarse)
		if err != nil {
			return nil, err
		}
		for i := range n {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			m := &ClassMap{Names: s.names, logits: logitsOf(coarse, data, i), seen: image.Pt(x.Shape()[3], x.Shape()[2])}
			b := imgs[first+i].Bounds()
			found = append(found, m.Resized(b.Dx(), b.Dy()))
		}
		first += n
	}
	return found, nil
}

// Preprocess returns what the network is given of a picture, normalised
// (1, 3, H, W) float32. Its errors are those of Segment for the picture.
func (s *Segmenter) Preprocess(img image.Image) (*tensor.Tensor, error) {
	_, x, err := s.load(context.Background(), []image.Image{img}, 0)
	return x, err
}

// Logits returns what the network makes of normalised pictures, torchvision's
// "out": (N, 3, H, W) float32 → (N, classes, H, W), before any softmax.
func (s *Segmenter) Logits(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	coarse, err := s.coarse(ctx, x)
	if err != nil {
		return nil, err
	}
	size := x.Shape()
	return scaled(coarse, size[2], size[3])
}

// coarse returns the logits before they are scaled up.
func (s *Segmenter) coarse(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	out, err := s.net.Run(ctx, x)
	if err != nil {
		return nil, err
	}
	return deliver(s.net, s.taps, out)[0], nil
}

// mostOblong is how many times as long as wide a picture may be: the memory of a
// run is in proportion.
const mostOblong = 32

// load returns the first pictures from imgs[first] on that are of one size once
// resized, how many they are, and that size's batch (n, 3, H, W).
func (s *Segmenter) load(ctx context.Context, imgs []image.Image, first int) (n int, x *tensor.Tensor, err error) {
	var h, w int
	for i := first; i < len(imgs); i++ {
		if err := checkImage(imgs[i], i); err != nil {
			return 0, nil, err
		}
		b := imgs[i].Bounds()
		short, long := min(b.Dx(), b.Dy()), max(b.Dx(), b.Dy())
		if long > mostOblong*short {
			want := fmt.Sprintf("at most %d times as long as wide", mostOblong)
			return 0, nil, &PictureError{i, fmt.Sprintf("%d×%d pixels", b.Dx(), b.Dy()), want}
		}
		rw, rh := shortSideTo(s.settings.Transform.MinSize, b.Dx(), b.Dy())
		if n > 0 && (rw != w || rh != h || (n+1)*w*h > s.pixels) {
			break
		}
		w, h = rw, rh
		n++
	}
	if x, err = tensor.New(tensor.Float32, n, 3, h, w); err != nil {
		return 0, nil, err
	}
	data, err := tensor.Data[float32](x)
	if err != nil {
		return 0, nil, err
	}
	err = each(ctx, n, func(i int) error {
		p := picture.FromImage(imgs[first+i]).Resize(w, h, picture.Bilinear)
		for c := range 3 {
			plane, values := data[(3*i+c)*h*w:][:h*w], &s.values[c]
			for at := range plane {
				plane[at] = values[p.Pix[3*at+c]]
			}
		}
		return nil
	})
	return n, x, err
}

// shortSideTo returns the width and height of a picture of w×h pixels whose
// short side is resized to the given one, as torchvision computes them.
func shortSideTo(side, w, h int) (width, height int) {
	if w <= h {
		return side, int(float64(side*h) / float64(w))
	}
	return int(float64(side*w) / float64(h)), side
}
