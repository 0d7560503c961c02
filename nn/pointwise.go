package nn

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// NewPointwise reads torch.nn.Linear, weight (out, in) and bias (out), as the
// 1×1 convolution that it is on the channels of each pixel or token: PyTorch
// has them on the last axis there, this package on the second.
func NewPointwise(w Weights, in, out int) *Conv2d { return newPointwise(w, "weight", "bias", in, out) }

// newPointwise is NewPointwise for tensors of other names.
func newPointwise(w Weights, weight, bias string, in, out int) *Conv2d {
	return &Conv2d{layer{w}, op.Conv2d{
		Weight:   pixelKernel(w.Tensor(weight, out, in)),
		Epilogue: op.Epilogue{Bias: w.Vector(bias, out)},
	}}
}

// pixelKernel returns a matrix as the weight of a 1×1 convolution, and what did
// not fit as it is.
func pixelKernel(m *tensor.Tensor) *tensor.Tensor {
	if s := m.Shape(); len(s) == 2 {
		if kernel, err := m.Reshape(s[0], s[1], 1, 1); err == nil {
			return kernel
		}
	}
	return m
}
