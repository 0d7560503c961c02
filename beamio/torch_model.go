package beamio

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// runner is a network that is loaded: an [*nn.Network], for one.
type runner interface {
	network
	Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error)
}

// logiter is a network of package vision for classification or segmentation.
type logiter interface {
	network
	Logits(ctx context.Context, x *tensor.Tensor) (*tensor.Tensor, error)
}

// logits is one as a runner.
type logits struct{ logiter }

// Run implements runner: (N, 3, H, W) → (N, classes), or (N, classes, H, W).
func (l logits) Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	y, err := l.Logits(ctx, in[0])
	return []*tensor.Tensor{y}, err
}

// torchModel is a loaded [Torch]. Its network is embedded for Bytes and Close.
type torchModel struct{ runner }

func (m *torchModel) device() string { return deviceOf(m.runner) }

// runnerOn is a runner on a device, which closes with it.
type runnerOn struct {
	runner
	placed *onDevice
}

// Close closes both.
func (r runnerOn) Close() error { return r.placed.Close() }

func (r runnerOn) device() string { return r.placed.device() }

// Infer implements [Model]. Examples of one shape are run together.
func (m *torchModel) Infer(ctx context.Context, batch []Tensor) ([][]Tensor, error) {
	out, errs := make([][]Tensor, len(batch)), make(ExampleErrors, len(batch))
	alike := make(map[string][]int) // by shape, indices
	var shapes []string             // in order
	for i, e := range batch {
		if errs[i] = AtStage(StagePreprocess, checkExample(e)); errs[i] != nil {
			continue
		}
		shape := e.Shape().String()
		if alike[shape] == nil {
			shapes = append(shapes, shape)
		}
		alike[shape] = append(alike[shape], i)
	}
	for _, shape := range shapes {
		indices := alike[shape]
		rows, err := m.run(ctx, batch, indices)
		if isShape(err) && len(indices) > 1 {
			_, alone := m.run(ctx, batch, indices[:1])
			if alone == nil { // the network takes one at a time: so has RunInference run them after this
				return nil, err
			}
			err = alone // said of one example, whatever the batch
		}
		if err != nil && !isShape(err) {
			return nil, err
		}
		for k, i := range indices {
			if errs[i] = err; err == nil {
				out[i] = rows[k]
			}
		}
	}
	if len(errs.Unwrap()) > 0 {
		return out, errs
	}
	return out, nil
}

// isShape reports whether an error concerns all examples of a shape, and them alone.
func isShape(err error) bool {
	if _, ok := errors.AsType[*op.ShapeError](err); ok {
		return true
	}
	_, ok := errors.AsType[*rowsError](err)
	return ok
}

// rowsError reports an output that has not one row for each example.
type rowsError struct {
	output   int
	shape    tensor.Shape
	examples int
}

func (e *rowsError) Error() string {
	return fmt.Sprintf("output %d of the network is %v for a batch of %d: not one row for each example",
		e.output, e.shape, e.examples)
}

// checkExample returns an error for what is not an input.
func checkExample(e Tensor) error {
	switch {
	case e.Tensor == nil:
		return errors.New("no tensor")
	case e.DType() != tensor.Float32:
		return &tensor.DTypeError{DType: e.DType(), Want: "float32, the network's"}
	case len(e.Bytes()) != e.Len()*e.DType().Size(): // which would be the elements of others in a batch
		return &tensor.ShapeError{Shape: e.Shape(), Want: "elements, and this is an outline without"}
	}
	return nil
}

// run runs the examples of the indices, which are of one shape, and returns the
// outputs for each.
func (m *torchModel) run(ctx context.Context, batch []Tensor, indices []int) ([][]Tensor, error) {
	x, err := stackExamples(batch, indices)
	if err != nil {
		return nil, err
	}
	y, err := m.Run(ctx, x)
	if err != nil {
		return nil, err
	}
	rows := make([][]Tensor, len(indices))
	for j, t := range y {
		if s := t.Shape(); len(s) == 0 || s[0] != len(rows) {
			return nil, &rowsError{j, s, len(rows)}
		}
		for k := range rows {
			row, err := t.Index(k)
			if err != nil {
				return nil, err
			}
			rows[k] = append(rows[k], Tensor{row})
		}
	}
	return rows, nil
}

// stackExamples makes a batch (N, …) of examples (…), PyTorch's torch.stack.
func stackExamples(batch []Tensor, indices []int) (*tensor.Tensor, error) {
	first := batch[indices[0]]
	shape := append(tensor.Shape{len(indices)}, first.Shape()...)
	if len(indices) == 1 {
		return first.Reshape(shape...)
	}
	x, err := tensor.New(first.DType(), shape...)
	if err != nil {
		return nil, err
	}
	data := x.Bytes()
	for _, i := range indices {
		n := copy(data, batch[i].Bytes())
		data = data[n:]
		runtime.KeepAlive(batch[i].Tensor) // until here, and with it a mapped file
	}
	return x, nil
}
