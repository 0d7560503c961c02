package main

import (
	"context"
	"image"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// A candidate is a network that is compared with a golden, whatever its task.
type candidate struct {
	settings   vision.Settings
	preprocess func(image.Image) (*tensor.Tensor, error) // what the model of PyTorch is given of a picture
	answer     func(ctx context.Context, input *tensor.Tensor) (*answer, error)
	close      func() error
}

// candidate loads the network, with options besides those of the flags.
func (c *compare) candidate(
	ctx context.Context, b op.Backend, g *dump, task vision.Task, opts ...vision.Option,
) (*candidate, error) {
	if c.minSize > 0 {
		opts = append(opts, vision.WithMinSize(c.minSize))
	}
	if c.maxSize > 0 {
		opts = append(opts, vision.WithMaxSize(c.maxSize))
	}
	logits := func(f func(context.Context, *tensor.Tensor) (*tensor.Tensor, error),
	) func(context.Context, *tensor.Tensor) (*answer, error) {
		return func(ctx context.Context, x *tensor.Tensor) (*answer, error) {
			y, err := f(ctx, x)
			if err != nil {
				return nil, err
			}
			return g.compareLogits(y, c.tolerance)
		}
	}
	switch task {
	case vision.Classification:
		k, err := load(ctx, b, &c.network, vision.NewClassifier, opts...)
		if err != nil {
			return nil, err
		}
		return &candidate{k.Settings(), k.Preprocess, logits(k.Logits), k.Close}, nil
	case vision.Segmentation:
		s, err := load(ctx, b, &c.network, vision.NewSegmenter, opts...)
		if err != nil {
			return nil, err
		}
		return &candidate{s.Settings(), s.Preprocess, logits(s.Logits), s.Close}, nil
	}
	d, err := load(ctx, b, &c.network, vision.NewDetector, opts...)
	if isSizeRefused(err) {
		return nil, errFixedSize(c.model)
	}
	if err != nil {
		return nil, err
	}
	objects := func(ctx context.Context, x *tensor.Tensor) (*answer, error) {
		found, err := d.DetectTensor(ctx, x)
		if err != nil {
			return nil, err
		}
		return g.compareObjects(found)
	}
	return &candidate{d.Settings(), toTensor, objects, d.Close}, nil
}

// toTensor returns a picture as torchvision's to_tensor does, (3, H, W) from 0 to 1: a detector does the rest itself.
func toTensor(img image.Image) (*tensor.Tensor, error) {
	p := picture.FromImage(img)
	n := p.W * p.H
	data := make([]float32, 3*n)
	for i, v := range p.Pix {
		data[i%3*n+i/3] = float32(v) / 255
	}
	return tensor.Of(data, 3, p.H, p.W)
}
