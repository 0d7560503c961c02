package nn

import "github.com/argand-go/argand/nn/op"

// Linear is a fully connected layer, PyTorch's torch.nn.Linear; see
// [op.Linear].
type Linear struct {
	layer
	op op.Linear
}

// NewLinear reads weight (out, in) and bias (out).
func NewLinear(w Weights, in, out int) *Linear {
	l := NewLinearNoBias(w, in, out)
	l.op.Bias = w.Vector("bias", out)
	return l
}

// NewLinearNoBias reads weight (out, in): Linear(bias=False).
func NewLinearNoBias(w Weights, in, out int) *Linear {
	return &Linear{layer{w}, op.Linear{Weight: w.Tensor("weight", out, in)}}
}

// Forward implements [Module]: (N, in) → (N, out).
func (l *Linear) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
