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

func ceil(a, b int) int { return (a + b - 1) / b }

// A conv is a convolution as torch has it, and where its residual is read.
type conv struct {
	n, c, h, w, o               int
	kernel, stride, pad, dilate int
	residual                    [2]int // its height and width; {} for none
	act                         int    // 0, or 1 for ReLU
	step                        int    // from one output pixel to the next in a larger map; 0 for no such map
}

func (v conv) String() string {
	return fmt.Sprintf("%dx%dx%dx%d to %d, kernel %d stride %d pad %d dilation %d, residual %v, activation %d, step %d",
		v.n, v.c, v.h, v.w, v.o, v.kernel, v.stride, v.pad, v.dilate, v.residual, v.act, v.step)
}

// size returns how large an output of the convolution is.
func (v conv) size() (h, w int) {
	span := v.dilate*(v.kernel-1) + 1
	return (v.h+2*v.pad-span)/v.stride + 1, (v.w+2*v.pad-span)/v.stride + 1
}

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

// place returns the map that outputs are in, how far they are apart, and where the first is.
func (v conv) place() (h, w, step, first int) {
	h, w = v.size()
	step = max(v.step, 1)
	return h * step, w * step, step, step - 1
}

var convs = []conv{
	{1, 4, 1, 1, 1, 1, 1, 0, 1, [2]int{}, 0, 0},
	{1, 64, 9, 7, 64, 1, 1, 0, 1, [2]int{9, 7}, 1, 0},
	{2, 20, 11, 13, 70, 3, 1, 1, 1, [2]int{6, 7}, 1, 0},
	{1, 3, 23, 21, 8, 7, 2, 3, 1, [2]int{}, 1, 0},
	{3, 12, 8, 8, 5, 3, 2, 1, 1, [2]int{}, 0, 0},
	{1, 36, 10, 9, 130, 3, 1, 2, 2, [2]int{}, 0, 0},
	{2, 8, 7, 6, 9, 2, 1, 0, 1, [2]int{5, 4}, 0, 3},
}

// TestConv2d holds the kernel against the formula in float64, in every order of threads.
func TestConv2d(t *testing.T) {
	d := open(t, fakedriver.New(t))
	for _, v := range convs {
		for order := range fakedriver.Orders {
			if wrong := d.conv2d(t, v, order); wrong != "" {
				t.Errorf("%v, order %d: %s", v, order, wrong)
			}
		}
	}
}

// TestConv2dMistakes has mistakes in the kernel, each of which must be seen in one of the convolutions and orders.
func TestConv2dMistakes(t *testing.T) {
	for name, change := range map[string][2]string{
		"no barrier after a step":    {"if (more) store(half ^ 1);\n\t\t__syncthreads();", "if (more) store(half ^ 1);"},
		"no barrier after the first": {"store(0);\n\t__syncthreads();", "store(0);"},
		"one half only":              {"if (more) store(half ^ 1);", "if (more) store(half);"},
		"off by one":                 {"unsigned(row) < unsigned(height)", "unsigned(row) <= unsigned(height)"},
		"depth not looked at":        {"next_w = k0 + k_w < depth ?", "next_w = true ?"},
		"pixels not looked at":       {"if (m >= pixels) continue;", ""},
		"pixels of another place":    {"place / wo * step_h + first_h", "place / wo * step_h"},
		"residual of another size":   {"nearest_pixel(to, yh, yw, hr, wr)", "nearest_pixel(to, yh, yw, hr, hr)"},
	} {
		t.Run(name, func(t *testing.T) {
			if !*full && name != "off by one" && name != "no barrier after a step" {
				t.Skip("NOT RUN without -full: each takes seconds to compile")
			}
			d := open(t, fakedriver.NewWithMistake(t, "conv2d.cu", change[0], change[1]))
			for _, v := range convs {
				for order := range fakedriver.Orders {
					if wrong := d.conv2d(t, v, order); wrong != "" {
						t.Logf("seen in %v, order %d: %s", v, order, wrong)
						return
					}
				}
			}
			t.Error("nobody saw it")
		})
	}
}

// conv2d runs the kernel in an order of the emulator's and returns what is wrong, "" if nothing.
func (d *device) conv2d(t *testing.T, v conv, order int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(v.c), uint64(v.o)))
	ho, wo := v.size()
	c, op, os := ceil(v.c, 4)*4, ceil(v.o, 64)*64, ceil(v.o, 4)*4
	x, residual := fill(r, v.n*v.h*v.w, c, v.c), fill(r, v.n*v.residual[0]*v.residual[1], os, v.o)
	w, bias := fill(r, v.kernel*v.kernel*c, op, v.o), fill(r, 1, op, v.o)
	args := []driver.Argument{driver.Pointer(d.upload(t, x), 0), driver.Pointer(d.upload(t, w), 0),
		driver.Pointer(d.upload(t, bias), 0), driver.Pointer(nil, 0)}
	if len(residual) > 0 {
		args[3] = driver.Pointer(d.upload(t, residual), 0)
	}
	yh, yw, step, first := v.place()
	y := d.upload(t, make([]float32, v.n*yh*yw*os))
	args = append(args, driver.Pointer(y, 0))
	for _, n := range []int{v.n, v.h, v.w, c, c, ho, wo, v.o, op, os, v.kernel, v.kernel, v.stride, v.stride,
		v.pad, v.pad, v.dilate, v.dilate, yh, yw, step, step, first, first, v.residual[0], v.residual[1], v.act} {
		args = append(args, driver.Int32(int32(n)))
	}
	check(t, d.stream.Fill(y, 0, y.Size(), 0xFF))
	d.run(t, order, "conv2d_f32_128x64", [3]uint32{uint32(ceil(v.n*ho*wo, 128)), uint32(op / 64)}, [3]uint32{256}, args...)
	got, err := d.download(y)
	if err != nil {
		return d.fake.Fault()
	}
	return v.compare(got, x, w, bias, residual)
}

// compare holds y against the formula, and returns the first difference.
func (v conv) compare(y, x, w, bias, residual []float32) string {
	yh, yw, step, first := v.place()
	c, op, os := ceil(v.c, 4)*4, ceil(v.o, 64)*64, ceil(v.o, 4)*4
	for at := range y {
		m, o := at/os, at%os
		n, i, j := m/(yh*yw), m/yw%yh-first, m%yw-first
		if i%step != 0 || j%step != 0 {
			if y[at] == y[at] {
				return fmt.Sprintf("pixel %d is made", m)
			}
			continue
		}
		i, j = i/step, j/step
		var want, size float64
		if o < v.o {
			want = float64(bias[o])
			for k := range v.kernel * v.kernel * c {
				row, column := i*v.stride+k/c/v.kernel*v.dilate-v.pad, j*v.stride+k/c%v.kernel*v.dilate-v.pad
				if row < 0 || row >= v.h || column < 0 || column >= v.w {
					continue
				}
				p := float64(w[k*op+o]) * float64(x[((n*v.h+row)*v.w+column)*c+k%c])
				want += p
				size += math.Abs(p)
			}
			if len(residual) > 0 {
				row, column := (i*step+first)*v.residual[0]/yh, (j*step+first)*v.residual[1]/yw
				want += float64(residual[((n*v.residual[0]+row)*v.residual[1]+column)*os+o])
			}
			if v.act == 1 {
				want = max(want, 0)
			}
		}
		if !(math.Abs(float64(y[at])-want) <= 1e-6*(1+size)) {
			return fmt.Sprintf("pixel %d, channel %d: %v, want %v", m, o, y[at], want)
		}
	}
	return ""
}
