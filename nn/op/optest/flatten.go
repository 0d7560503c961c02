package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// flattenCases: y[n, (c·H+i)·W+j] = x[n,c,i,j] is a copy, and its loop is the
// copy in evaluate.
func flattenCases() (cases []testCase) {
	for _, shape := range []tensor.Shape{
		{1, 1, 1, 1}, {3, 5, 7, 2}, {1, 33, 1, 1}, {2, 9}, {4}, {0, 3, 4, 5}, {3, 0, 2, 2}, {2, 3, 5},
	} {
		cases = append(cases, exact(fmt.Sprintf("flatten/%v", shape), func(s source) sample {
			return one(&op.Flatten{}, s.normal(shape...))
		}))
	}
	// After a convolution, whose layout may be the backend's own, and before a
	// linear layer, which has to know of it: fc6.
	for _, r := range [][3]int{{1, 9, 7}, {3, 20, 5}, {2, 64, 3}} {
		name := fmt.Sprintf("flatten/between conv and linear/%d pictures %d channels %d", r[0], r[1], r[2])
		cases = append(cases, numeric(name, func(s source) sample {
			var b builder
			n, c, size := r[0], r[1], r[2]
			x := b.input(tensor.Float32)
			x = b.add("conv", geometry{in: 4, out: c, k: sq(3), pad: sq(1)}.conv(s), 1, x)[0]
			x = b.add("flatten", &op.Flatten{}, 1, x)[0]
			fc := &op.Linear{Weight: s.weight(tensor.Float32, c*size*size, 21, c*size*size)}
			y := b.add("fc", fc, 1, x)[0]
			b.output(y, x)
			return sample{graph: b.graph(), in: []*tensor.Tensor{s.normal(n, 4, size, size)}}
		}))
	}
	return cases
}
