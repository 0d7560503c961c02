package optest

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// conv2d computes
//
//	sum[n,o,i,j] = Σ_{c,u,v} w[o,c,u,v] · x[n, g·C/G+c, i·s+u·d−p, j·s+v·d−p]
//
// (N, C, H, W) → (N, O, H', W') and then the epilogue.
func conv2d(o *op.Conv2d, y, x, residual *tensor.Tensor) {
	s, p, d, groups := o.Window()
	w, k := numbers(o.Weight), o.Weight.Shape()
	outputs, inputs, kh, kw := k[0], k[1], k[2], k[3]
	H, W := x.Shape()[2], x.Shape()[3]
	yh, yw := y.Shape()[2], y.Shape()[3]
	sums := make([]float64, yh*yw)
	for n := range x.Shape()[0] {
		for out := range outputs {
			clear(sums)
			group := out / (outputs / groups)
			for c := range inputs {
				pixels := plane(x, n, group*inputs+c)
				for u := range kh {
					for v := range kw {
						weight := float64(w[((out*inputs+c)*kh+u)*kw+v])
						for i := range yh {
							row := i*s[0] + u*d[0] - p[0]
							if row < 0 || row >= H {
								continue
							}
							from, to := pixels[row*W:(row+1)*W], sums[i*yw:(i+1)*yw]
							q := v*d[1] - p[1]
							for j := range to {
								if uint(q) < uint(len(from)) {
									to[j] += weight * float64(from[q])
								}
								q += s[1]
							}
						}
					}
				}
			}
			finish(&o.Epilogue, y, n, out, sums, residual)
		}
	}
}

// geometry is a convolution without numbers. Zero strides, dilations and
// groups mean 1, as in op.Conv2d.
type geometry struct {
	in, out        int
	k, stride, pad [2]int
	dilation       [2]int
	groups         int
	h, w           int // of the input
	few            bool
	weight         tensor.DType // Invalid means Float32
}

func (g geometry) String() string {
	s := fmt.Sprintf("%d to %d k%dx%d", g.in, g.out, g.k[0], g.k[1])
	for _, a := range []struct {
		name string
		v    [2]int
	}{{"s", g.stride}, {"p", g.pad}, {"d", g.dilation}} {
		if a.v != [2]int{} {
			s += fmt.Sprintf(" %s%dx%d", a.name, a.v[0], a.v[1])
		}
	}
	if g.groups > 1 {
		s += fmt.Sprintf(" groups %d", g.groups)
	}
	if g.weight != tensor.Invalid && g.weight != tensor.Float32 {
		s += " " + g.weight.String()
	}
	return s + fmt.Sprintf(" on %dx%d", g.h, g.w)
}

// conv makes the operator with weights.
func (g geometry) conv(s source) *op.Conv2d {
	groups := max(g.groups, 1)
	fan := g.in / groups * g.k[0] * g.k[1]
	return &op.Conv2d{
		Weight: s.weight(g.weight, fan, g.out, g.in/groups, g.k[0], g.k[1]),
		Stride: g.stride, Padding: g.pad, Dilation: g.dilation, Groups: g.groups,
	}
}

func sq(n int) [2]int { return [2]int{n, n} }

