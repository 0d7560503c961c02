//go:build linux && cgo && !nocuda

package kernel_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/tensor"
)

// A form is what maps are of, with the numbers of a test in it.
type form struct {
	name   string // that kernels end in
	size   int
	bits   int // significant ones
	number func(bits uint32) float32
	bitsOf func(float32) uint32
}

var forms = []form{
	{"f32", 4, 24, math.Float32frombits, math.Float32bits},
	{"bf16", 2, 8, func(b uint32) float32 { return tensor.BHalf(b).Float32() },
		func(x float32) uint32 { return uint32(tensor.BHalfOf(x)) }},
	{"f16", 2, 11, func(b uint32) float32 { return tensor.Half(b).Float32() },
		func(x float32) uint32 { return uint32(tensor.HalfOf(x)) }},
}

// per returns how many times 16 bytes s channels are.
func (f form) per(s int) int { return s * f.size / 16 }

// fill returns numbers that the form has.
func (f form) fill(r *rand.Rand, places, stride, channels int) []float32 {
	v := fill(r, places, stride, channels)
	for i := range v {
		v[i] = f.number(f.bitsOf(v[i]))
	}
	return v
}

// bytes returns numbers as they are in memory.
func (f form) bytes(v []float32) []byte {
	data := make([]byte, f.size*len(v))
	for i, x := range v {
		if f.size == 2 {
			binary.LittleEndian.PutUint16(data[2*i:], uint16(f.bitsOf(x)))
		} else {
			binary.LittleEndian.PutUint32(data[4*i:], f.bitsOf(x))
		}
	}
	return data
}

// numbers returns what is in memory.
func (f form) numbers(data []byte) []float32 {
	v := make([]float32, len(data)/f.size)
	for i := range v {
		if f.size == 2 {
			v[i] = f.number(uint32(binary.LittleEndian.Uint16(data[2*i:])))
		} else {
			v[i] = f.number(binary.LittleEndian.Uint32(data[4*i:]))
		}
	}
	return v
}

// A layer is a kernel that a formula in float64 is held against: run returns what it made of some sizes, and what it
// should have.
type layer struct {
	kernel string // without its form
	run    func(a *applier) (got []float32, want []float64)
	forms  []form
}

// layers has the kernels without a matrix product, each with sizes that are no multiple of anything.
var layers = []layer{
	{"to_nhwc", toNHWC, forms},
	{"to_nchw", toNCHW, forms},
	{"flatten", flatten, forms},
	{"convert_f32", convertNarrow, forms[1:]},
	{"add", add, forms},
	{"mul", mul, forms},
	{"activation", activation, forms},
	{"batch_norm2d", batchNorm2d, forms},
	{"upsample", upsample, forms},
	{"upsample_bilinear", upsampleBilinear, forms},
	{"concat", concat, forms},
	{"layer_norm", layerNorm, forms},
	{"l2_norm", l2Norm, forms},
	{"group_norm", groupNorm, forms},
	{"attention", attention, forms},
	{"tokens", tokens, forms},
	{"select_pixel", selectPixel, forms},
	{"max_pool2d", maxPool2d, forms},
	{"global_avg_pool2d", globalAvgPool2d, forms},
	{"conv2d_grouped", conv2dGrouped, forms},
	{"conv2d_depthwise", conv2dDepthwise, forms},
}

// wrong returns the first difference in a form and an order of threads, "" if there is none. What was added up in float32 and
// then rounded to a form may be off by half of its last bit.
func (l layer) wrong(d *device, t *testing.T, f form, order int) string {
	got, want := l.run(&applier{device: d, t: t, form: f, order: order})
	if got == nil {
		return d.fake.Fault()
	}
	if len(got) != len(want) {
		return fmt.Sprintf("%d numbers, want %d", len(got), len(want))
	}
	for i, w := range want {
		same := math.IsNaN(w) && got[i] != got[i]
		if !same && !(math.Abs(float64(got[i])-w) <= 1e-6*(1+math.Abs(w))+math.Ldexp(math.Abs(w), -f.bits)) {
			return fmt.Sprintf("number %d: %v, want %v", i, got[i], w)
		}
	}
	return ""
}

