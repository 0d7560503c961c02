package nn

import "github.com/argand-go/argand/nn/op"

// LayerNorm normalises the channels of each pixel or token: PyTorch's
// torch.nn.LayerNorm on the last of its axes, where they have the channels,
// and torchvision's LayerNorm2d. See [op.LayerNorm].
type LayerNorm struct {
	layer
	op op.LayerNorm
}

// NewLayerNorm reads weight and bias, each (n). Eps is no part of a
// state_dict: 1e-6 in torchvision's networks, 1e-5 by PyTorch's default.
func NewLayerNorm(w Weights, n int, eps float64) *LayerNorm {
	return &LayerNorm{layer{w}, op.LayerNorm{Weight: w.Tensor("weight", n), Bias: w.Tensor("bias", n), Eps: eps}}
}

// Forward implements [Module]: (N, n, H, W) → (N, n, H, W).
func (l *LayerNorm) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
