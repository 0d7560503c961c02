package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// upsample computes y[n,c,i,j] = x[n, c, near(i, h, H), near(j, w, W)].
func upsample(y, x *tensor.Tensor) {
	h, w := x.Shape()[2], x.Shape()[3]
	H, W := y.Shape()[2], y.Shape()[3]
	for n := range y.Shape()[0] {
		for c := range y.Shape()[1] {
			pixels, out := plane(x, n, c), plane(y, n, c)
			for i := range H {
				for j := range W {
					out[i*W+j] = pixels[op.Nearest(i, h, H)*w+op.Nearest(j, w, W)]
				}
			}
		}
	}
}

func upsampleCases() (cases []testCase) {
	for _, u := range []struct{ n, c, h, w, H, W int }{
		{1, 1, 1, 1, 1, 1},
		{1, 64, 4, 7, 8, 14},
		{3, 5, 3, 5, 6, 10},
		{2, 3, 5, 4, 9, 7}, // an odd pyramid
		{1, 2, 3, 3, 7, 10},
		{1, 3, 7, 9, 4, 2},     // smaller
		{1, 2, 14, 3, 46, 5},   // where float32 and exact quotients choose different rows
		{1, 2, 26, 22, 44, 52}, // the same, both ways
		{0, 3, 2, 2, 4, 4},
		{2, 3, 2, 2, 0, 4},
	} {
		name := fmt.Sprintf("interpolate/%d %d %dx%d to %dx%d", u.n, u.c, u.h, u.w, u.H, u.W)
		cases = append(cases, exact(name, func(s source) sample {
			return one(&op.Upsample{}, s.normal(u.n, u.c, u.h, u.w), s.normal(1, 2, u.H, u.W))
		}))
		cases = append(cases, exact(name+" like bytes", func(s source) sample {
			return one(&op.Upsample{}, s.normal(u.n, u.c, u.h, u.w), empty(tensor.Uint8, 3, 1, u.H, u.W))
		}))
	}
	return cases
}
