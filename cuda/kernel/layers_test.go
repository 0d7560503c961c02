//go:build linux && cgo && !nocuda

package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

// A layer is a kernel that a formula in float64 is held against: run returns what it made of some sizes, and what it
// should have.
type layer struct {
	kernel string
	run    func(d *device, t *testing.T, order int) (got []float32, want []float64)
}

// layers has the kernels without a matrix product, each with sizes that are no multiple of anything.
var layers = []layer{
	{"to_nhwc_f32", toNHWC},
	{"to_nchw_f32", toNCHW},
	{"add_f32", add},
	{"mul_f32", mul},
	{"activation_f32", activation},
	{"batch_norm2d_f32", batchNorm2d},
	{"upsample_f32", upsample},
	{"max_pool2d_f32", maxPool2d},
	{"global_avg_pool2d_f32", globalAvgPool2d},
	{"conv2d_grouped_f32", conv2dGrouped},
}

// wrong returns the first difference in an order of threads, "" if there is none.
func (l layer) wrong(d *device, t *testing.T, order int) string {
	got, want := l.run(d, t, order)
	if got == nil {
		return d.fake.Fault()
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d numbers, want %d", len(got), len(want))
	}
	for i, w := range want {
		same := math.IsNaN(w) && got[i] != got[i]
		if !same && !(math.Abs(float64(got[i])-w) <= 1e-6*(1+math.Abs(w))) {
			return fmt.Sprintf("number %d: %v, want %v", i, got[i], w)
		}
	}
	return ""
}

// TestLayers holds the kernels against their formulas, in every order of threads.
func TestLayers(t *testing.T) {
	d := open(t, fakedriver.New(t))
	for _, l := range layers {
		for order := range fakedriver.Orders {
			if wrong := l.wrong(d, t, order); wrong != "" {
				t.Errorf("%s, order %d: %s", l.kernel, order, wrong)
			}
		}
	}
}

// TestLayersMistakes has mistakes in the kernels, each of which must be seen in one of the orders.
func TestLayersMistakes(t *testing.T) {
	for _, m := range []struct{ name, kernel, source, was, is string }{
		{"no barrier", "global_avg_pool2d_f32", "pool.cu", "\t\t__syncthreads();\n", ""},
		{"a pixel left out", "global_avg_pool2d_f32", "pool.cu", "p = lane; p <", "p = lane + 1; p <"},
		{"NaN is dropped", "max_pool2d_f32", "pool.cu", "|| b != b ?", "?"},
		{"padding wins", "max_pool2d_f32", "pool.cu", "__uint_as_float(0xff800000)", "0"},
		{"bound not looked at", "max_pool2d_f32", "pool.cu", "&& row < height; row++", "; row++"},
		{"channels that are not there", "to_nhwc_f32", "border.cu", "quad * 4 + j < c ?", "true ?"},
		{"rows that are longer", "to_nchw_f32", "border.cu", "channel < c ?", "true ?"},
		{"activation of nothing", "activation_f32", "elementwise.cu", "within(v, i % per * 4, c)", "v"},
		{"another picture's scale", "mul_f32", "elementwise.cu", "i / per / pixels * per", "i / pixels * per"},
		{"another channel's shift", "batch_norm2d_f32", "elementwise.cu", "b = shift[i % per]", "b = shift[i / per % per]"},
		{"sizes swapped", "upsample_f32", "upsample.cu", "ho, wo, height, width)", "wo, ho, height, width)"},
		{"another group", "conv2d_grouped_f32", "conv2d_grouped.cu", "channel / per_group * k", "channel % per_group * k"},
		{"a thread too many", "add_f32", "elementwise.cu",
			"float4 *z, long long quads) {\n\tlong long i = thread();\n\tif (i >= quads)",
			"float4 *z, long long quads) {\n\tlong long i = thread();\n\tif (i > quads)"},
	} {
		t.Run(m.name, func(t *testing.T) {
			if !*full && m.name != "no barrier" {
				t.Skip("NOT RUN without -full: each takes a second to compile")
			}
			d := open(t, fakedriver.NewWithMistake(t, m.source, m.was, m.is))
			for _, l := range layers {
				for order := range fakedriver.Orders {
					if l.kernel != m.kernel {
						continue
					}
					if wrong := l.wrong(d, t, order); wrong != "" {
						t.Logf("seen in order %d: %s", order, wrong)
						return
					}
				}
			}
			t.Error("nobody saw it")
		})
	}
}

// Maps of the tests: n pictures of h × w pixels, c channels, s numbers from pixel to pixel.
const (
	n, h, w, c, s = 3, 5, 6, 7, 8
	per           = s / 4
)

