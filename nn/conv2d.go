package nn

import (
	"cmp"
	"fmt"

	"github.com/argand-go/argand/nn/op"
)

// Conv holds the attributes of a convolution. Kernel must be at least 1;
// Stride, Dilation and Groups of 0 mean 1; Bias says whether the layer has one.
//
// What differs in the two directions is in KernelHW and the fields beside it,
// height and width: those that are not zero take the place of Kernel and so on.
type Conv struct {
	Kernel, Stride, Padding, Dilation, Groups int
	Bias                                      bool

	KernelHW, StrideHW, PaddingHW, DilationHW [2]int
}

// Conv2d is a convolution layer, PyTorch's torch.nn.Conv2d; see [op.Conv2d].
type Conv2d struct {
	layer
	op op.Conv2d
}

// NewConv2d reads weight (out, in/groups, KH, KW) and, if asked for, bias
// (out). Groups must divide in and out; otherwise the network does not compile.
func NewConv2d(w Weights, in, out int, c Conv) *Conv2d {
	groups := cmp.Or(c.Groups, 1)
	if groups < 0 || in%groups != 0 || out%groups != 0 {
		w.c.fail(fmt.Errorf("%s: conv2d from %d to %d channels in %d groups", w.Path(), in, out, groups))
		return &Conv2d{layer: layer{w}}
	}
	k := pair(c.KernelHW, c.Kernel)
	l := &Conv2d{layer{w}, op.Conv2d{
		Weight:   w.Tensor("weight", out, in/groups, k[0], k[1]),
		Stride:   pair(c.StrideHW, c.Stride),
		Padding:  pair(c.PaddingHW, c.Padding),
		Dilation: pair(c.DilationHW, c.Dilation),
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

// pair returns hw, or n twice if hw is zero.
func pair(hw [2]int, n int) [2]int {
	if hw == [2]int{} {
		return [2]int{n, n}
	}
	return hw
}
