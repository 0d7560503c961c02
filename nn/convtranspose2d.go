package nn

import (
	"cmp"

	"github.com/argand-go/argand/nn/op"
)

// ConvTranspose2d is a transposed convolution, PyTorch's
// torch.nn.ConvTranspose2d; see [op.ConvTranspose2d].
type ConvTranspose2d struct {
	layer
	op op.ConvTranspose2d
}

// NewConvTranspose2d reads weight (in, out, KH, KW) and, if asked for, bias
// (out). Dilation and Groups must be 0 or 1; a network with others does not
// compile.
func NewConvTranspose2d(w Weights, in, out int, c Conv) *ConvTranspose2d {
	k := pair(c.KernelHW, c.Kernel)
	l := &ConvTranspose2d{layer{w}, op.ConvTranspose2d{
		Weight:  w.Tensor("weight", in, out, k[0], k[1]),
		Stride:  pair(c.StrideHW, c.Stride),
		Padding: pair(c.PaddingHW, c.Padding),
	}}
	if c.Bias {
		l.op.Bias = w.Vector("bias", out)
	}
	one := [2]int{1, 1}
	if d := pair(c.DilationHW, cmp.Or(c.Dilation, 1)); d != one || cmp.Or(c.Groups, 1) != 1 {
		w.c.fail(&op.UnsupportedError{
			Backend: "nn", Missing: []string{w.Path() + ": conv_transpose2d with dilation or groups"},
		})
	}
	return l
}

// Forward implements [Module]: (N, in, H, W) → (N, out, H', W').
func (l *ConvTranspose2d) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
