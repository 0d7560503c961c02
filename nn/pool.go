package nn

import "github.com/argand-go/argand/nn/op"

// MaxPool2d is a max pooling layer, PyTorch's torch.nn.MaxPool2d; a Stride of 0
// means Kernel. What differs in the two directions is in KernelHW and the
// fields beside it, as in [Conv]. See [op.MaxPool2d].
type MaxPool2d struct {
	Kernel, Stride, Padding       int
	KernelHW, StrideHW, PaddingHW [2]int
	Ceil                          bool // round the output's size up, PyTorch's ceil_mode
}

// Forward implements [Module]: (N, C, H, W) → (N, C, H', W').
func (m MaxPool2d) Forward(x Value) Value {
	return apply("", &op.MaxPool2d{
		Kernel: pair(m.KernelHW, m.Kernel), Stride: pair(m.StrideHW, m.Stride), Padding: pair(m.PaddingHW, m.Padding),
		Ceil: m.Ceil,
	}, x)
}

// GlobalAvgPool2d averages each channel, torch.nn.AdaptiveAvgPool2d(1):
// (N, C, H, W) → (N, C, 1, 1).
func GlobalAvgPool2d(x Value) Value { return apply("", &op.GlobalAvgPool2d{}, x) }