// TestLayers holds the kernels against their formulas, in every order of threads.
func TestLayers(t *testing.T) {
	d := open(t, fakedriver.New(t))
	for _, l := range layers {
		for _, f := range l.forms {
			for order := range orders() {
				if wrong := l.wrong(d, t, f, order); wrong != "" {
					t.Errorf("%s_%s, order %d: %s", l.kernel, f.name, order, wrong)
				}
			}
		}
	}
}

// TestForms holds how numbers are rounded to 16 bits against package tensor, and reads all that there are.
func TestForms(t *testing.T) {
	d := open(t, fakedriver.New(t))
	for _, f := range forms[1:] {
		a := &applier{device: d, t: t, form: f}
		var x []float32
		for b := range uint32(1 << 16) {
			v := f.number(b)
			x = append(x, v, math.Float32frombits(math.Float32bits(v)+1), // a number, a little more, and between it and the next
				(v+f.number(b+1))/2, math.Nextafter32((v+f.number(b+1))/2, 0))
		}
		x = append(x, 65519.996, 65520, 65536, math.MaxFloat32, 0x1p-149, 0x1p-25, math.Nextafter32(0x1p-25, 1), float32(math.NaN()),
			0, 0, 0, 0, 0, 0, 0, 0)
		pixels := len(x) / 8
		got := a.apply("to_nhwc_"+f.name, len(x), pixels, func(y *driver.Buffer) []any {
			return []any{x, y, int64(pixels), 8, 1, 8} // pixels maps of one pixel
		})
		back := a.as(forms[0]).apply("to_nchw_"+f.name, len(x), len(x), func(y *driver.Buffer) []any {
			return []any{f.bytes(x), y, int64(len(x)), 8, 1, 8}
		})
		if got == nil || back == nil {
			t.Fatal(d.fake.Fault())
		}
		for i, v := range x {
			want := f.number(f.bitsOf(v))
			for _, is := range []float32{got[i], back[i]} {
				if math.Float32bits(is) != math.Float32bits(want) && !(is != is && want != want) {
					t.Fatalf("%s: %x is %x, want %x", f.name, v, is, want)
				}
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
		{"channels that are not there", "to_nhwc_f32", "border.cu", "first + j < c ?", "true ?"},
		{"rows that are longer", "flatten_f32", "border.cu", "channel < c ?", "true ?"},
		{"activation of nothing", "activation_f32", "elementwise.cu", "first + j < c ? activate(", "first < c ? activate("},
		{"another picture's scale", "mul_f32", "elementwise.cu", "i / per / pixels * per", "i / pixels * per"},
		{"another channel's shift", "batch_norm2d_f32", "elementwise.cu", "load_floats(shift + first, b)", "load_floats(shift, b)"},
		{"sizes swapped", "upsample_f16", "upsample.cu", "ho, wo, height, width)", "wo, ho, height, width)"},
		{"one row twice", "upsample_bilinear_f32", "upsample.cu", "i.high * width", "i.low * width"},
		{"a row's share of columns", "upsample_bilinear_bf16", "upsample.cu", "d[k], j.share)", "d[k], i.share)"},
		{"always aligned", "concat_f32", "concat.cu", "first % LANES<T> == 0", "true"},
		{"no zeros behind the last", "concat_f16", "concat.cu", "else if (first + channels + j < end)", "else if (false)"},
		{"half of a warp", "layer_norm_f32", "norm.cu", "int bits = WARP / 2;", "int bits = WARP / 4;"},
		{"a variance of more channels", "layer_norm_bf16", "norm.cu", "j < c ? v[j] - mean : 0.f;", "j >= 0 ? v[j] - mean : 0.f;"},
		{"NaN where there are no channels", "layer_norm_f16", "norm.cu", "j < c ? fmaf", "j < 1 << 20 ? fmaf"},
		{"squares in float32", "l2_norm_f32", "norm.cu", "(double)v[j] * v[j]", "v[j] * v[j]"},
		{"no barrier before sums are read", "group_norm_f32", "norm.cu", "\t__syncthreads();\n", ""},
		{"another picture's moments", "group_norm_f16", "norm.cu", "moments += i / per / pixels * groups;", ""},
		{"another group's moments", "group_norm_bf16", "norm.cu", "moments[channel / size]", "moments[channel % groups]"},
		{"keys that are not there", "attention_f32", "attention.cu", "first + lane < tokens ?", "true ?"},
		{"sums as they were", "attention_bf16", "attention.cu", "out[r][j] *= before;", "out[r][j] *= 1;"},
		{"no barrier after the keys", "attention_f16", "attention.cu", "__syncthreads(); // until all have read the keys", ""},
		{"no barrier before values are read", "attention_f32", "attention.cu", "d - part);\n\t\t__syncthreads();", "d - part);"},
		{"no barrier after the values", "attention_f32", "attention.cu", "__syncthreads(); // until all have read what was there", ""},
		{"one part of a head", "attention_f16", "attention.cu", "blockIdx.x % parts * DEPTH", "0"},
		{"queries of one part", "attention_f32", "attention.cu", "first == 0 || d > DEPTH", "first == 0"},
		{"no zeros behind the last head", "attention_bf16", "attention.cu", "if (head == heads - 1 &&", "if (false &&"},
		{"another patch", "tokens_bf16", "tokens.cu", "(count - 1) + token - 1", "(count - 1) + token % (count - 1)"},
		{"the first pixel", "select_pixel_f32", "tokens.cu", "pixels + index", "pixels"},
		{"another group", "conv2d_grouped_f32", "conv2d_grouped.cu", "channel / per_group * k", "channel % per_group * k"},
		{"a thread too many", "add_f32", "elementwise.cu", "if (i >= vectors * LANES<T>)", "if (i > vectors * LANES<T>)"},
		{"another channel's weight", "conv2d_depthwise_bf16", "conv2d_grouped.cu", "* op + first, b)", "* op, b)"},
		{"channels beyond the last", "convert_f32_bf16", "border.cu", "first + j < xs ?", "true ?"},
	} {
		t.Run(m.name, func(t *testing.T) {
			if !*full && m.name != "no barrier" {
				t.Skip("NOT RUN without -full: each takes a second to compile")
			}
			d := open(t, fakedriver.NewWithMistake(t, m.source, m.was, m.is))
			for _, l := range layers {
				for _, f := range l.forms {
					for order := range fakedriver.Orders {
						if l.kernel+"_"+f.name != m.kernel {
							continue
						}
						if wrong := l.wrong(d, t, f, order); wrong != "" {
							t.Logf("seen in order %d: %s", order, wrong)
							return
						}
					}
				}
			}
			t.Error("nobody saw it")
		})
	}
}

// Maps of the tests: n pictures of h × w pixels, c channels, s numbers from pixel to pixel.
const n, h, w, c, s = 3, 5, 6, 7, 8

func source() *rand.Rand { return rand.New(rand.NewPCG(5, 6)) }

// An applier runs kernels in a form.
type applier struct {
	*device
	t     *testing.T
	form  form
	order int
}

// as returns an applier whose results are of another form.
func (a *applier) as(f form) *applier { return &applier{a.device, a.t, f, a.order} }

// maps returns numbers as an argument of the form's.
func (a *applier) maps(v []float32) []byte { return a.form.bytes(v) }

// apply runs a kernel with as many threads as y has things, in grid blocks or as many as these take, and returns y, which has
// so many numbers.
func (a *applier) apply(kernel string, y, things int, args func(y *driver.Buffer) []any) []float32 {
	a.t.Helper()
	grid, block := [3]uint32{uint32(ceil(things, 256))}, [3]uint32{256}
	if strings.HasPrefix(kernel, "global_avg_pool2d") {
		grid, block = [3]uint32{uint32(things)}, [3]uint32{8, 32}
	}
	return a.applyIn(kernel, y, grid, block, args)
}

// applyIn is apply with a grid and a block.
func (a *applier) applyIn(kernel string, y int, grid, block [3]uint32, args func(y *driver.Buffer) []any) []float32 {
	a.t.Helper()
	out := a.bytes(make([]byte, a.form.size*y))
	check(a.t, a.stream.Fill(out, 0, out.Size(), 0xFF))
	var list []driver.Argument
	for _, x := range args(out) {
		switch x := x.(type) {
		case nil:
			list = append(list, driver.Pointer(nil, 0))
		case []float32:
			list = append(list, driver.Pointer(a.upload(a.t, x), 0))
		case []byte:
			list = append(list, driver.Pointer(a.bytes(x), 0))
		case *driver.Buffer:
			list = append(list, driver.Pointer(x, 0))
		case int64:
			list = append(list, driver.Int64(x))
		case int:
			list = append(list, driver.Int32(int32(x)))
		case float32:
			list = append(list, driver.Float32(x))
		}
	}
	a.run(a.t, a.order, kernel, grid, block, list...)
	data := make([]byte, out.Size())
	if err := a.stream.Download(data, out, 0); err != nil {
		return nil
	}
	return a.form.numbers(data)
}

// bytes returns a buffer of bytes, which is freed at the end of the test.
func (a *applier) bytes(data []byte) *driver.Buffer {
	b, err := a.Alloc(int64(len(data)))
	check(a.t, err)
	a.t.Cleanup(func() { _ = b.Close() })
	check(a.t, a.stream.Upload(b, 0, data))
	return b
}

func toNHWC(a *applier) (got []float32, want []float64) {
	x := fill(source(), n*c*h*w, 1, 1)
	vectors := n * h * w * a.form.per(s)
	got = a.apply("to_nhwc_"+a.form.name, n*h*w*s, vectors, func(y *driver.Buffer) []any {
		return []any{x, y, int64(vectors), c, h * w, s}
	})
	want = make([]float64, n*h*w*s)
	for i, v := range x {
		want[(i/(c*h*w)*h*w+i%(h*w))*s+i/(h*w)%c] = float64(v)
	}
	return got, want
}

func toNCHW(a *applier) (got []float32, want []float64) {
	const row = c * h * w
	x := a.form.fill(source(), n*h*w, s, c)
	got = a.as(forms[0]).apply("to_nchw_"+a.form.name, n*row, n*row, func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, int64(n * row), c, h * w, s}
	})
	want = make([]float64, n*row)
	for i, v := range x {
		if channel := i % s; channel < c {
			want[i/s/(h*w)*row+channel*h*w+i/s%(h*w)] = float64(v)
		}
	}
	return got, want
}

