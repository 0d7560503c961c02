//go:build linux && cgo && !nocuda

package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

func ceil(a, b int) int { return (a + b - 1) / b }

// fill returns n random numbers, and zeros where channel is not there: of stride channels the first few are.
func fill(r *rand.Rand, places, stride, channels int) []float32 {
	v := make([]float32, places*stride)
	for i := range v {
		if i%stride < channels {
			v[i] = r.Float32()*2 - 1
		}
	}
	return v
}

// A conv is a convolution as torch has it, where its residual is read, and how it is run.
type conv struct {
	n, c, h, w, o               int
	kernel, stride, pad, dilate int
	residual                    [2]int // its height and width; {} for none
	act                         int    // as package op counts them
	step                        int    // from one output pixel to the next in a larger map; 0 for no such map
	splits                      int    // of the operand; 0 for no partial sums
	wide                        bool   // the output and the residual are float32 whatever the rest is
}

func (v conv) String() string {
	return fmt.Sprintf("%dx%dx%dx%d to %d, kernel %d stride %d pad %d dilation %d, residual %v, activation %d, step %d, "+
		"splits %d, wide %v", v.n, v.c, v.h, v.w, v.o, v.kernel, v.stride, v.pad, v.dilate, v.residual, v.act, v.step,
		v.splits, v.wide)
}

// size returns how large an output of the convolution is.
func (v conv) size() (h, w int) {
	span := v.dilate*(v.kernel-1) + 1
	return (v.h+2*v.pad-span)/v.stride + 1, (v.w+2*v.pad-span)/v.stride + 1
}

// place returns the map that outputs are in, how far they are apart, and where the first is.
func (v conv) place() (h, w, step, first int) {
	h, w = v.size()
	step = max(v.step, 1)
	return h * step, w * step, step, step - 1
}

var convs = []conv{
	{n: 1, c: 4, h: 1, w: 1, o: 1, kernel: 1, stride: 1, dilate: 1},
	{n: 1, c: 64, h: 9, w: 7, o: 64, kernel: 1, stride: 1, dilate: 1, residual: [2]int{9, 7}, act: 1},
	{n: 2, c: 20, h: 11, w: 13, o: 70, kernel: 3, stride: 1, pad: 1, dilate: 1, residual: [2]int{6, 7}, act: 1},
	{n: 1, c: 3, h: 23, w: 21, o: 8, kernel: 7, stride: 2, pad: 3, dilate: 1, act: 3},
	{n: 3, c: 12, h: 8, w: 8, o: 5, kernel: 3, stride: 2, pad: 1, dilate: 1, residual: [2]int{4, 4}, act: 2, wide: true},
	{n: 1, c: 36, h: 10, w: 9, o: 130, kernel: 3, stride: 1, pad: 2, dilate: 2, act: 7, splits: 5},
	{n: 2, c: 8, h: 7, w: 6, o: 9, kernel: 2, stride: 1, dilate: 1, residual: [2]int{5, 4}, step: 3},
	{n: 2, c: 150, h: 3, w: 5, o: 33, kernel: 3, stride: 1, pad: 1, dilate: 1, residual: [2]int{2, 2}, act: 4, step: 2,
		splits: 2, wide: true},
	{n: 5, c: 200, h: 1, w: 1, o: 12, kernel: 1, stride: 1, dilate: 1, act: 5, splits: 1},
	{n: 1, c: 70, h: 4, w: 5, o: 68, kernel: 1, stride: 2, dilate: 1, residual: [2]int{2, 3}, act: 6, wide: true},
}

// A product is one of the kernels of products.
type product struct {
	name    string
	source  string
	pixels  int // of a block
	outputs int
	threads int
	depth   int // of a step
	form    form
}

// tf32 is float32 of which a product takes as many bits as tf32 has.
var tf32 = form{"f32", 4, 24, math.Float32frombits, func(x float32) uint32 { return (math.Float32bits(x) + 0x1000) &^ 0x1fff }}

