package main

import (
	"context"
	"fmt"
	"image"
	"io/fs"
	"math/rand/v2"
	"os"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// A subject is a loaded network with an input to run it on.
type subject struct {
	model        string
	architecture string
	input        string
	run          func(context.Context) (objects *int, err error) // objects are nil but for a detector
	close        func() error
}

// A benchInput is what a network is run on: a picture, or random numbers of a shape; neither until the network is
// loaded and tells which shape suits it.
type benchInput struct {
	name  string
	shape []int // (N, 3, H, W)
	img   image.Image
}

// subject loads the network on backend and makes its input.
func (b *bench) subject(ctx context.Context, backend op.Backend) (*subject, error) {
	n := network{model: b.model}
	c, a, err := n.checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	in, err := b.readInput()
	if err != nil {
		return nil, err
	}
	s := &subject{model: c.Name(), architecture: a.String()}
	switch a.Task {
	case vision.Detection:
		err = b.detector(ctx, backend, c, in, s)
	case vision.Segmentation:
		err = b.segmenter(ctx, backend, c, in, s)
	default:
		err = b.classifier(ctx, backend, c, in, s)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Name(), err)
	}
	s.input = in.name
	return s, nil
}

// readInput returns the input that --input asks for, the embedded network's picture, or one that has no shape yet.
func (b *bench) readInput() (*benchInput, error) {
	input := b.input
	switch {
	case input == "" && b.model == "":
		data, err := fs.ReadFile(shapes.Pictures(), "s640.png")
		if err != nil {
			return nil, err
		}
		img, err := picture.Decode(data, picture.DecodeOptions{})
		return &benchInput{name: "the embedded s640.png", img: img}, err
	case input == "":
		return &benchInput{}, nil
	}
	shape, err := parseInput(input)
	if err != nil {
		return nil, err
	}
	if shape != nil {
		return &benchInput{name: input, shape: shape}, nil
	}
	data, err := os.ReadFile(input)
	if err != nil {
		return nil, fmt.Errorf("--input is neither a size such as 1x3x800x1216 nor a picture: %w", err)
	}
	img, err := picture.Decode(data, picture.DecodeOptions{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", input, err)
	}
	return &benchInput{name: input, img: img}, nil
}

// suit gives an input that is nothing yet the shape that suits a network.
func (in *benchInput) suit(height, width int) {
	if in.shape == nil && in.img == nil {
		in.shape = []int{1, 3, height, width}
		in.name = fmt.Sprintf("1x3x%dx%d", height, width)
	}
}

// options returns those of any network.
func (b *bench) options() []vision.Option {
	return []vision.Option{vision.WithThreads(b.threads), vision.WithPrecision(b.device.precision)}
}

// detector fills s with a detector. It sees random inputs at their own size, padded as it wants them, unless it scales
// everything to one size; pictures are resized as detect does.
func (b *bench) detector(
	ctx context.Context, backend op.Backend, c *loaders.Checkpoint, in *benchInput, s *subject,
) error {
	opts := b.options()
	size := func(least, most int) { opts = append(opts, vision.WithMinSize(least), vision.WithMaxSize(most)) }
	switch {
	case in.shape != nil && in.shape[0] != 1:
		return fmt.Errorf("--input %s: detectors are measured on 1 picture", in.name)
	case in.shape != nil:
		size(min(in.shape[2], in.shape[3]), max(in.shape[2], in.shape[3]))
	case b.model == "":
		size(demoMinSize, demoMaxSize)
	}
	d, err := vision.NewDetector(ctx, backend, c, opts...)
	if isSizeRefused(err) {
		return fmt.Errorf("--input %s: the network scales everything to one size; leave it out, or give a picture", in.name)
	}
	if err != nil {
		return err
	}
	t := d.Settings().Transform
	if t.Fixed == [2]int{} {
		in.suit(t.MinSize, (t.MinSize*3/2+31)/32*32) // about a photograph's, 800×1216 for most
	} else {
		in.suit(t.Fixed[0], t.Fixed[1])
	}
	find := func(ctx context.Context) (*vision.Detections, error) { return d.Detect(ctx, in.img) }
	if in.shape != nil {
		x, err := b.random(in.shape[1:], 0, 1)
		if err != nil {
			return err
		}
		find = func(ctx context.Context) (*vision.Detections, error) { return d.DetectTensor(ctx, x) }
	}
	s.close = d.Close
	s.run = func(ctx context.Context) (*int, error) {
		found, err := find(ctx)
		if err != nil {
			return nil, err
		}
		n := found.Len()
		return &n, nil
	}
	return nil
}

// classifier fills s with a classifier.
func (b *bench) classifier(
	ctx context.Context, backend op.Backend, c *loaders.Checkpoint, in *benchInput, s *subject,
) error {
	k, err := vision.NewClassifier(ctx, backend, c, b.options()...)
	if err != nil {
		return err
	}
	side := k.Architecture().Picture
	if side == 0 {
		side = 224
	}
	in.suit(side, side)
	s.close = k.Close
	if in.img != nil {
		s.run = func(ctx context.Context) (*int, error) {
			_, err := k.Classify(ctx, in.img, 1)
			return nil, err
		}
		return nil
	}
	x, err := b.random(in.shape, -2, 2) // about what normalised pictures are
	if err != nil {
		return err
	}
	s.run = func(ctx context.Context) (*int, error) {
		_, err := k.Logits(ctx, x)
		return nil, err
	}
	return nil
}

// segmenter fills s with a segmenter.
func (b *bench) segmenter(
	ctx context.Context, backend op.Backend, c *loaders.Checkpoint, in *benchInput, s *subject,
) error {
	g, err := vision.NewSegmenter(ctx, backend, c, b.options()...)
	if err != nil {
		return err
	}
	side := g.Settings().Transform.MinSize
	in.suit(side, side)
	s.close = g.Close
	if in.img != nil {
		s.run = func(ctx context.Context) (*int, error) {
			_, err := g.Segment(ctx, in.img)
			return nil, err
		}
		return nil
	}
	x, err := b.random(in.shape, -2, 2)
	if err != nil {
		return err
	}
	s.run = func(ctx context.Context) (*int, error) {
		_, err := g.Logits(ctx, x)
		return nil, err
	}
	return nil
}

// random returns a tensor of random numbers. Zeros would be faster than any picture: memory that was never written to
// is one page, and always in the cache.
func (b *bench) random(shape []int, least, most float32) (*tensor.Tensor, error) {
	x, err := tensor.New(tensor.Float32, shape...)
	if err != nil {
		return nil, err
	}
	data, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(b.seed, 0))
	for i := range data {
		data[i] = least + (most-least)*r.Float32()
	}
	return x, nil
}
