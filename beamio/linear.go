package beamio

import (
	"context"
	"errors"
	"fmt"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// Linear is a handler for a regression, PyTorch's torch.nn.Linear: []float32 →
// []float32, from as many numbers as the layer has inputs to as many as it has
// outputs. Register it with beamio.Register(&beamio.Linear{}). It is Python's
// PytorchModelHandlerTensor of a module with one such layer, or of the layer;
// [Torch] is for all others.
type Linear struct {
	Model  string // checkpoint, on any filesystem of Beam's
	SHA256 string `json:",omitempty"` // of the checkpoint, 64 hexadecimal digits; "" to take any
	Layer  string `json:",omitempty"` // the layer's name in the checkpoint, "linear"; "" for a Linear saved by itself
}

// ModelID returns the path of the checkpoint.
func (l *Linear) ModelID() string { return l.Model }

// WithPath returns a copy for another checkpoint, for [WithModelWatch] and
// [WithModelUpdates]. It has the same SHA256, if there is one: then no other
// content is accepted.
func (l *Linear) WithPath(path string) ModelHandler[[]float32, []float32] {
	other := *l
	other.Model = path
	return &other
}

// Validate implements what [ModelHandler] says of it.
func (l *Linear) Validate() error {
	if l.Model == "" {
		return errors.New("no checkpoint: Model is empty")
	}
	return checkDigest(l.SHA256)
}

// Load implements [ModelHandler]. The checkpoint must hold the layer's weight
// (out, in) and bias (out) and nothing else.
func (l *Linear) Load(ctx context.Context) (Model[[]float32, []float32], error) {
	src, err := openModel(ctx, l.Model, l.SHA256)
	if err != nil {
		return nil, err
	}
	in, out := 1, 1
	net, err := compile(ctx, kernels.CPU(), src, "Linear", func(weights nn.Weights) nn.Module {
		w := weights.At(l.Layer)
		if shape := w.Shape("weight"); len(shape) == 2 { // or else compile says what is wrong
			in, out = shape[1], shape[0]
		}
		return nn.NewLinear(w, in, out)
	})
	if err != nil {
		return nil, err
	}
	return &linear{net, in, out}, nil
}

// linear is a loaded [Linear]. Its network is embedded for Bytes and Close.
type linear struct {
	*nn.Network
	in, out int
}

// Infer implements [Model]: examples with a wrong number of numbers fail alone.
func (l *linear) Infer(ctx context.Context, batch [][]float32) ([][]float32, error) {
	var errs ExampleErrors
	x, err := tensor.New(tensor.Float32, len(batch), l.in)
	if err != nil {
		return nil, err
	}
	data, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	for i, row := range batch {
		if copy(data[i*l.in:(i+1)*l.in], row); len(row) == l.in {
			continue
		}
		if errs == nil {
			errs = make(ExampleErrors, len(batch))
		}
		errs[i] = AtStage(StagePreprocess, fmt.Errorf("%d numbers; the layer has %d inputs", len(row), l.in))
	}
	y, err := l.Run(ctx, x)
	if err != nil {
		return nil, err
	}
	if data, err = tensor.Data[float32](y[0]); err != nil {
		return nil, err
	}
	out := make([][]float32, len(batch))
	for i := range out {
		out[i] = data[i*l.out : (i+1)*l.out : (i+1)*l.out]
	}
	if errs != nil {
		return out, errs
	}
	return out, nil
}
