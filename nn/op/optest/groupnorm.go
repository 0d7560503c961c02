package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// groupNorm computes (x − μ) / √(σ² + ε) with the mean and the variance of each
// group of channels of each picture, and then the epilogue.
func groupNorm(o *op.GroupNorm, y, x, residual *tensor.Tensor) {
	size := x.Shape()[1] / o.Groups
	for n := range x.Shape()[0] {
		for g := range o.Groups {
			var mean, variance float64
			count := float64(size * x.Shape()[2:].Len())
			for c := g * size; c < (g+1)*size; c++ {
				for _, v := range plane(x, n, c) {
					mean += float64(v) / count
				}
			}
			for c := g * size; c < (g+1)*size; c++ {
				for _, v := range plane(x, n, c) {
					variance += (float64(v) - mean) * (float64(v) - mean) / count
				}
			}
			for c := g * size; c < (g+1)*size; c++ {
				var sums []float64
				for _, v := range plane(x, n, c) {
					sums = append(sums, (float64(v)-mean)/math.Sqrt(variance+o.Eps))
				}
				finish(&o.Epilogue, y, n, c, sums, residual)
			}
		}
	}
}

func groupNormCases() (cases []testCase) {
	for _, g := range []struct{ c, h, w, groups int }{
		{256, 5, 7, 32}, // of a head
		{64, 37, 23, 32},
		{32, 1, 1, 8},
		{12, 9, 5, 1},
		{33, 4, 4, 11},
		{5, 3, 13, 5}, // channel by channel
		{1, 1, 2, 1},
		{256, 19, 31, 2}, // many pixels of few groups
	} {
		for _, f := range finishes {
			if f.residual == op.NearestResidual {
				continue
			}
			name := fmt.Sprintf("group_norm/%d in %d groups on %dx%d/%s", g.c, g.groups, g.h, g.w, f.name)
			cases = append(cases, numeric(name, func(s source) sample {
				o := &op.GroupNorm{Groups: g.groups, Eps: 1e-5}
				if !f.plain {
					o.Epilogue = s.epilogue(g.c, f.residual, f.act)
				}
				in := []*tensor.Tensor{s.normal(f.batch, g.c, g.h, g.w)}
				if f.residual == op.SameResidual {
					in = append(in, s.normal(f.batch, g.c, g.h, g.w))
				}
				return one(o, in...)
			}))
		}
	}
	for _, shape := range [][]int{{0, 6, 4, 3}, {2, 6, 0, 3}, {2, 0, 4, 3}} {
		cases = append(cases, numeric(fmt.Sprintf("group_norm/of nothing %v", shape), func(s source) sample {
			return one(&op.GroupNorm{Groups: 2, Eps: 1e-5}, s.normal(shape...))
		}))
	}
	return append(cases,
		numeric("group_norm/eps", func(s source) sample {
			return one(&op.GroupNorm{Groups: 3, Eps: 0.5}, s.normal(1, 6, 2, 3))
		}),
		numeric("group_norm/sigmoid of scale alone", func(s source) sample {
			o := &op.GroupNorm{Groups: 2, Eps: 1e-5, Epilogue: op.Epilogue{Scale: s.vector(6, 1), Act: op.Sigmoid}}
			return one(o, s.normal(2, 6, 5, 3))
		}),
		// Each group of each picture is of another size, and farther from zero than
		// its numbers are from each other.
		numeric("group_norm/groups of other sizes", func(s source) sample {
			x := s.normal(3, 8, 6, 7)
			for n := range 3 {
				for c := range 8 {
					scale := math.Ldexp(1, 3*(n-1)+2*(c/2))
					for i, v := range plane(x, n, c) {
						plane(x, n, c)[i] = float32(scale * (12 + math.Round(2*float64(v))/2)) // of few bits at any precision
					}
				}
			}
			return one(&op.GroupNorm{Groups: 4, Eps: 1e-5}, x)
		}))
}
