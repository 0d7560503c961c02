package nn

import "github.com/argand-go/argand/nn/op"

// MaxPool2d is a max pooling layer with a square window, PyTorch's
// torch.nn.MaxPool2d; a Stride of 0 means Kernel. See [op.MaxPool2d].
type MaxPool2d struct{ Kernel, Stride, Padding int }

// Forward implements [Module]: (N, C, H, W) → (N, C, H', W').
func (m MaxPool2d) Forward(x Value) Value {
	return apply("", &op.MaxPool2d{
		Kernel: square(m.Kernel), Stride: square(m.Stride), Padding: square(m.Padding),
	}, x)
}

// GlobalAvgPool2d averages each channel, torch.nn.AdaptiveAvgPool2d(1):
// (N, C, H, W) → (N, C, 1, 1).
func GlobalAvgPool2d(x Value) Value { return apply("", &op.GlobalAvgPool2d{}, x) }
