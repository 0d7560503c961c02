package kernels

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestWinogradIsAsGoodAsTheProduct compares both kernels with a convolution in
// float64, on sizes that are no multiple of a tile.
func TestWinogradIsAsGoodAsTheProduct(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	const in, out, h, w = 72, 40, 15, 18
	weight, x := normal(r, out, in, 3, 3), normal(r, 2, in, h, w)
	for _, g := range []struct{ padding, dilation [2]int }{
		{[2]int{1, 1}, [2]int{1, 1}}, {[2]int{2, 0}, [2]int{1, 1}}, {[2]int{4, 4}, [2]int{4, 4}}, {[2]int{0, 5}, [2]int{3, 2}},
	} {
		var b builder
		v := b.input(tensor.Float32)
		o := &op.Conv2d{Weight: weight, Padding: g.padding, Dilation: g.dilation}
		b.Outputs = []op.Value{b.add("conv", o, v)}
		for _, be := range backends(t) {
			for _, c := range []struct {
				convolution Convolution
				kernel      string
				limit       float64
			}{{Direct, "tile", 1e-6}, {F2, "winograd2x2", 1e-6}, {Auto, "winograd4x4", 3e-6}} {
				be := &backend{be.tier, c.convolution}
				m := must(be.Load(t.Context(), &b.Graph, op.Options{}))
				p := must(m.Program(x.Shape())).(*program)
				if name := p.steps[1].name; !strings.HasPrefix(name, c.kernel) {
					t.Fatalf("kernel %s, want %s", name, c.kernel)
				}
				err, size := errorOf(runOn(t, m, x)[0], x, o)
				if err /= size; !(err < c.limit) {
					t.Errorf("%s %+v: relative L2 error %.2g by %s", be.Name(), g, err, c.kernel)
				}
			}
		}
	}
}

// TestFarTaps: taps that lie outside the image with whole tiles are left out, and
// nothing else is; also the first and the last, with which a sum begins and ends.
func TestFarTaps(t *testing.T) {
	r := rand.New(rand.NewPCG(33, 34))
	for _, c := range []struct{ in, h, w, dilation int }{
		{farChannels, 9, 31, 12}, {farChannels, 30, 11, 12}, {700, 25, 26, 24}, {blockLength + 100, 13, 14, 12},
		{farChannels, 5, 6, 36}, {farChannels - 1, 9, 31, 12}, {farChannels, 20, 30, 8},
	} {
		weight, x := normal(r, 3, c.in, 3, 3), normal(r, 1, c.in, c.h, c.w)
		d := [2]int{c.dilation, c.dilation}
		o := &op.Conv2d{Weight: weight, Padding: d, Dilation: d}
		o.Act = op.HardSwish
		o.Bias = make([]float64, 3)
		for i := range o.Bias {
			o.Bias[i] = 1000 // where hardswish is the identity
		}
		var b builder
		b.Outputs = []op.Value{b.add("conv", o, b.input(tensor.Float32))}
		for _, be := range backends(t) {
			m := must(be.Load(t.Context(), &b.Graph, op.Options{}))
			y := runOn(t, m, x)[0]
			for i := range must(tensor.Data[float32](y)) {
				must(tensor.Data[float32](y))[i] -= 1000
			}
			err, size := errorOf(y, x, o)
			if err /= size; !(err < 2e-5) {
				t.Errorf("%s %+v: relative L2 error %.2g", be.Name(), c, err)
			}
		}
	}
}

// errorOf returns the L2 norms of y's error and of what y should be, without a
// bias.
func errorOf(y, x *tensor.Tensor, o *op.Conv2d) (err, size float64) {
	_, padding, dilation, _ := o.Window()
	ys, xs, ws := must(tensor.Data[float32](y)), must(tensor.Data[float32](x)), must(tensor.Data[float32](o.Weight))
	s, in := y.Shape(), x.Shape()
	for i, got := range ys {
		n, o, oy, ox := i/(s[1]*s[2]*s[3]), i/(s[2]*s[3])%s[1], i/s[3]%s[2], i%s[3]
		var want float64
		for c := range in[1] {
			for k := range 9 {
				iy, ix := oy+k/3*dilation[0]-padding[0], ox+k%3*dilation[1]-padding[1]
				if iy >= 0 && iy < in[2] && ix >= 0 && ix < in[3] {
					want += float64(ws[(o*in[1]+c)*9+k]) * float64(xs[((n*in[1]+c)*in[2]+iy)*in[3]+ix])
				}
			}
		}
		err += (float64(got) - want) * (float64(got) - want)
		size += want * want
	}
	return math.Sqrt(err), math.Sqrt(size)
}
