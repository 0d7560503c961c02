package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// tokens computes y[0] = class + position[0] and y[1+p] = x[p] + position[1+p]
// for the pixels p of x. (N, E, h, w) → (N, E, h·w+1, 1).
func tokens(o *op.Tokens, y, x *tensor.Tensor) {
	class, positions, channels := numbers(o.Class), numbers(o.Positions), y.Shape()[1]
	for n := range y.Shape()[0] {
		for e := range channels {
			out := plane(y, n, e)
			out[0] = class[e] + positions[e]
			for p, v := range plane(x, n, e) {
				out[1+p] = v + positions[(1+p)*channels+e]
			}
		}
	}
}

func tokensCases() (cases []testCase) {
	for _, t := range []struct {
		n, e, h, w int
		weight     tensor.DType
	}{
		{2, 768, 3, 3, tensor.Float32},
		{3, 17, 2, 5, tensor.Float32},
		{1, 40, 4, 3, tensor.Float16},
		{2, 5, 1, 1, tensor.BFloat16},
		{1, 1, 3, 2, tensor.Float64},
		{2, 33, 0, 4, tensor.Float32}, // nothing but the class token
		{0, 3, 2, 2, tensor.Float32},
	} {
		name := fmt.Sprintf("tokens/%d %d %d %d %v", t.n, t.e, t.h, t.w, t.weight)
		cases = append(cases, numeric(name, func(s source) sample {
			o := &op.Tokens{
				Class: as(t.weight, s.normal(t.e)), Positions: as(t.weight, s.normal(t.h*t.w+1, t.e)),
				Size: [2]int{16 * t.h, 16 * t.w},
			}
			return one(o, s.normal(t.n, t.e, t.h, t.w), empty(tensor.Uint8, 1, 2, 16*t.h, 16*t.w))
		}))
	}
	return cases
}
