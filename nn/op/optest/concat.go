package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// concat computes y[n, C₁+…+Cₖ₋₁+c, i, j] = xₖ[n,c,i,j].
func concat(y *tensor.Tensor, xs []*tensor.Tensor) {
	for n := range y.Shape()[0] {
		first := 0
		for _, x := range xs {
			for c := range x.Shape()[1] {
				copy(plane(y, n, first+c), plane(x, n, c))
			}
			first += x.Shape()[1]
		}
	}
}

func concatCases() (cases []testCase) {
	for _, c := range []struct {
		n, h, w  int
		channels []int
	}{
		{1, 1, 1, []int{1}},
		{1, 3, 2, []int{1, 1}},
		{3, 5, 7, []int{5, 3, 40}},
		{1, 9, 10, []int{256, 256, 256, 256, 256}}, // spatial pyramid pooling
		{2, 4, 3, []int{16, 33, 31}},
		{1, 3, 3, []int{2, 0, 3}},
		{2, 3, 4, []int{0}},
		{0, 3, 4, []int{2, 5}},
		{1, 0, 4, []int{2, 5}},
	} {
		name := fmt.Sprintf("cat/%v channels of %d %dx%d", c.channels, c.n, c.h, c.w)
		cases = append(cases, exact(name, func(s source) sample {
			var xs []*tensor.Tensor
			for _, channels := range c.channels {
				xs = append(xs, s.normal(c.n, channels, c.h, c.w))
			}
			return one(&op.Concat{}, xs...)
		}))
	}
	return append(cases,
		exact("cat/one operand twice", func(s source) sample {
			var b builder
			x, y := b.input(tensor.Float32), b.input(tensor.Float32)
			b.output(b.add("cat", &op.Concat{}, 1, x, y, x)...)
			return sample{b.graph(), []*tensor.Tensor{s.normal(2, 5, 3, 4), s.normal(2, 7, 3, 4)}}
		}),
		// What a branch computes is read by others too, and is an output.
		numeric("cat/branches", func(s source) sample {
			var b builder
			x := b.input(tensor.Float32)
			y := b.add("left", geometry{in: 3, out: 20, k: sq(1)}.conv(s), 1, x)[0]
			z := b.add("right", geometry{in: 20, out: 33, k: sq(3), pad: sq(1)}.conv(s), 1, y)[0]
			both := b.add("cat", &op.Concat{}, 1, z, y)[0]
			b.output(y, b.add("project", geometry{in: 53, out: 9, k: sq(1)}.conv(s), 1, both)[0], both)
			return sample{b.graph(), []*tensor.Tensor{s.normal(2, 3, 5, 6)}}
		}))
}
