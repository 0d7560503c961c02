package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// upsample computes y[n,c,i,j] = x[n, c, near(i, h, H), near(j, w, W)], or what
// lies between four pixels.
func upsample(o *op.Upsample, y, x *tensor.Tensor) {
	h, w := x.Shape()[2], x.Shape()[3]
	H, W := y.Shape()[2], y.Shape()[3]
	for n := range y.Shape()[0] {
		for c := range y.Shape()[1] {
			pixels, out := plane(x, n, c), plane(y, n, c)
			for i := range H {
				top, bottom, p := op.Between(i, h, H)
				for j := range W {
					if o.Bilinear {
						left, right, q := op.Between(j, w, W)
						upper := between(float64(pixels[top*w+left]), float64(pixels[top*w+right]), q)
						lower := between(float64(pixels[bottom*w+left]), float64(pixels[bottom*w+right]), q)
						out[i*W+j] = float32(between(upper, lower, p))
						continue
					}
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
	return append(cases, bilinearCases()...)
}

func bilinearCases() (cases []testCase) {
	for _, u := range []struct{ n, c, h, w, H, W int }{
		{1, 1, 1, 1, 1, 1},
		{2, 40, 1, 1, 5, 7}, // the mean of a picture, spread over it
		{1, 21, 9, 13, 72, 100},
		{3, 5, 3, 5, 6, 10},
		{2, 17, 5, 4, 9, 7},
		{1, 2, 5, 6, 5, 11}, // one axis is not scaled
		{1, 35, 6, 5, 11, 5},
		{1, 3, 7, 9, 4, 2},  // smaller, without antialiasing
		{1, 2, 1, 9, 3, 20}, // a row
		{0, 3, 2, 2, 4, 4},
		{2, 3, 2, 2, 0, 4},
	} {
		name := fmt.Sprintf("interpolate/bilinear/%d %d %dx%d to %dx%d", u.n, u.c, u.h, u.w, u.H, u.W)
		cases = append(cases, numeric(name, func(s source) sample {
			return one(&op.Upsample{Bilinear: true}, s.normal(u.n, u.c, u.h, u.w), s.normal(1, 2, u.H, u.W))
		}))
	}
	// Shares of 0: an infinity stays in its row, and is no NaN in the next.
	return append(cases, exact("interpolate/bilinear/infinities", func(s source) sample {
		x := empty(tensor.Float32, 1, 1, 2, 5)
		copy(floats(x), []float32{1, 2, float32(math.Inf(1)), 3, 4, 8, 6, 4, 2, 0})
		return one(&op.Upsample{Bilinear: true}, x, empty(tensor.Float32, 1, 1, 2, 10))
	}))
}
