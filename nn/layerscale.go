package nn

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// LayerScale multiplies each channel by a number of its own: Touvron et al.,
// "Going deeper with Image Transformers" (2021), equation 3.
//
// What it records is a batch norm of mean 0 and variance 1, so that it is folded
// into the convolution before it.
type LayerScale struct {
	layer
	op op.BatchNorm2d
}

// NewLayerScale reads layer_scale (n, 1, 1).
func NewLayerScale(w Weights, n int) *LayerScale {
	scale := w.Tensor("layer_scale", n, 1, 1)
	n = scale.Len() // 0 if it does not fit
	zeros := make([]float32, n)
	ones := make([]float32, n)
	for i := range ones {
		ones[i] = 1
	}
	vector := func(t *tensor.Tensor, err error) *tensor.Tensor {
		if err != nil {
			w.c.fail(err)
		}
		return t
	}
	return &LayerScale{layer{w}, op.BatchNorm2d{
		Weight: vector(scale.Reshape(n)),
		Bias:   vector(tensor.Of(zeros, n)),
		Mean:   vector(tensor.Of(zeros, n)),
		Var:    vector(tensor.Of(ones, n)),
	}}
}

// Forward implements [Module]: (N, n, H, W) → (N, n, H, W).
func (l *LayerScale) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
