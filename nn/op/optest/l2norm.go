package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// l2Norm computes y = w[c] · x / max(√Σx², 1e-12) with the sum over the channels
// of each pixel.
func l2Norm(o *op.L2Norm, y, x *tensor.Tensor) {
	weight := numbers(o.Weight)
	for n := range x.Shape()[0] {
		for p := range x.Shape()[2:].Len() {
			var square float64
			for c := range weight {
				v := float64(plane(x, n, c)[p])
				square += v * v
			}
			for c, w := range weight {
				plane(y, n, c)[p] = float32(float64(w) * float64(plane(x, n, c)[p]) / max(math.Sqrt(square), 1e-12))
			}
		}
	}
}

func l2NormCases() (cases []testCase) {
	for _, c := range []struct {
		n, c, h, w int
		weight     tensor.DType
	}{
		{1, 512, 14, 13, tensor.Float32}, // SSD300's conv4_3
		{3, 17, 5, 7, tensor.Float32},
		{1, 40, 3, 13, tensor.Float16},
		{3, 5, 4, 3, tensor.BFloat16},
		{2, 3, 1, 1, tensor.Float64},
		{1, 1, 2, 2, tensor.Float32}, // w, or −w
		{0, 5, 4, 3, tensor.Float32},
		{2, 5, 0, 3, tensor.Float32},
	} {
		name := fmt.Sprintf("normalize/%d %d %d %d %v", c.n, c.c, c.h, c.w, c.weight)
		cases = append(cases, numeric(name, func(s source) sample {
			return one(&op.L2Norm{Weight: as(c.weight, s.normal(c.c))}, s.normal(c.n, c.c, c.h, c.w))
		}))
	}
	// At the first pixel nothing but zeros, at the second less than the least length, at the others what is squared below
	// or above all of float32's numbers.
	return append(cases, against("normalize/short and long", selection, func(s source) sample {
		x := s.normal(2, 6, 1, 4)
		for n := range 2 {
			for c := range 6 {
				for p, size := range []float32{0, 1e-14, 1e-9, 1e30} {
					plane(x, n, c)[p] *= size
				}
			}
		}
		return one(&op.L2Norm{Weight: s.normal(6)}, x)
	}))
}
