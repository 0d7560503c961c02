package nn

import (
	"github.com/argand-go/argand/nn/op"
)

// Conv holds the attributes of a convolution with a square kernel. Kernel must
// be at least 1; Stride, Dilation and Groups of 0 mean 1; Bias says whether
// the layer has one.
type Conv struct {
	Kernel, Stride, Padding, Dilation, Groups int
	Bias                                      bool
}

// Conv2d is a convolution layer, PyTorch's torch.nn.Conv2d; see [op.Conv2d].
type Conv2d struct {
	layer
	op op.Conv2d
}

// NewConv2d reads weight (out, in/groups, K, K) and, if asked for, bias (out).
func NewConv2d(w Weights, in, out int, c Conv) *Conv2d {
	groups := max(c.Groups, 1)
	l := &Conv2d{layer{w}, op.Conv2d{
		Weight:   w.Tensor("weight", out, in/groups, c.Kernel, c.Kernel),
		Stride:   square(c.Stride),
		Padding:  square(c.Padding),
		Dilation: square(c.Dilation),
		Groups:   groups,
	}}
	if c.Bias {
		l.op.Bias = w.Vector("bias", out)
	}
	return l
}

// Forward implements [Module]: (N, in, H, W) → (N, out, H', W').
func (l *Conv2d) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}

func square(n int) [2]int { return [2]int{n, n} }
