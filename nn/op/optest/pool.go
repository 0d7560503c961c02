package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// maxPool2d computes y[n,c,i,j] = max_{u,v} x[n, c, i·s+u−p, j·s+v−p] over the
// u, v inside x; a NaN is greater than everything.
func maxPool2d(o *op.MaxPool2d, y, x *tensor.Tensor) {
	k, s, p := o.Window()
	H, W := x.Shape()[2], x.Shape()[3]
	yh, yw := y.Shape()[2], y.Shape()[3]
	for n := range x.Shape()[0] {
		for c := range x.Shape()[1] {
			pixels, out := plane(x, n, c), plane(y, n, c)
			for i := range yh {
				for j := range yw {
					greatest := float32(math.Inf(-1))
					for u := range k[0] {
						for v := range k[1] {
							row, column := i*s[0]+u-p[0], j*s[1]+v-p[1]
							if 0 <= row && row < H && 0 <= column && column < W {
								greatest = max(greatest, pixels[row*W+column]) // NaN if either is
							}
						}
					}
					out[i*yw+j] = greatest
				}
			}
		}
	}
}

// globalAvgPool2d computes y[n,c,0,0] = Σ_{i,j} x[n,c,i,j] / (H·W).
func globalAvgPool2d(y, x *tensor.Tensor) {
	for n := range x.Shape()[0] {
		for c := range x.Shape()[1] {
			var sum float64
			pixels := plane(x, n, c)
			for _, v := range pixels {
				sum += float64(v)
			}
			plane(y, n, c)[0] = float32(sum / float64(len(pixels)))
		}
	}
}

func poolCases() (cases []testCase) {
	for _, p := range []struct {
		o          op.MaxPool2d
		n, c, h, w int
	}{
		{op.MaxPool2d{Kernel: sq(3), Stride: sq(2), Padding: sq(1)}, 1, 64, 14, 13}, // the stem's
		{op.MaxPool2d{Kernel: sq(3), Stride: sq(2), Padding: sq(1)}, 3, 5, 7, 10},
		{op.MaxPool2d{Kernel: sq(1), Stride: sq(2)}, 3, 7, 13, 9}, // the pyramid's P6
		{op.MaxPool2d{Kernel: sq(2)}, 1, 3, 9, 6},
		{op.MaxPool2d{Kernel: sq(2), Stride: sq(2)}, 1, 3, 7, 7},
		{op.MaxPool2d{Kernel: sq(3), Stride: sq(1), Padding: sq(1)}, 1, 9, 5, 5},
		{op.MaxPool2d{Kernel: sq(2), Stride: sq(1), Padding: sq(1)}, 1, 2, 1, 1},
		{op.MaxPool2d{Kernel: [2]int{2, 3}, Stride: [2]int{3, 1}, Padding: [2]int{1, 0}}, 2, 4, 8, 5},
		{op.MaxPool2d{Kernel: [2]int{3, 2}, Stride: [2]int{1, 3}, Padding: [2]int{0, 1}}, 2, 4, 8, 5},
		{op.MaxPool2d{Kernel: sq(5), Stride: sq(3), Padding: sq(2)}, 1, 2, 2, 3},
		{op.MaxPool2d{Kernel: sq(1)}, 1, 1, 1, 1},
		{op.MaxPool2d{Kernel: sq(2)}, 0, 3, 4, 4},
		{op.MaxPool2d{Kernel: sq(2), Ceil: true}, 1, 64, 13, 14}, // the third of SSD300's trunk
		{op.MaxPool2d{Kernel: sq(2), Ceil: true}, 3, 5, 4, 1},
		{op.MaxPool2d{Kernel: sq(3), Stride: sq(2), Padding: sq(1), Ceil: true}, 2, 5, 8, 7},
		{op.MaxPool2d{Kernel: sq(2), Stride: sq(3), Padding: sq(1), Ceil: true}, 2, 3, 5, 6}, // a last window too far
		{op.MaxPool2d{Kernel: sq(3), Stride: [2]int{4, 5}, Ceil: true}, 1, 9, 2, 11},
	} {
		k, s, pad := p.o.Window()
		name := fmt.Sprintf("max_pool2d/k%v s%v p%v on %d %d %d %d", k, s, pad, p.n, p.c, p.h, p.w)
		if p.o.Ceil {
			name += " rounded up"
		}
		cases = append(cases, exact(name, func(src source) sample {
			x := src.normal(p.n, p.c, p.h, p.w)
			for i, v := range floats(x) {
				floats(x)[i] = v - 10 // all below zero: padding must not win
			}
			return one(&p.o, x)
		}))
	}
	cases = append(cases, exact("max_pool2d/NaN and infinities", func(s source) sample {
		x := s.normal(1, 5, 6, 7)
		for i := range 12 {
			special := []float64{math.NaN(), math.Inf(1), math.Inf(-1)}
			floats(x)[s.IntN(x.Len())] = float32(special[i%3])
		}
		return one(&op.MaxPool2d{Kernel: sq(3), Stride: sq(2), Padding: sq(1)}, x)
	}))
	for _, shape := range []tensor.Shape{
		{1, 1, 1, 1}, {3, 17, 7, 7}, {1, 512, 3, 5}, {2, 3, 1, 13}, {2, 72, 13, 11}, {0, 3, 2, 2},
	} {
		cases = append(cases, numeric(fmt.Sprintf("adaptive_avg_pool2d/%v", shape), func(s source) sample {
			return one(&op.GlobalAvgPool2d{}, s.normal(shape...))
		}))
	}
	return cases
}
