package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// activation computes y = act(x), element by element.
func activation(o *op.Activation, y, x *tensor.Tensor) {
	out := floats(y)
	for i, v := range floats(x) {
		out[i] = float32(act(o.Act, float64(v)))
	}
}

func activationCases() (cases []testCase) {
	for a := op.NoAct; a <= op.Sigmoid; a++ {
		for _, shape := range []tensor.Shape{
			{1, 1, 1, 1}, {3, 5, 7, 9}, {1, 64, 4, 4}, {1, 33}, {7}, {}, {0, 4}, {2, 3, 5}, {2, 1, 3, 1, 2},
		} {
			cases = append(cases, numeric(fmt.Sprintf("activation/%v/%v", a, shape), func(s source) sample {
				return one(&op.Activation{Act: a}, s.normal(shape...))
			}))
		}
		cases = append(cases, numeric(fmt.Sprintf("activation/%v/far from zero", a), func(s source) sample {
			x := []float32{-1e30, -1000, -104, -90, -89, -88, -87, -17, -1e-3, 0, 1e-3, 17, 87, 88, 89, 90, 104, 1000, 1e30}
			return one(&op.Activation{Act: a}, of(x, len(x)))
		}))
	}
	return cases
}
