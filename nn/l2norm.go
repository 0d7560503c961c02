package nn

import "github.com/argand-go/argand/nn/op"

// L2Norm normalises the channels of each pixel to a length of 1 and weighs
// them, torch.nn.functional.normalize times a parameter; see [op.L2Norm].
type L2Norm struct {
	layer
	op op.L2Norm
}

// NewL2Norm reads the named tensor, the weight (n): it has no module of its own
// in PyTorch.
func NewL2Norm(w Weights, name string, n int) *L2Norm {
	return &L2Norm{layer{w.At(name)}, op.L2Norm{Weight: w.Tensor(name, n)}}
}

// Forward implements [Module]: (N, n, H, W) → (N, n, H, W).
func (l *L2Norm) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