// convolutions are tried with every finish, or with two if they have few.
var convolutions = []geometry{
	// The layers of ResNet-50, FPN, RPN and the mask head, on small maps.
	{in: 3, out: 64, k: sq(7), stride: sq(2), pad: sq(3), h: 32, w: 32, few: true},
	{in: 64, out: 64, k: sq(1), h: 14, w: 13},
	{in: 64, out: 256, k: sq(1), h: 7, w: 9},
	{in: 256, out: 64, k: sq(1), h: 7, w: 5},
	{in: 64, out: 64, k: sq(3), pad: sq(1), h: 14, w: 14, few: true},
	{in: 128, out: 128, k: sq(3), stride: sq(2), pad: sq(1), h: 14, w: 13, few: true},
	{in: 256, out: 256, k: sq(3), pad: sq(1), h: 7, w: 7, few: true},
	{in: 512, out: 512, k: sq(3), pad: sq(1), h: 3, w: 4, few: true},
	{in: 512, out: 512, k: sq(3), stride: sq(2), pad: sq(1), h: 7, w: 6, few: true},
	{in: 256, out: 512, k: sq(1), stride: sq(2), h: 14, w: 13, few: true},
	{in: 512, out: 2048, k: sq(1), h: 3, w: 5, few: true},
	{in: 2048, out: 512, k: sq(1), h: 4, w: 5, few: true},
	{in: 256, out: 3, k: sq(1), h: 11, w: 13},
	{in: 256, out: 12, k: sq(1), h: 5, w: 3},
	{in: 256, out: 91, k: sq(1), h: 5, w: 6},
	// Groups: ResNeXt, MobileNet, and sizes of no kind.
	{in: 128, out: 128, k: sq(3), pad: sq(1), groups: 32, h: 9, w: 7},
	{in: 128, out: 128, k: sq(3), stride: sq(2), pad: sq(1), groups: 32, h: 9, w: 8},
	{in: 35, out: 35, k: sq(3), pad: sq(1), groups: 35, h: 8, w: 9},
	{in: 24, out: 24, k: sq(5), stride: sq(2), pad: sq(2), groups: 24, h: 9, w: 10},
	{in: 40, out: 40, k: sq(7), pad: sq(3), groups: 40, h: 9, w: 15}, // ConvNeXt's blocks
	{in: 19, out: 19, k: sq(7), pad: sq(3), groups: 19, h: 3, w: 7},
	{in: 17, out: 17, k: sq(7), pad: sq(3), groups: 17, h: 8, w: 6},
	{in: 9, out: 9, k: sq(5), stride: [2]int{2, 1}, pad: [2]int{1, 4}, dilation: [2]int{3, 1}, groups: 9, h: 13, w: 9},
	{in: 33, out: 33, k: [2]int{2, 3}, groups: 33, h: 5, w: 19},
	{in: 6, out: 10, k: sq(3), groups: 2, h: 5, w: 7},
	{in: 7, out: 14, k: sq(1), groups: 7, h: 3, w: 5},
	// Dilation: segmentation networks.
	{in: 19, out: 21, k: sq(3), pad: sq(2), dilation: sq(2), h: 11, w: 12},
	{in: 5, out: 3, k: sq(3), pad: sq(12), dilation: sq(12), h: 9, w: 13},
	{in: 40, out: 33, k: sq(3), pad: sq(2), dilation: sq(2), h: 9, w: 14},
	{in: 33, out: 37, k: sq(3), pad: sq(4), dilation: sq(4), h: 3, w: 13},
	{in: 4, out: 9, k: sq(3), stride: sq(2), pad: sq(1), dilation: sq(3), h: 13, w: 12},
	// Different in the two directions.
	{in: 17, out: 18, k: [2]int{1, 7}, pad: [2]int{0, 3}, h: 9, w: 10},
	{in: 18, out: 17, k: [2]int{7, 1}, pad: [2]int{3, 0}, h: 9, w: 10},
	{in: 3, out: 5, k: [2]int{2, 3}, stride: [2]int{2, 1}, pad: [2]int{1, 0}, dilation: [2]int{1, 2}, h: 7, w: 12},
	{in: 3, out: 5, k: [2]int{3, 2}, stride: [2]int{1, 3}, pad: [2]int{0, 1}, dilation: [2]int{2, 1}, h: 9, w: 8},
	{in: 13, out: 11, k: sq(3), stride: [2]int{2, 1}, pad: sq(1), h: 8, w: 13},
	// No multiple of anything.
	{in: 1, out: 2, k: sq(3), pad: sq(1), h: 5, w: 14},
	{in: 5, out: 7, k: sq(3), pad: sq(1), h: 9, w: 11},
	{in: 17, out: 33, k: sq(3), h: 6, w: 13},
	{in: 31, out: 15, k: sq(1), h: 13, w: 1},
	{in: 65, out: 67, k: sq(3), pad: sq(1), h: 3, w: 13},
	{in: 33, out: 129, k: sq(1), h: 2, w: 3},
	{in: 3, out: 29, k: sq(4), stride: sq(4), h: 14, w: 13},
	{in: 9, out: 9, k: sq(1), stride: sq(3), h: 10, w: 11},
	{in: 2, out: 3, k: sq(2), stride: sq(5), h: 13, w: 12},
	{in: 11, out: 19, k: sq(5), pad: sq(2), h: 6, w: 7},
	// The smallest, and maps smaller than the kernel.
	{in: 1, out: 1, k: sq(1), h: 1, w: 1},
	{in: 3, out: 4, k: sq(3), pad: sq(1), h: 1, w: 1},
	{in: 16, out: 16, k: sq(3), pad: sq(1), h: 2, w: 1},
	{in: 3, out: 8, k: sq(7), stride: sq(2), pad: sq(3), h: 2, w: 3},
	{in: 2, out: 2, k: sq(3), pad: sq(4), h: 1, w: 2},
	// Half precision in the file.
	{in: 13, out: 18, k: sq(3), pad: sq(1), weight: tensor.Float16, h: 8, w: 9},
	{in: 19, out: 34, k: sq(1), weight: tensor.BFloat16, h: 4, w: 9},
	{in: 6, out: 6, k: sq(3), pad: sq(1), groups: 6, weight: tensor.Float16, h: 5, w: 4},
	{in: 3, out: 5, k: sq(3), stride: sq(2), weight: tensor.Float64, h: 7, w: 5},
}