var products = []product{
	{"conv2d_f32_128x64", "conv2d.cu", 128, 64, 128, 16, forms[0]},
	{"conv2d_f32_64x64", "conv2d.cu", 64, 64, 128, 16, forms[0]},
	{"conv2d_tf32_128x128", "conv2d_tensor.cu", 128, 128, 128, 16, tf32},
	{"conv2d_tf32_128x64", "conv2d_tensor.cu", 128, 64, 128, 16, tf32},
	{"conv2d_tf32_64x64", "conv2d_tensor.cu", 64, 64, 128, 16, tf32},
	{"conv2d_bf16_128x128", "conv2d_tensor.cu", 128, 128, 128, 32, forms[1]},
	{"conv2d_bf16_128x64", "conv2d_tensor.cu", 128, 64, 128, 32, forms[1]},
	{"conv2d_bf16_64x64", "conv2d_tensor.cu", 64, 64, 128, 32, forms[1]},
	{"conv2d_f16_128x128", "conv2d_tensor.cu", 128, 128, 128, 32, forms[2]},
	{"conv2d_f16_128x64", "conv2d_tensor.cu", 128, 64, 128, 32, forms[2]},
	{"conv2d_f16_64x64", "conv2d_tensor.cu", 64, 64, 128, 32, forms[2]},
}

// tensor reports whether the product is one of tensor cores.
func (k product) tensor() bool { return k.source == "conv2d_tensor.cu" }

// A trial is a convolution with operands for a product and what it should make of them.
type trial struct {
	conv
	product
	out               form
	c, op, xs, os     int // channels rounded up
	x, residual, bias []float32
	w                 []float32 // (OP, KH·KW·C), for conv2d.cu (KH·KW·C, OP)
	want, terms       []float64 // of y, NaN for what is not made, and what the sum's terms add up to without their signs
}

func (v conv) trial(k product) *trial {
	t := &trial{conv: v, product: k, out: k.form}
	if v.wide || k.form.size == 4 {
		t.out = forms[0]
	}
	r := rand.New(rand.NewPCG(uint64(v.c), uint64(v.o)))
	lanes := 16 / k.form.size
	t.c, t.op, t.os = ceil(v.c, lanes)*lanes, ceil(v.o, 128)*128, ceil(v.o, 16/t.out.size)*16/t.out.size
	t.xs = t.c
	t.x = fill(r, v.n*v.h*v.w, t.c, v.c) // floats are rounded to tf32 by kernels, to 16 bits by whoever makes a map
	t.residual = t.out.fill(r, v.n*v.residual[0]*v.residual[1], t.os, v.o)
	t.bias = fill(r, 1, t.op, v.o)
	area := v.kernel * v.kernel
	t.w = make([]float32, area*t.c*t.op)
	for o := range v.o {
		for i := range area * t.c {
			if i%t.c < v.c {
				at := o*area*t.c + i
				if !k.tensor() {
					at = i*t.op + o
				}
				t.w[at] = k.form.number(k.form.bitsOf(r.Float32()*2 - 1))
			}
		}
	}
	t.reference()
	return t
}

// reference computes the formula in float64.
func (t *trial) reference() {
	yh, yw, step, first := t.place()
	area := t.kernel * t.kernel
	t.want, t.terms = make([]float64, t.n*yh*yw*t.os), make([]float64, t.n*yh*yw*t.os)
	for at := range t.want {
		m, o := at/t.os, at%t.os
		n, i, j := m/(yh*yw), m/yw%yh-first, m%yw-first
		if i%step != 0 || j%step != 0 {
			t.want[at] = math.NaN()
			continue
		}
		if o >= t.o {
			continue
		}
		i, j = i/step, j/step
		want := float64(t.bias[o])
		for k := range area * t.c {
			row, column := i*t.stride+k/t.c/t.kernel*t.dilate-t.pad, j*t.stride+k/t.c%t.kernel*t.dilate-t.pad
			if row < 0 || row >= t.h || column < 0 || column >= t.conv.w {
				continue
			}
			w := o*area*t.c + k
			if !t.tensor() {
				w = k*t.op + o
			}
			p := float64(t.w[w]) * t.rounded(t.x[((n*t.h+row)*t.conv.w+column)*t.xs+k%t.c])
			want += p
			t.terms[at] += math.Abs(p)
		}
		if len(t.residual) > 0 {
			hr, wr := t.conv.residual[0], t.conv.residual[1]
			row, column := (i*step+first)*hr/yh, (j*step+first)*wr/yw
			want += float64(t.residual[((n*hr+row)*wr+column)*t.os+o])
		}
		t.want[at] = act(t.act, want)
	}
}

// rounded returns x as the product takes it.
func (t *trial) rounded(x float32) float64 { return float64(t.form.number(t.form.bitsOf(x))) }

