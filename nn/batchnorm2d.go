package nn

import "github.com/argand-go/argand/nn/op"

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

// NewBatchNorm2d reads weight, bias, running_mean and running_var, each (n),
// and ignores num_batches_tracked.
func NewBatchNorm2d(w Weights, n int, eps float64) *BatchNorm2d {
	w.Ignore("num_batches_tracked")
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
