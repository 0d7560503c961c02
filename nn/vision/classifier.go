package vision

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// Classifier says what is in a picture, with a network for classification: a
// [ResNet], a [ConvNeXt], a [ViT] or another. It is immutable and safe for
// concurrent use.
type Classifier struct {
	net      *nn.Network
	arch     Architecture
	names    []string
	settings Settings
	values   *[3][256]float32
	taps     []taps
}

// Class is one answer of a [Classifier].
type Class struct {
	Label       int     // number of the class
	Name        string  // of the class
	Probability float32 // 0 to 1
}

// NewClassifier recognises the network that src is a checkpoint of, checks that
// every tensor is there and of the right shape, and loads it on b. Its errors
// are those of [NewDetector].
func NewClassifier(ctx context.Context, b op.Backend, src nn.Source, opts ...Option) (*Classifier, error) {
	f, arch, src, c, err := configure(Classification, src, opts)
	if err != nil {
		return nil, err
	}
	w := nn.NewWeights(src)
	net := f.classifier(w, arch, c.settings)
	if err := w.Err(f.name); err != nil {
		return nil, err
	}
	names, err := c.names(arch)
	if err != nil {
		return nil, err
	}
	compiled, err := nn.Compile(ctx, b, net, c.compile...)
	if err != nil {
		return nil, err
	}
	return &Classifier{compiled, arch, names, c.settings, c.settings.Transform.values(1), c.taps}, nil
}

// Architecture returns which network the classifier is.
func (c *Classifier) Architecture() Architecture { return c.arch }

// Settings returns what the checkpoint does not tell of the network: its
// builder's numbers with the options applied. The caller must not change them.
func (c *Classifier) Settings() Settings { return c.settings }

// Labels returns the names of the classes.
func (c *Classifier) Labels() []string { return slices.Clone(c.names) }

// Bytes returns how much memory of the device the weights take.
func (c *Classifier) Bytes() int64 { return c.net.Bytes() }

// Close frees the network. Calls in progress finish first; later ones return
// [op.ErrClosed].
func (c *Classifier) Close() error { return c.net.Close() }

// Classify returns the k most probable classes of a picture (all if there are
// fewer), the most probable first, after torchvision's ImageNet transform; see
// [WithPreset]. It returns a [*PictureError] for a picture without pixels or
// more than a thousand times as long as wide, or the errors of nn.Network's
// Run, ctx's among them.
func (c *Classifier) Classify(ctx context.Context, img image.Image, k int) ([]Class, error) {
	classes, err := c.ClassifyBatch(ctx, []image.Image{img}, k)
	if err != nil {
		return nil, err
	}
	return classes[0], nil
}

// classifyTogether is how many pictures of a batch share a run.
const classifyTogether = 16

// ClassifyBatch returns what Classify does for each picture. Its errors are
// those of Classify, for the first picture that has one.
func (c *Classifier) ClassifyBatch(ctx context.Context, imgs []image.Image, k int) ([][]Class, error) {
	var classes [][]Class
	for first := 0; first < len(imgs); first += classifyTogether {
		some := imgs[first:min(first+classifyTogether, len(imgs))]
		x, err := tensor.New(tensor.Float32, len(some), 3, c.settings.Transform.Crop, c.settings.Transform.Crop)
		if err != nil {
			return nil, err
		}
		if err := each(ctx, len(some), func(i int) error { return c.load(x, i, some[i], first+i) }); err != nil {
			return nil, err
		}
		logits, err := c.Logits(ctx, x)
		if err != nil {
			return nil, err
		}
		data, err := tensor.Data[float32](logits)
		if err != nil {
			return nil, err
		}
		for i := range some {
			n := len(data) / len(some)
			classes = append(classes, c.top(data[i*n:(i+1)*n], k))
		}
	}
	return classes, nil
}

// Preprocess returns what the network is given of a picture, normalised
// (1, 3, H, W) float32. Its errors are those of Classify for the picture.
func (c *Classifier) Preprocess(img image.Image) (*tensor.Tensor, error) {
	x, err := tensor.New(tensor.Float32, 1, 3, c.settings.Transform.Crop, c.settings.Transform.Crop)
	if err != nil {
		return nil, err
	}
	return x, c.load(x, 0, img, 0)
}

// Logits returns what the network makes of normalised pictures: (N, 3, H, W)
// float32 → (N, classes), before any softmax.
func (c *Classifier) Logits(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error) {
	out, err := c.net.Run(ctx, x)
	if err != nil {
		return nil, err
	}
	return deliver(c.net, c.taps, out)[0], nil
}

// top returns the k most probable classes by softmax.
func (c *Classifier) top(logits []float32, k int) []Class {
	classes := make([]Class, len(logits))
	most, sum := slices.Max(logits), 0.0
	for _, v := range logits {
		sum += math.Exp(float64(v - most))
	}
	for i, v := range logits {
		classes[i] = Class{i, c.names[i], float32(math.Exp(float64(v-most)) / sum)}
	}
	slices.SortStableFunc(classes, func(a, b Class) int { return cmp.Compare(logits[b.Label], logits[a.Label]) })
	return classes[:min(max(k, 0), len(classes))]
}

// load puts picture img into place i of a batch (N, 3, crop, crop), as
// torchvision's ImageClassification does from a PIL picture: the short side
// resized, then the square in the centre. It does so on the host: Pillow's
// resizing is of whole numbers that are rounded between columns and rows, its
// windows are as wide as the picture is shrunk, and what is left to move to a
// device is small.
func (c *Classifier) load(x *tensor.Tensor, i int, img image.Image, index int) error {
	if err := checkImage(img, index); err != nil {
		return err
	}
	p := picture.FromImage(img)
	side, resized := c.settings.Transform.Crop, c.settings.Transform.Short
	short, long := min(p.W, p.H), max(p.W, p.H)
	if long/short > 1000 {
		return &PictureError{index, fmt.Sprintf("%d×%d pixels", p.W, p.H), "at most a thousand times as long as wide"}
	}
	long = int(float64(resized*long) / float64(short))
	w, h := resized, long
	if p.W > p.H {
		w, h = long, resized
	}
	square := centerCrop(p.Resize(w, h, c.settings.Transform.Filter), side)
	data, err := tensor.Data[float32](x)
	if err != nil {
		return err
	}
	n := side * side
	for channel := range 3 {
		plane, values := data[(3*i+channel)*n:][:n], &c.values[channel]
		for at := range plane {
			plane[at] = values[square.Pix[3*at+channel]]
		}
	}
	return nil
}

// centerCrop returns the side×side pixels in the centre of p, as torchvision's
// center_crop: smaller pictures are padded with black, and halves of a pixel
// are rounded to even as Python's round does.
func centerCrop(p *picture.RGB, side int) *picture.RGB {
	// offset is where p begins in the square: minus what is cut off before it, or what is padded.
	offset := func(n int) int {
		if n < side {
			return (side - n) / 2
		}
		return -int(math.RoundToEven(float64(n-side) / 2))
	}
	left, top := offset(p.W), offset(p.H)
	out := picture.NewRGB(side, side)
	for y := range side {
		from := y - top
		if from < 0 || from >= p.H {
			continue
		}
		row := p.Pix[3*from*p.W : 3*(from+1)*p.W]
		dst := out.Pix[3*y*side : 3*(y+1)*side]
		if left < 0 {
			copy(dst, row[-3*left:])
		} else {
			copy(dst[3*left:], row)
		}
	}
	return out
}
