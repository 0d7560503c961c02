package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"runtime"
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// Detector finds objects in pictures, with any network of [Detection]. It is
// immutable and safe for concurrent use.
type Detector struct {
	net      *nn.Network
	arch     Architecture
	names    []string
	settings Settings
	article  bool
	padding  bool
	pixels   int // of pictures that share a run
	taps     []taps
	paste    paster
}

// NewDetector recognises the network that src is a checkpoint of, checks that
// every tensor is there and of the right shape, and loads it on b.
//
// It returns an [*OptionError], the errors of [Recognize], an
// [*UnsupportedArchitectureError] for a classifier, an [*nn.StateDictError], or
// an error of nn.Compile.
func NewDetector(ctx context.Context, b op.Backend, src nn.Source, opts ...Option) (*Detector, error) {
	f, arch, src, c, err := configure(Detection, src, opts)
	if err != nil {
		return nil, err
	}
	if err := checkAnchors(arch, f.defaults(arch), c.settings); err != nil {
		return nil, err
	}
	if err := checkFixed(arch, f.defaults(arch), c.settings); err != nil {
		return nil, err
	}
	transform := op.Preprocess{Values: *c.settings.Transform.values(1)}
	if c.article {
		transform.Values = *c.settings.Transform.values(2)
	}
	w := nn.NewWeights(src)
	network := f.detector(w, arch, c.settings)
	if err := w.Err(f.name); err != nil {
		return nil, err
	}
	forward := func(in ...nn.Value) []nn.Value {
		found := network.Forward(nn.Preprocess("transform", transform, in[0], in[1], in[2]))
		out := []nn.Value{found.Boxes, found.Labels, found.Scores, found.Count}
		if arch.Masks {
			out = append(out, found.Masks)
		}
		if arch.Keypoints > 0 {
			out = append(out, found.Keypoints)
		}
		return out
	}
	names, err := c.names(arch)
	if err != nil {
		return nil, err
	}
	inputs := []tensor.DType{tensor.Uint8, tensor.Int32, tensor.Uint8}
	net, err := nn.CompileFunc(ctx, b, inputs, forward, c.compile...)
	if err != nil {
		return nil, err
	}
	d := &Detector{net: net, arch: arch, names: names, settings: c.settings, article: c.article, padding: c.padding,
		pixels: c.pixels, taps: c.taps}
	d.paste.backend, d.paste.options = b, append(c.compile, nn.WithPrecision(op.Float32))
	return d, nil
}

// checkFixed refuses options that a network of another kind than the built one
// has: an SSD scales every picture to one size, and has default boxes for
// anchors.
func checkFixed(arch Architecture, built, c Settings) error {
	ssd := built.BoxScales != nil
	refuse := func(option, got, want string) error {
		return &OptionError{option, got, "none, as " + arch.Name + " has " + want}
	}
	switch {
	case ssd && (c.Transform.MinSize != 0 || c.Transform.MaxSize != 0):
		return refuse("WithMinSize or WithMaxSize", "a size", "a fixed one, see WithFixedSize")
	case ssd && c.AnchorSizes != nil:
		return refuse("WithAnchors", fmt.Sprint(c.AnchorSizes), "default boxes, see WithDefaultBoxes")
	case !ssd && c.BoxScales != nil:
		return refuse("WithDefaultBoxes", fmt.Sprint(c.BoxScales), "anchors, see WithAnchors")
	}
	return nil
}

// checkAnchors compares the anchors with those of the network's builder, whose
// levels they must have, and with the checkpoint, whose RPN says how many there
// are but not which.
func checkAnchors(arch Architecture, built, c Settings) error {
	if arch.Anchors == 0 {
		return nil
	}
	if levels := len(built.AnchorSizes); len(c.AnchorSizes) != levels {
		return &OptionError{"WithAnchors", fmt.Sprintf("%d levels", len(c.AnchorSizes)), fmt.Sprint(levels)}
	}
	for l, sizes := range c.AnchorSizes {
		if n := len(sizes) * len(c.AnchorRatios); n != arch.Anchors {
			return &OptionError{"WithAnchors", fmt.Sprintf("%d anchors on level %d", n, l),
				fmt.Sprintf("%d, as many as the checkpoint has", arch.Anchors)}
		}
	}
	return nil
}

// Architecture returns which network the detector is.
func (d *Detector) Architecture() Architecture { return d.arch }

// Settings returns what the checkpoint does not tell of the network: its
// builder's numbers with the options applied. The caller must not change them.
func (d *Detector) Settings() Settings { return d.settings }

// Labels returns the names of the classes, the background first.
func (d *Detector) Labels() []string { return slices.Clone(d.names) }

// Bytes returns how much memory of the device the weights take.
func (d *Detector) Bytes() int64 { return d.net.Bytes() }

// Close frees the network. Calls in progress finish first; later ones return
// [op.ErrClosed].
func (d *Detector) Close() error { return errors.Join(d.paste.close(), d.net.Close()) }

// Detect returns the objects in a picture of any size, converted as
// picture.FromImage does. It returns a [*PictureError] for one without pixels,
// or the errors of nn.Network's Run, ctx's among them.
func (d *Detector) Detect(ctx context.Context, img image.Image) (*Detections, error) {
	found, err := d.DetectBatch(ctx, []image.Image{img})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// DetectBatch returns what Detect does for each picture. Pictures of the same
// padded size share a run; see [WithBatchPadding] for another way. Its errors
// are those of Detect, for the first picture that has one.
func (d *Detector) DetectBatch(ctx context.Context, imgs []image.Image) ([]*Detections, error) {
	samples := make([]sample, len(imgs))
	err := each(ctx, len(imgs), func(i int) error {
		if err := checkImage(imgs[i], i); err != nil {
			return err
		}
		p := picture.FromImage(imgs[i])
		h, w := p.H, p.W
		if d.article {
			p = p.Resize(articleSide, articleSide, picture.Bilinear)
		}
		samples[i] = d.settings.Transform.sample(p.Pix, 1, p.H, p.W, h, w)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return d.detect(ctx, samples)
}

// DetectTensor returns the objects in a picture (3, H, W) float32 of 0 to 1,
// torchvision's own input. The preset "beam-article" does not concern it. It
// returns a [*PictureError] for a tensor of another type or shape.
func (d *Detector) DetectTensor(ctx context.Context, x *tensor.Tensor) (*Detections, error) {
	pixels, h, w, err := d.settings.Transform.checkTensor(x)
	runtime.KeepAlive(x) // its elements may be memory of a file that is mapped for as long as x is reachable
	if err != nil {
		return nil, err
	}
	found, err := d.detect(ctx, []sample{d.settings.Transform.sample(pixels, 4, h, w, h, w)})
	if err != nil {
		return nil, err
	}
	return found[0], nil
}