// run runs the product in an order of the emulator's and returns what is wrong, "" if nothing.
func (t *trial) run(d *device, tt *testing.T, order int) string {
	tt.Helper()
	ho, wo := t.conv.size()
	yh, yw, step, first := t.place()
	pixels := t.n * ho * wo
	pointer := func(data []byte) driver.Argument { return driver.Pointer(d.uploadBytes(tt, data), 0) }
	empty := func(bytes int) *driver.Buffer {
		b := d.uploadBytes(tt, make([]byte, bytes))
		check(tt, d.stream.Fill(b, 0, b.Size(), 0xFF))
		return b
	}
	bias, residual := pointer(forms[0].bytes(t.bias)), driver.Pointer(nil, 0)
	if len(t.residual) > 0 {
		residual = pointer(t.out.bytes(t.residual))
	}
	ints := func(list []driver.Argument, all ...int) []driver.Argument {
		for _, n := range all {
			list = append(list, driver.Int32(int32(n)))
		}
		return list
	}
	y := empty(len(t.want) * t.out.size)
	x := t.form.bytes(t.x)
	if t.form.size == 4 {
		x = forms[0].bytes(t.x)
	}
	args := ints([]driver.Argument{pointer(x), pointer(t.form.bytes(t.w)), bias, residual, driver.Pointer(y, 0)},
		t.n, t.h, t.conv.w, t.c, t.xs, ho, wo, t.o, t.op, t.os, t.kernel, t.kernel, t.stride, t.stride, t.pad, t.pad,
		t.dilate, t.dilate, yh, yw, step, step, first, first, t.conv.residual[0], t.conv.residual[1], t.act)
	if t.tensor() {
		wide := 0
		if t.wide {
			wide = 1
		}
		args = ints(args, wide)
	}
	partial, split, depth := (*driver.Buffer)(nil), t.kernel*t.kernel*t.c, t.product.depth
	if t.splits > 0 {
		partial = empty(t.splits * pixels * t.op * 4)
		split = ceil(ceil(split, t.splits), depth) * depth
	}
	args = ints(append(args, driver.Pointer(partial, 0)), split)
	grid := [3]uint32{uint32(ceil(pixels, t.pixels)), uint32(ceil(t.o, t.outputs)), uint32(max(t.splits, 1))}
	d.run(tt, order, t.name, grid, [3]uint32{uint32(t.threads)}, args...)
	if partial != nil {
		args := ints([]driver.Argument{driver.Pointer(partial, 0), driver.Int32(int32(t.splits)), bias, residual,
			driver.Pointer(y, 0)}, t.n, ho, wo, t.o, t.op, t.os, yh, yw, step, step, first, first,
			t.conv.residual[0], t.conv.residual[1], t.act)
		d.run(tt, order, "conv2d_finish_"+t.out.name, [3]uint32{uint32(ceil(pixels*t.os*t.out.size/16, 256))},
			[3]uint32{256}, args...)
	}
	data := make([]byte, y.Size())
	if err := d.stream.Download(data, y, 0); err != nil {
		return d.fake.Fault()
	}
	return t.compare(t.out.numbers(data))
}

// compare holds y against the formula, and returns the first difference.
func (t *trial) compare(y []float32) string {
	for at, got := range y {
		want, o := t.want[at], at%t.os
		if math.IsNaN(want) && got == got {
			return fmt.Sprintf("pixel %d is made", at/t.os)
		}
		last := 0. // half of what the last bit of y is
		if t.out.size == 2 {
			last = math.Ldexp(math.Abs(want), -t.out.bits)
		}
		if !math.IsNaN(want) && !(math.Abs(float64(got)-want) <= 1e-6*(1+t.terms[at])+last) {
			return fmt.Sprintf("pixel %d, channel %d: %v, want %v", at/t.os, o, got, want)
		}
	}
	return ""
}

// TestConv2d holds the kernels of products against the formula in float64, in every order of threads.
func TestConv2d(t *testing.T) {
	d := open(t, fakedriver.New(t))
	for _, k := range products {
		t.Run(k.name, func(t *testing.T) {
			for _, v := range convs {
				trial := v.trial(k)
				for order := range orders() {
					if wrong := trial.run(d, t, order); wrong != "" {
						t.Errorf("%v, order %d: %s", v, order, wrong)
					}
				}
			}
		})
	}
}

