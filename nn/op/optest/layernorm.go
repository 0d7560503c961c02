package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// layerNorm computes y = γ[c] · (x − μ) / √(σ² + ε) + β[c] with the mean and
// the variance of the channels of each pixel.
func layerNorm(o *op.LayerNorm, y, x *tensor.Tensor) {
	gamma, beta := numbers(o.Weight), numbers(o.Bias)
	channels := len(gamma)
	for n := range x.Shape()[0] {
		for p := range x.Shape()[2:].Len() {
			var mean, variance float64
			for c := range channels {
				mean += float64(plane(x, n, c)[p]) / float64(channels)
			}
			for c := range channels {
				d := float64(plane(x, n, c)[p]) - mean
				variance += d * d / float64(channels)
			}
			for c := range channels {
				z := (float64(plane(x, n, c)[p]) - mean) / math.Sqrt(variance+o.Eps)
				plane(y, n, c)[p] = float32(float64(gamma[c])*z + float64(beta[c]))
			}
		}
	}
}

// layerNorm makes a norm of c channels, in a type.
func (s source) layerNorm(c int, d tensor.DType) *op.LayerNorm {
	return &op.LayerNorm{Weight: as(d, s.normal(c)), Bias: as(d, s.normal(c)), Eps: 1e-6}
}

func layerNormCases() (cases []testCase) {
	for _, c := range []struct {
		n, c, h, w int
		weight     tensor.DType
	}{
		{1, 96, 14, 13, tensor.Float32}, // ConvNeXt's stem
		{2, 768, 17, 1, tensor.Float32}, // ViT-B's tokens
		{3, 17, 5, 7, tensor.Float32},
		{1, 40, 3, 13, tensor.Float16},
		{3, 5, 4, 3, tensor.BFloat16},
		{2, 7, 3, 3, tensor.Float32},
		{1, 2, 6, 5, tensor.Float32},
		{1, 1, 1, 2, tensor.Float32}, // σ is 0
		{0, 5, 4, 3, tensor.Float32},
		{2, 5, 0, 3, tensor.Float32},
	} {
		name := fmt.Sprintf("layer_norm/%d %d %d %d %v", c.n, c.c, c.h, c.w, c.weight)
		cases = append(cases, numeric(name, func(s source) sample {
			return one(s.layerNorm(c.c, c.weight), s.normal(c.n, c.c, c.h, c.w))
		}))
	}
	return append(cases,
		numeric("layer_norm/eps", func(s source) sample {
			o := s.layerNorm(6, tensor.Float32)
			o.Eps = 0.5
			return one(o, s.normal(1, 6, 2, 3))
		}),
		// A variance as Σx²/C − μ² would have few digits left.
		numeric("layer_norm/far from zero", func(s source) sample {
			x := s.normal(1, 30, 4, 2)
			for i := range floats(x) {
				floats(x)[i] = 64 + float32(math.Round(4*float64(floats(x)[i])))/2 // exact in bfloat16, too
			}
			return one(s.layerNorm(30, tensor.Float32), x)
		}))
}
