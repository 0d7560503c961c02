package nn

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// DefaultEps is PyTorch's default for the eps of batch norms. It is not part
// of a state_dict; torchvision's own COCO_V1 detection weights want 0.
const DefaultEps = 1e-5

// BatchNorm2d is batch normalisation with fixed statistics, PyTorch's
// torch.nn.BatchNorm2d in eval mode and torchvision's FrozenBatchNorm2d; see
// [op.BatchNorm2d].
type BatchNorm2d struct {
	layer
	op op.BatchNorm2d
}

// NewBatchNorm2d reads torch.nn.BatchNorm2d: weight, bias, running_mean and
// running_var, each (n). The scalar num_batches_tracked, which counts steps of
// training, is not used, but PyTorch wants it: without it a checkpoint fits only
// if its _metadata has no version of the module, or one below 2.
func NewBatchNorm2d(w Weights, n int, eps float64) *BatchNorm2d {
	l := newBatchNorm2d(w, n, eps)
	const count = "num_batches_tracked"
	switch v, ok := w.Version(); {
	case w.Shape(count).Equal(tensor.Shape{1}): // PyTorch 0.3 had no scalars
		w.Tensor(count, 1)
	case w.Has(count), ok && v >= 2:
		w.Tensor(count)
	}
	return l
}

// NewFrozenBatchNorm2d reads torchvision's FrozenBatchNorm2d, or a BatchNorm2d
// that is to become one: the same, with or without num_batches_tracked.
func NewFrozenBatchNorm2d(w Weights, n int, eps float64) *BatchNorm2d {
	w.Ignore("num_batches_tracked")
	return newBatchNorm2d(w, n, eps)
}

func newBatchNorm2d(w Weights, n int, eps float64) *BatchNorm2d {
	return &BatchNorm2d{layer{w}, op.BatchNorm2d{
		Weight: w.Tensor("weight", n),
		Bias:   w.Tensor("bias", n),
		Mean:   w.Tensor("running_mean", n),
		Var:    w.Tensor("running_var", n),
		Eps:    eps,
	}}
}

// Forward implements [Module]: (N, n, H, W) → (N, n, H, W).
func (l *BatchNorm2d) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
