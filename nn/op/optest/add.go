package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// add computes z = x + y, element by element.
func add(z, x, y *tensor.Tensor) {
	out, b := floats(z), floats(y)
	for i, v := range floats(x) {
		out[i] = float32(float64(v) + float64(b[i]))
	}
}

func addCases() (cases []testCase) {
	for _, shape := range []tensor.Shape{
		{1, 1, 1, 1}, {3, 5, 7, 9}, {1, 64, 4, 4}, {3, 33}, {7}, {}, {2, 0, 3}, {2, 3, 5},
	} {
		cases = append(cases, numeric(fmt.Sprintf("add/%v", shape), func(s source) sample {
			return one(&op.Add{}, s.normal(shape...), s.normal(shape...))
		}))
	}
	return append(cases, numeric("add/to itself", func(s source) sample {
		var b builder
		x := b.input(tensor.Float32)
		b.output(b.add("double", &op.Add{}, 1, x, x)...)
		return sample{graph: b.graph(), in: []*tensor.Tensor{s.normal(2, 3, 5, 4)}}
	}))
}