func conv2dCases() (cases []testCase) {
	for _, g := range convolutions {
		for i, f := range finishes {
			if g.few && i != 0 && i != 2 {
				continue
			}
			cases = append(cases, numeric(fmt.Sprintf("conv2d/%v/%s", g, f.name), func(s source) sample {
				o := g.conv(s)
				if !f.plain {
					o.Epilogue = s.epilogue(g.out, f.residual, f.act)
				}
				batch := f.batch
				if g.few {
					batch = 1 + i/2 // 1 and 2: large layers are slow here
				}
				return s.image(o, &o.Epilogue, batch, g.in, g.h, g.w)
			}))
		}
	}
	// Every combination of an epilogue's parts, once.
	g := geometry{in: 6, out: 9, k: sq(3), pad: sq(1), h: 5, w: 7}
	for scale := range 2 {
		for bias := range 2 {
			for r := op.NoResidual; r <= op.NearestResidual; r++ {
				for a := op.NoAct; a <= lastAct; a++ {
					name := fmt.Sprintf("conv2d/epilogue/scale %d bias %d residual %d %v", scale, bias, r, a)
					cases = append(cases, numeric(name, func(s source) sample {
						o := g.conv(s)
						o.Epilogue = s.epilogue(g.out, r, a)
						if scale == 0 {
							o.Scale = nil
						}
						if bias == 0 {
							o.Bias = nil
						}
						return s.image(o, &o.Epilogue, 2, g.in, g.h, g.w)
					}))
				}
			}
		}
	}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float16, tensor.BFloat16} {
		cases = append(cases, numeric(fmt.Sprintf("conv2d/%v weights at an odd address", d), func(s source) sample {
			o := geometry{in: 5, out: 19, k: sq(3), weight: d}.conv(s)
			o.Weight = misaligned(o.Weight)
			return one(o, s.normal(1, 5, 7, 6))
		}))
	}
	// No pictures, and an output of nothing but padding.
	cases = append(cases, numeric("conv2d/zero size/no pictures", func(s source) sample {
		o := geometry{in: 4, out: 5, k: sq(3)}.conv(s)
		o.Epilogue = s.epilogue(5, op.SameResidual, op.ReLU)
		return s.image(o, &o.Epilogue, 0, 4, 5, 7)
	}))
	return append(cases, numeric("conv2d/zero size/padding only", func(s source) sample {
		o := geometry{in: 4, out: 5, k: sq(3), pad: sq(2)}.conv(s)
		o.Epilogue = s.epilogue(5, op.NoResidual, op.NoAct)
		return s.image(o, &o.Epilogue, 2, 4, 0, 3)
	}))
}

// image returns a sample of one operator with an epilogue on (n, c, h, w).
func (s source) image(o op.Op, e *op.Epilogue, n, c, h, w int) sample {
	in := []*tensor.Tensor{s.normal(n, c, h, w)}
	if e.Residual == op.NoResidual {
		return one(o, in...)
	}
	plain := op.Clone(o)
	*op.EpilogueOf(plain) = op.Epilogue{}
	y := must(plain.Infer(op.F32(n, c, h, w)))[0].Shape
	if e.Residual == op.NearestResidual && y.Len() > 0 {
		y = tensor.Shape{y[0], y[1], y[2]/2 + 1, (y[3] + 2) / 3}
	}
	return one(o, append(in, s.normal(y...))...)
}
