package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// convTranspose2d computes
//
//	sum[n,o,i,j] = Σ_{c,u,v} w[c,o,u,v] · x[n, c, (i+p−u)/s, (j+p−v)/s]
//
// over the u, v for which both quotients are whole numbers inside x, and then
// the epilogue. (N, C, H, W) → (N, O, H', W').
func convTranspose2d(o *op.ConvTranspose2d, y, x, residual *tensor.Tensor) {
	s, p := o.Window()
	w, k := numbers(o.Weight), o.Weight.Shape()
	inputs, outputs, kh, kw := k[0], k[1], k[2], k[3]
	H, W := x.Shape()[2], x.Shape()[3]
	yh, yw := y.Shape()[2], y.Shape()[3]
	sums := make([]float64, yh*yw)
	for n := range x.Shape()[0] {
		for out := range outputs {
			clear(sums)
			for c := range inputs {
				pixels := plane(x, n, c)
				for u := range kh {
					for v := range kw {
						weight := float64(w[((c*outputs+out)*kh+u)*kw+v])
						for i := range yh {
							for j := range yw {
								row, column := i+p[0]-u, j+p[1]-v
								if row < 0 || column < 0 || row%s[0] != 0 || column%s[1] != 0 {
									continue
								}
								if row, column = row/s[0], column/s[1]; row < H && column < W {
									sums[i*yw+j] += weight * float64(pixels[row*W+column])
								}
							}
						}
					}
				}
			}
			finish(&o.Epilogue, y, n, out, sums, residual)
		}
	}
}

var transposed = []geometry{
	{in: 128, out: 64, k: sq(2), stride: sq(2), h: 7, w: 6, few: true}, // the mask head's, narrower
	{in: 17, out: 9, k: sq(4), stride: sq(2), pad: sq(1), h: 5, w: 6},  // the keypoint head's
	{in: 1, out: 1, k: sq(1), h: 1, w: 1},
	{in: 3, out: 5, k: sq(3), h: 4, w: 7},
	{in: 5, out: 3, k: sq(2), stride: sq(3), h: 3, w: 4}, // holes between the windows
	{in: 4, out: 7, k: sq(5), stride: sq(2), pad: sq(2), h: 5, w: 3},
	{in: 6, out: 5, k: [2]int{2, 3}, stride: [2]int{1, 2}, pad: [2]int{0, 1}, h: 4, w: 5},
	{in: 6, out: 5, k: [2]int{3, 2}, stride: [2]int{3, 1}, pad: [2]int{1, 0}, h: 4, w: 5},
	{in: 7, out: 13, k: sq(2), stride: sq(2), weight: tensor.Float16, h: 5, w: 4},
	{in: 7, out: 13, k: sq(2), stride: sq(2), weight: tensor.BFloat16, h: 3, w: 4},
}

func convTranspose2dCases() (cases []testCase) {
	for _, g := range transposed {
		for i, f := range finishes {
			if g.few && i != 0 && i != 2 {
				continue
			}
			cases = append(cases, numeric(fmt.Sprintf("conv_transpose2d/%v/%s", g, f.name), func(s source) sample {
				o := &op.ConvTranspose2d{
					Weight: s.weight(g.weight, g.in, g.in, g.out, g.k[0], g.k[1]), Stride: g.stride, Padding: g.pad,
				}
				if !f.plain {
					o.Epilogue = s.epilogue(g.out, f.residual, f.act)
				}
				return s.image(o, &o.Epilogue, f.batch, g.in, g.h, g.w)
			}))
		}
	}
	return append(cases, numeric("conv_transpose2d/zero size/no pictures", func(s source) sample {
		o := &op.ConvTranspose2d{Weight: s.weight(tensor.Float32, 3, 3, 4, 2, 2), Stride: sq(2)}
		o.Epilogue = s.epilogue(4, op.SameResidual, op.ReLU)
		return s.image(o, &o.Epilogue, 0, 3, 5, 4)
	}))
}