// TestConv2dMistakes has mistakes in the kernels, each of which must be seen in one of the convolutions and orders.
func TestConv2dMistakes(t *testing.T) {
	for _, m := range []struct{ name, kernel, source, was, is string }{
		{"off by one", "_f32_64", "conv2d.cu",
			"unsigned(top[i] + dy) < unsigned(height)", "unsigned(top[i] + dy) <= unsigned(height)"},
		{"no barrier after a step", "_f32_128", "conv2d.cu",
			"if (more) store(half ^ 1);\n\t\t__syncthreads();", "if (more) store(half ^ 1);"},
		{"no barrier after the first", "_f32_128", "conv2d.cu", "store(0);\n\t__syncthreads();", "store(0);"},
		{"one half only", "_f32_128", "conv2d.cu", "if (more) store(half ^ 1);", "if (more) store(half);"},
		{"depth not looked at", "_f32_64", "conv2d.cu", "k_w + i * 8 < end", "k_w + i * 8 < end + TK"},
		{"pixels not looked at", "_f32_128", "conv2d.cu", "if (m >= pixels) continue;", ""},
		{"another part's operands", "_f32_64", "conv2d.cu", "int k = begin + k_x", "int k = k_x"},

		{"no wait for copies", "_bf16_64", "conv2d_tensor.cu", copiesThere, "__syncthreads();"},
		{"no barrier for copies", "_tf32_64", "conv2d_tensor.cu", copiesThere, "copy_wait<STAGES - 2>();"},
		{"a wait for one stage less", "_f16_64", "conv2d_tensor.cu", copiesThere, "copy_wait<STAGES - 1>(); __syncthreads();"},
		{"no wait for the first stage", "_bf16_128x64", "conv2d_tensor.cu",
			"copy_wait<STAGES - 2>();\n\t__syncthreads();\n\tif", "__syncthreads();\n\tif"},
		{"a stage less in the ring", "_bf16_128x128", "conv2d_tensor.cu", "free + 1 == STAGES", "free + 2 == STAGES"},
		{"a copy into a stage in use", "_f16_128x64", "conv2d_tensor.cu", "fetch(free);", "fetch(stage);"},
		{"pixels off by one", "_bf16_64", "conv2d_tensor.cu",
			"unsigned(left[i] + dx) < unsigned(width)", "unsigned(left[i] + dx) <= unsigned(width)"},
		{"fragments swapped", "_tf32_64", "conv2d_tensor.cu", "&b[half][j / 2][j % 2 * 2]", "&b[half][j / 2][2 - j % 2 * 2]"},
		{"matrices swapped", "_bf16_64", "conv2d_tensor.cu", "row_a = lane % 16", "row_a = lane % 8 + lane / 16 * 8"},
		{"halves swapped", "_f16_64", "conv2d_tensor.cu", "(lane / 8 % 2 ^ row_b", "(lane / 16 ^ row_b"},
		{"places not alike", "_bf16_64", "conv2d_tensor.cu", "(t % 4 ^ t / 8 % 4)", "(t % 4 ^ t / 4 % 4)"},
		{"not rounded", "_tf32_64", "conv2d_tensor.cu", "round_operand(a[half][i], T());", ""},
		{"taps in a row too few", "_bf16_64", "conv2d_tensor.cu", "== kw * dilation_w) dx = 0", "== kw) dx = 0"},
		{"depth not looked at in copies", "_f16_64", "conv2d_tensor.cu", "const bool more = k < end", "const bool more = true"},
		{"one part's place", "_tf32_64", "conv2d_tensor.cu", "blockIdx.z * pixels + m + r", "blockIdx.x * 0 + m + r"},
		{"sums read too early", "_bf16_64", "conv2d_tensor.cu", "__syncwarp();\n\t\tconst int m =", "const int m ="},
		{"sums written too early", "_bf16_128x64", "conv2d_tensor.cu", "}\n\t\t__syncwarp();\n\t}", "}\n\t}"},
		{"a part left out", "_f32_64", "conv2d_finish.cu", "z < splits;", "z < splits - 1;"},
	} {
		t.Run(m.name, func(t *testing.T) {
			switch m.name {
			case "off by one", "no barrier after a step", "no wait for copies", "no barrier for copies":
			default:
				if !*full {
					t.Skip("NOT RUN without -full: each takes seconds to compile")
				}
			}
			d := open(t, fakedriver.NewWithMistake(t, m.source, m.was, m.is))
			for _, k := range products {
				for _, v := range convs {
					if !strings.Contains(k.name, m.kernel) {
						continue
					}
					trial := v.trial(k)
					for order := range fakedriver.Orders {
						if wrong := trial.run(d, t, order); wrong != "" {
							t.Logf("seen by %s in %v, order %d: %s", k.name, v, order, wrong)
							return
						}
					}
				}
			}
			t.Error("nobody saw it")
		})
	}
}

// copiesThere is where a warp of conv2d_tensor.cu comes to the next stage.
const copiesThere = "copy_wait<STAGES - 2>();\n\t\t__syncthreads();"
