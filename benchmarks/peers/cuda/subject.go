package main

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"os"
	"path/filepath"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// A setting is what is run, and at which size.
type setting struct {
	network              string
	precision            op.Precision
	batch, height, width int
}

// photo is the picture of testdata that detectors are given, at the size that is asked for.
const photo = "tv0292/photo_480x640_7.png"

// A subject is a loaded network with an input. Its run returns the logits, or a detector's scores.
type subject struct {
	run   func(context.Context) ([]float32, error)
	close func() error
}

// subject loads the network of a setting on a backend.
func (w *worker) subject(ctx context.Context, b op.Backend, s setting) (*subject, error) {
	if s.network == "maskrcnn" {
		return w.detector(ctx, b, s)
	}
	src, err := procedural.Classifier(os.DirFS(w.testdata), s.network)
	if err != nil {
		return nil, err
	}
	weights := nn.NewWeights(src)
	m := vision.NewResNet(weights, nn.DefaultEps)
	if err := weights.Err(s.network); err != nil {
		return nil, err
	}
	net, err := nn.Compile(ctx, b, m, nn.WithPrecision(s.precision))
	if err != nil {
		return nil, err
	}
	x, err := images(s)
	if err != nil {
		return nil, err
	}
	specs, err := net.Outputs(x.Shape())
	if err != nil {
		return nil, err
	}
	y, err := tensor.New(specs[0].DType, specs[0].Shape...)
	if err != nil {
		return nil, err
	}
	in, out := []*tensor.Tensor{x}, []*tensor.Tensor{y}
	return &subject{func(ctx context.Context) ([]float32, error) {
		if err := net.RunInto(ctx, out, in); err != nil {
			return nil, err
		}
		return tensor.Data[float32](y)
	}, net.Close}, nil
}

// detector is the whole Mask R-CNN on one picture that needs no resizing.
func (w *worker) detector(ctx context.Context, b op.Backend, s setting) (*subject, error) {
	if s.batch != 1 {
		return nil, fmt.Errorf("a batch of %d pictures: want 1", s.batch)
	}
	src, err := procedural.MaskRCNN(os.DirFS(w.testdata))
	if err != nil {
		return nil, err
	}
	x, err := w.picture(s)
	if err != nil {
		return nil, err
	}
	d, err := vision.NewDetector(ctx, b, src, vision.WithPrecision(s.precision),
		vision.WithMinSize(min(s.height, s.width)), vision.WithMaxSize(max(s.height, s.width)))
	if err != nil {
		return nil, err
	}
	return &subject{func(ctx context.Context) ([]float32, error) {
		found, err := d.DetectTensor(ctx, x)
		if err != nil {
			return nil, err
		}
		return found.Scores, nil
	}, d.Close}, nil
}

// images are random numbers (N, 3, H, W), as torch_side.py's.
func images(s setting) (*tensor.Tensor, error) {
	x, err := tensor.New(tensor.Float32, s.batch, 3, s.height, s.width)
	if err != nil {
		return nil, err
	}
	numbers, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	procedural.Fill(numbers, "images", 2)
	return x, nil
}

// picture is the photograph (3, H, W), 0 to 1.
func (w *worker) picture(s setting) (*tensor.Tensor, error) {
	data, err := os.ReadFile(filepath.Join(w.testdata, filepath.FromSlash(photo)))
	if err != nil {
		return nil, err
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	p := picture.FromImage(img).Resize(s.width, s.height, picture.Bilinear)
	x, err := tensor.New(tensor.Float32, 3, s.height, s.width)
	if err != nil {
		return nil, err
	}
	numbers, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	for i := range s.height * s.width {
		for c := range 3 {
			numbers[c*s.height*s.width+i] = float32(p.Pix[3*i+c]) / 255
		}
	}
	return x, nil
}
