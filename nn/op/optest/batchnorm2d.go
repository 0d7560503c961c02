package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// batchNorm2d computes y = γ[c] · (x − μ[c]) / √(σ²[c] + ε) + β[c].
func batchNorm2d(o *op.BatchNorm2d, y, x *tensor.Tensor) {
	gamma, beta, mean, variance := numbers(o.Weight), numbers(o.Bias), numbers(o.Mean), numbers(o.Var)
	for n := range x.Shape()[0] {
		for c := range x.Shape()[1] {
			out := plane(y, n, c)
			for i, v := range plane(x, n, c) {
				z := (float64(v) - float64(mean[c])) / math.Sqrt(float64(variance[c])+o.Eps)
				out[i] = float32(float64(gamma[c])*z + float64(beta[c]))
			}
		}
	}
}

// batchNorm makes statistics for c channels, in a type.
func (s source) batchNorm(c int, d tensor.DType) *op.BatchNorm2d {
	variance := s.normal(c)
	for i, v := range floats(variance) {
		floats(variance)[i] = 0.1 + v*v
	}
	return &op.BatchNorm2d{
		Weight: as(d, s.normal(c)), Bias: as(d, s.normal(c)), Mean: as(d, s.normal(c)), Var: as(d, variance), Eps: 1e-5,
	}
}

func batchNorm2dCases() (cases []testCase) {
	for _, c := range []struct {
		n, c, h, w int
		weight     tensor.DType
	}{
		{1, 1, 1, 1, tensor.Float32},
		{3, 17, 5, 7, tensor.Float32},
		{1, 64, 3, 13, tensor.Float16},
		{3, 5, 4, 3, tensor.BFloat16},
		{0, 5, 4, 3, tensor.Float32},
		{2, 5, 0, 3, tensor.Float32},
	} {
		name := fmt.Sprintf("batch_norm/%d %d %d %d %v", c.n, c.c, c.h, c.w, c.weight)
		cases = append(cases, numeric(name, func(s source) sample {
			return one(s.batchNorm(c.c, c.weight), s.normal(c.n, c.c, c.h, c.w))
		}))
	}
	return append(cases, numeric("batch_norm/eps", func(s source) sample {
		o := s.batchNorm(6, tensor.Float32)
		o.Eps = 0.5
		return one(o, s.normal(1, 6, 2, 3))
	}))
}