func source() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// apply runs a kernel with as many threads as y has things, in grid blocks or as many as these take, and returns y.
func (d *device) apply(t *testing.T, order int, kernel string, y, things int, args func(y *driver.Buffer) []any) []float32 {
	t.Helper()
	grid, block := [3]uint32{uint32(ceil(things, 256))}, [3]uint32{256}
	if kernel == "global_avg_pool2d_f32" {
		grid, block = [3]uint32{uint32(things)}, [3]uint32{8, 32}
	}
	out := d.upload(t, make([]float32, y))
	check(t, d.stream.Fill(out, 0, out.Size(), 0xFF))
	var list []driver.Argument
	for _, a := range args(out) {
		switch a := a.(type) {
		case []float32:
			list = append(list, driver.Pointer(d.upload(t, a), 0))
		case *driver.Buffer:
			list = append(list, driver.Pointer(a, 0))
		case int64:
			list = append(list, driver.Int64(a))
		case int:
			list = append(list, driver.Int32(int32(a)))
		}
	}
	d.run(t, order, kernel, grid, block, list...)
	got, err := d.download(out)
	if err != nil {
		return nil
	}
	return got
}

func toNHWC(d *device, t *testing.T, order int) (got []float32, want []float64) {
	x := fill(source(), n*c*h*w, 1, 1)
	got = d.apply(t, order, "to_nhwc_f32", n*h*w*s, n*h*w*per, func(y *driver.Buffer) []any {
		return []any{x, y, int64(n * h * w * per), c, h * w, s}
	})
	want = make([]float64, n*h*w*s)
	for i, v := range x {
		want[(i/(c*h*w)*h*w+i%(h*w))*s+i/(h*w)%c] = float64(v)
	}
	return got, want
}

func toNCHW(d *device, t *testing.T, order int) (got []float32, want []float64) {
	const row = (c+1)*h*w + 2 // longer than a pixel's channels
	x := fill(source(), n*h*w, s, c)
	got = d.apply(t, order, "to_nchw_f32", n*row, n*row, func(y *driver.Buffer) []any {
		return []any{x, y, int64(n * row), c, h * w, s, int64(row)}
	})
	want = make([]float64, n*row)
	for i, v := range x {
		if channel := i % s; channel < c { // the rest of a row is 0
			want[i/s/(h*w)*row+channel*h*w+i/s%(h*w)] = float64(v)
		}
	}
	return got, want
}

func add(d *device, t *testing.T, order int) (got []float32, want []float64) {
	r := source()
	x, y := fill(r, n*h*w, s, c), fill(r, n*h*w, s, c)
	got = d.apply(t, order, "add_f32", n*h*w*s, n*h*w*per, func(z *driver.Buffer) []any {
		return []any{x, y, z, int64(n * h * w * per)}
	})
	for i := range x {
		want = append(want, float64(x[i])+float64(y[i]))
	}
	return got, want
}

func mul(d *device, t *testing.T, order int) (got []float32, want []float64) {
	r := source()
	x := fill(r, n*h*w, s, c)
	for once := range 2 {
		y := fill(r, n*h*w, s, c)
		z := d.apply(t, order, "mul_f32", n*h*w*s, n*h*w*per, func(z *driver.Buffer) []any {
			return []any{x, y, z, int64(n * h * w * per), per, h * w, once}
		})
		if z == nil {
			return nil, nil
		}
		got = append(got, z...)
		for i := range x {
			at := i
			if once == 1 {
				at = i/(h*w*s)*s + i%s
			}
			want = append(want, float64(x[i])*float64(y[at]))
		}
	}
	return got, want
}

// act is the activations by their numbers.
func act(which int, x float64) float64 {
	switch which {
	case 1:
		return max(x, 0)
	case 2:
		return 1 / (1 + math.Exp(-x))
	case 3:
		return x / (1 + math.Exp(-x))
	case 4:
		return x * min(max(x+3, 0), 6) / 6
	case 5:
		return min(max(x+3, 0), 6) / 6
	case 6:
		return min(max(x, 0), 6)
	case 7:
		return x / 2 * math.Erfc(-x/math.Sqrt2)
	}
	return x
}

func activation(d *device, t *testing.T, order int) (got []float32, want []float64) {
	x := fill(source(), n*h*w, s, c)
	for i := range x {
		x[i] *= 9
	}
	x[1] = float32(math.NaN())
	for which := range 8 {
		y := d.apply(t, order, "activation_f32", n*h*w*s, n*h*w*per, func(y *driver.Buffer) []any {
			return []any{x, y, int64(n * h * w * per), per, c, which}
		})
		if y == nil {
			return nil, nil
		}
		got = append(got, y...)
		for i, v := range x {
			if i%s < c {
				want = append(want, act(which, float64(v)))
			} else {
				want = append(want, 0)
			}
		}
	}
	return got, want
}