func flatten(a *applier) (got []float32, want []float64) {
	const row = (c+1)*h*w + 2 // longer than a pixel's channels
	x := a.form.fill(source(), n*h*w, s, c)
	got = a.apply("flatten_"+a.form.name, n*row, n*row, func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, int64(n * row), c, h * w, s, int64(row)}
	})
	want = make([]float64, n*row)
	for i, v := range x {
		if channel := i % s; channel < c { // the rest of a row is 0
			want[i/s/(h*w)*row+channel*h*w+i/s%(h*w)] = float64(v)
		}
	}
	return got, want
}

// convertNarrow converts to a form of 16 bits, and what there is then back.
func convertNarrow(a *applier) (got []float32, want []float64) {
	const c, s, narrow = 11, 12, 16 // channels and what is kept for them in float32 and in 16 bits
	x := a.form.fill(source(), n*h*w, s, c)
	got = a.apply("convert_f32_"+a.form.name, n*h*w*narrow, n*h*w*2, func(y *driver.Buffer) []any {
		return []any{x, y, int64(n * h * w * 2), 2, s}
	})
	if got == nil {
		return nil, nil
	}
	back := a.as(forms[0]).apply("convert_"+a.form.name+"_f32", n*h*w*s, n*h*w*3, func(y *driver.Buffer) []any {
		return []any{a.maps(got), y, int64(n * h * w * 3), 3, narrow}
	})
	if back == nil {
		return nil, nil
	}
	want = make([]float64, n*h*w*narrow)
	for i, v := range x {
		want[i/s*narrow+i%s] = float64(v)
		want = append(want, float64(v))
	}
	return append(got, back...), want
}

