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
	for _, padding := range [][2]int{{1, 1}, {0, 0}, {2, 1}} {
		var b builder
		v := b.input(tensor.Float32)
		b.Outputs = []op.Value{b.add("conv", &op.Conv2d{Weight: weight, Padding: padding}, v)}
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
				err, size := errorOf(runOn(t, m, x)[0], x, weight, padding)
				if err /= size; !(err < c.limit) {
					t.Errorf("%s padding %v: relative L2 error %.2g by %s", be.Name(), padding, err, c.kernel)
				}
			}
		}
	}
}

// errorOf returns the L2 norms of y's error and of what y should be.
func errorOf(y, x, weight *tensor.Tensor, padding [2]int) (err, size float64) {
	ys, xs, ws := must(tensor.Data[float32](y)), must(tensor.Data[float32](x)), must(tensor.Data[float32](weight))
	s, in := y.Shape(), x.Shape()
	for i, got := range ys {
		n, o, oy, ox := i/(s[1]*s[2]*s[3]), i/(s[2]*s[3])%s[1], i/s[3]%s[2], i%s[3]
		var want float64
		for c := range in[1] {
			for k := range 9 {
				iy, ix := oy+k/3-padding[0], ox+k%3-padding[1]
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