func batchNorm2d(d *device, t *testing.T, order int) (got []float32, want []float64) {
	r := source()
	x, scale, shift := fill(r, n*h*w, s, c), fill(r, 1, s, c), fill(r, 1, s, c)
	got = d.apply(t, order, "batch_norm2d_f32", n*h*w*s, n*h*w*per, func(y *driver.Buffer) []any {
		return []any{x, scale, shift, y, int64(n * h * w * per), per}
	})
	for i, v := range x {
		want = append(want, float64(scale[i%s])*float64(v)+float64(shift[i%s]))
	}
	return got, want
}

func upsample(d *device, t *testing.T, order int) (got []float32, want []float64) {
	const ho, wo = 9, 14
	x := fill(source(), n*h*w, s, c)
	got = d.apply(t, order, "upsample_f32", n*ho*wo*s, n*ho*wo*per, func(y *driver.Buffer) []any {
		return []any{x, y, int64(n * ho * wo * per), per, h, w, ho, wo}
	})
	for i := range n * ho * wo * s {
		m := i / s
		want = append(want, float64(x[((m/(ho*wo)*h+m/wo%ho*h/ho)*w+m%wo*w/wo)*s+i%s]))
	}
	return got, want
}

func maxPool2d(d *device, t *testing.T, order int) (got []float32, want []float64) {
	const ho, wo = 3, 6 // (5 + 2·1 − 3)/2 + 1, (6 + 0 − 1)/1 + 1
	x := fill(source(), n*h*w, s, c)
	for i := range x {
		if i%s < c {
			x[i] -= 2 // all below zero: padding must not win
		}
	}
	x[3*s] = float32(math.NaN())
	got = d.apply(t, order, "max_pool2d_f32", n*ho*wo*s, n*ho*wo*per, func(y *driver.Buffer) []any {
		return []any{x, y, int64(n * ho * wo * per), per, h, w, ho, wo, 3, 1, 2, 1, 1, 0}
	})
	for i := range n * ho * wo * s {
		m, greatest := i/s, math.Inf(-1)
		for u := range 3 {
			if row := m/wo%ho*2 + u - 1; 0 <= row && row < h {
				greatest = max(greatest, float64(x[((m/(ho*wo)*h+row)*w+m%wo)*s+i%s]))
			}
		}
		want = append(want, greatest)
	}
	return got, want
}

func globalAvgPool2d(d *device, t *testing.T, order int) (got []float32, want []float64) {
	const s, c, pixels = 36, 34, 75 // two blocks for a picture, and lanes with two pixels and with three
	x := fill(source(), n*pixels, s, c)
	got = d.apply(t, order, "global_avg_pool2d_f32", n*s, n*2, func(y *driver.Buffer) []any {
		return []any{x, y, pixels, s / 4}
	})
	want = make([]float64, n*s)
	for i, v := range x {
		want[i/(pixels*s)*s+i%s] += float64(v) / pixels
	}
	return got, want
}

func conv2dGrouped(d *device, t *testing.T, order int) (got []float32, want []float64) {
	const groups, k, o, os, ho, wo = 2, 3, 10, 12, 3, 4 // (5 + 2·1 − 3)/2 + 1, (6 + 2·1 − 2·(3−1) − 1)/1 + 1
	r := source()
	x, weights, bias := fill(r, n*h*w, s, groups*k), fill(r, 9*k, os, o), fill(r, 1, os, o)
	residual := fill(r, n*2*3, os, o)
	got = d.apply(t, order, "conv2d_grouped_f32", n*ho*wo*os, n*ho*wo*os, func(y *driver.Buffer) []any {
		return []any{x, weights, bias, residual, y, int64(n * ho * wo * os), h, w, k, s, ho, wo, o, o / groups, os, os, 3, 3,
			2, 1, 1, 1, 1, 2, 2, 3, 1}
	})
	for i := range n * ho * wo * os {
		m, channel := i/os, i%os
		sum := float64(bias[channel]) + float64(residual[((m/(ho*wo)*2+m/wo%ho*2/ho)*3+m%wo*3/wo)*os+channel])
		for tap := range 9 {
			row, column := m/wo%ho*2+tap/3-1, m%wo+tap%3*2-1
			if channel >= o || row < 0 || row >= h || column < 0 || column >= w {
				continue
			}
			for j := range k {
				sum += float64(weights[(tap*k+j)*os+channel]) *
					float64(x[((m/(ho*wo)*h+row)*w+column)*s+channel/(o/groups)*k+j])
			}
		}
		want = append(want, max(sum, 0))
	}
	return got, want
}