func add(a *applier) (got []float32, want []float64) {
	r := source()
	x, y := a.form.fill(r, n*h*w, s, c), a.form.fill(r, n*h*w, s, c)
	vectors := n * h * w * a.form.per(s)
	got = a.apply("add_"+a.form.name, n*h*w*s, vectors, func(z *driver.Buffer) []any {
		return []any{a.maps(x), a.maps(y), z, int64(vectors)}
	})
	for i := range x {
		want = append(want, float64(x[i])+float64(y[i]))
	}
	return got, want
}

func mul(a *applier) (got []float32, want []float64) {
	r := source()
	x := a.form.fill(r, n*h*w, s, c)
	vectors := n * h * w * a.form.per(s)
	for once := range 2 {
		y := a.form.fill(r, n*h*w, s, c)
		z := a.apply("mul_"+a.form.name, n*h*w*s, vectors, func(z *driver.Buffer) []any {
			return []any{a.maps(x), a.maps(y), z, int64(vectors), a.form.per(s), h * w, once}
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

func activation(a *applier) (got []float32, want []float64) {
	x := a.form.fill(source(), n*h*w, s, c)
	for i := range x {
		x[i] *= 8
	}
	x[1] = float32(math.NaN())
	vectors := n * h * w * a.form.per(s)
	for which := range 8 {
		y := a.apply("activation_"+a.form.name, n*h*w*s, vectors, func(y *driver.Buffer) []any {
			return []any{a.maps(x), y, int64(vectors), a.form.per(s), c, which}
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

func batchNorm2d(a *applier) (got []float32, want []float64) {
	const s, c = 16, 13
	r := source()
	x, scale, shift := a.form.fill(r, n*h*w, s, c), fill(r, 1, s, c), fill(r, 1, s, c)
	vectors := n * h * w * a.form.per(s)
	got = a.apply("batch_norm2d_"+a.form.name, n*h*w*s, vectors, func(y *driver.Buffer) []any {
		return []any{a.maps(x), scale, shift, y, int64(vectors), a.form.per(s)}
	})
	for i, v := range x {
		want = append(want, float64(scale[i%s])*float64(v)+float64(shift[i%s]))
	}
	return got, want
}

// upsample has the one kernel for all forms.
func upsample(a *applier) (got []float32, want []float64) {
	const ho, wo = 9, 14
	x := a.form.fill(source(), n*h*w, s, c)
	vectors := n * ho * wo * a.form.per(s)
	got = a.apply("upsample", n*ho*wo*s, vectors, func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, int64(vectors), a.form.per(s), h, w, ho, wo}
	})
	for i := range n * ho * wo * s {
		m := i / s
		want = append(want, float64(x[((m/(ho*wo)*h+m/wo%ho*h/ho)*w+m%wo*w/wo)*s+i%s]))
	}
	return got, want
}

func upsampleBilinear(a *applier) (got []float32, want []float64) {
	const ho, wo = 9, 4 // up and down
	x := a.form.fill(source(), n*h*w, s, c)
	vectors := n * ho * wo * a.form.per(s)
	got = a.apply("upsample_bilinear_"+a.form.name, n*ho*wo*s, vectors, func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, int64(vectors), a.form.per(s), h, w, ho, wo}
	})
	at := func(i, in, out int) (low, high int, share float64) {
		v := max((float64(i)+0.5)*float64(in)/float64(out)-0.5, 0)
		low = min(int(v), in-1)
		return low, min(low+1, in-1), v - float64(low)
	}
	for i := range n * ho * wo * s {
		m := i / s
		top, bottom, p := at(m/wo%ho, h, ho)
		left, right, q := at(m%wo, w, wo)
		pixel := func(row, column int) float64 { return float64(x[((m/(ho*wo)*h+row)*w+column)*s+i%s]) }
		want = append(want, (1-p)*((1-q)*pixel(top, left)+q*pixel(top, right))+
			p*((1-q)*pixel(bottom, left)+q*pixel(bottom, right)))
	}
	return got, want
}

// concat has operands that begin at multiples of 16 bytes and elsewhere, the last of which is not a multiple either.
func concat(a *applier) (got []float32, want []float64) {
	channels, ys := []int{8, 3, 10, 1}, 24
	lanes := 16 / a.form.size
	r, out := source(), a.bytes(make([]byte, a.form.size*n*h*w*ys))
	check(a.t, a.stream.Fill(out, 0, out.Size(), 0xFF))
	want = make([]float64, n*h*w*ys)
	var launches [][]driver.Argument // after all copies: a launch that fails may spoil what comes later
	first := 0
	for i, c := range channels {
		s, end := ceil(c, lanes)*lanes, first+c
		if i == len(channels)-1 {
			end = ys
		}
		x, per := a.form.fill(r, n*h*w, s, c), ceil(end-first, lanes)
		for k, v := range x {
			if k%s < c {
				want[k/s*ys+first+k%s] = float64(v)
			}
		}
		launches = append(launches, []driver.Argument{driver.Pointer(a.bytes(a.maps(x)), 0), driver.Pointer(out, 0),
			driver.Int64(int64(n * h * w * per)), driver.Int32(int32(per)), driver.Int32(int32(c)), driver.Int32(int32(s)),
			driver.Int32(int32(first)), driver.Int32(int32(end)), driver.Int32(int32(ys))})
		first += c
	}
	for _, args := range launches { // of more blocks than an operand needs
		a.run(a.t, a.order, "concat_"+a.form.name, [3]uint32{uint32(ceil(n*h*w*ys, 256))}, [3]uint32{256}, args...)
	}
	data := make([]byte, out.Size())
	if err := a.stream.Download(data, out, 0); err != nil {
		return nil, nil
	}
	return a.form.numbers(data), want
}

func maxPool2d(a *applier) (got []float32, want []float64) {
	const ho, wo = 3, 6 // (5 + 2·1 − 3)/2 + 1, (6 + 0 − 1)/1 + 1
	x := fill(source(), n*h*w, s, c)
	for i := range x {
		if i%s < c {
			x[i] = a.form.number(a.form.bitsOf(x[i] - 2)) // all below zero: padding must not win
		}
	}
	x[3*s] = float32(math.NaN())
	vectors := n * ho * wo * a.form.per(s)
	got = a.apply("max_pool2d_"+a.form.name, n*ho*wo*s, vectors, func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, int64(vectors), a.form.per(s), h, w, ho, wo, 3, 1, 2, 1, 1, 0}
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

func globalAvgPool2d(a *applier) (got []float32, want []float64) {
	const s, c, pixels = 72, 67, 75 // two blocks for a picture or more, and threads with two pixels and with three
	x := a.form.fill(source(), n*pixels, s, c)
	got = a.apply("global_avg_pool2d_"+a.form.name, n*s, n*ceil(a.form.per(s), 8), func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, pixels, a.form.per(s)}
	})
	want = make([]float64, n*s)
	for i, v := range x {
		want[i/(pixels*s)*s+i%s] += float64(v) / pixels
	}
	return got, want
}

func conv2dGrouped(a *applier) (got []float32, want []float64) {
	return grouped(a, "conv2d_grouped", 2, 3, 5)
}

func conv2dDepthwise(a *applier) (got []float32, want []float64) {
	return grouped(a, "conv2d_depthwise", 13, 1, 1)
}

// grouped is a convolution in groups of k input channels and per output channels. Where results of 16 bits may be float32,
// these come too.
func grouped(a *applier, kernel string, groups, k, per int) (got []float32, want []float64) {
	const ho, wo = 3, 4 // (5 + 2·1 − 3)/2 + 1, (6 + 2·1 − 2·(3−1) − 1)/1 + 1
	c, o := groups*k, groups*per
	s, os := ceil(c, 8)*8, ceil(o, 8)*8
	r := source()
	x, weights, bias := a.form.fill(r, n*h*w, s, c), fill(r, 9*k, os, o), fill(r, 1, os, o)
	residual := a.form.fill(r, n*2*3, os, o)
	count := n * ho * wo * os
	if k*per == 1 {
		count = n * ho * wo * a.form.per(os)
	}
	args := func(a *applier, residual []byte) func(y *driver.Buffer) []any {
		return func(y *driver.Buffer) []any {
			return []any{a.maps(x), weights, bias, residual, y, int64(count), h, w, k, s, ho, wo, o, per, os, os, 3, 3,
				2, 1, 1, 1, 1, 2, 2, 3, 1}
		}
	}
	got = a.apply(kernel+"_"+a.form.name, n*ho*wo*os, count, args(a, a.maps(residual)))
	wide := kernel == "conv2d_grouped" && a.form.size == 2
	if wide && got != nil {
		y := a.as(forms[0]).apply(kernel+"_"+a.form.name+"_f32", n*ho*wo*os, count, args(a, forms[0].bytes(residual)))
		if y == nil {
			return nil, nil
		}
		got = append(got, y...)
	}
	for i := range n * ho * wo * os {
		m, channel := i/os, i%os
		sum := 0.0
		for tap := range 9 {
			row, column := m/wo%ho*2+tap/3-1, m%wo+tap%3*2-1
			if channel >= o || row < 0 || row >= h || column < 0 || column >= w {
				continue
			}
			for j := range k {
				sum += float64(weights[(tap*k+j)*os+channel]) * float64(x[((m/(ho*wo)*h+row)*w+column)*s+channel/per*k+j])
			}
		}
		if channel < o {
			sum += float64(bias[channel]) + float64(residual[((m/(ho*wo)*2+m/wo%ho*2/ho)*3+m%wo*3/wo)*os+channel])
		}
		want = append(want, max(sum, 0))
	}
	if wide {
		want = append(want, want...)
	}
	return got, want
}
