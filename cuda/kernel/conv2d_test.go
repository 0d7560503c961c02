//go:build linux && cgo && !nocuda

package kernel_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

// A device is a fake one, and what kernels are run with.
type device struct {
	*driver.Context
	fake   *fakedriver.Driver
	stream *driver.Stream
	module *driver.Module
}

func open(t *testing.T) *device {
	t.Helper()
	d := &device{fake: fakedriver.New(t)}
	lib, err := driver.Load(d.fake.Path)
	check(t, err)
	devices, err := lib.Devices()
	check(t, err)
	d.Context, err = devices[0].Open()
	check(t, err)
	d.stream, err = d.NewStream()
	check(t, err)
	d.module, err = d.LoadModule([]byte("fake"))
	check(t, err)
	return d
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// upload returns a buffer of floats, which is freed at the end of the test.
func (d *device) upload(t *testing.T, v []float32) *driver.Buffer {
	t.Helper()
	data := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(x))
	}
	b, err := d.Alloc(int64(len(data)))
	check(t, err)
	t.Cleanup(func() { _ = b.Close() })
	check(t, d.stream.Upload(b, 0, data))
	return b
}

func (d *device) download(t *testing.T, b *driver.Buffer) []float32 {
	t.Helper()
	data := make([]byte, b.Size())
	if err := d.stream.Download(data, b, 0); err != nil {
		t.Fatalf("%v (%s)", err, d.fake.Fault())
	}
	v := make([]float32, len(data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return v
}

// run runs a kernel once, in an order of the emulator's.
func (d *device) run(t *testing.T, order int, name string, grid, block [3]uint32, args ...driver.Argument) {
	t.Helper()
	d.fake.SetOrder(order)
	k, err := d.module.Kernel(name, 0)
	check(t, err)
	l, err := d.Prepare([]driver.Launch{{Kernel: k, Grid: grid, Block: block, Arguments: args}})
	check(t, err)
	check(t, d.stream.Run(l))
	check(t, l.Close())
}

func ceil(a, b int) int { return (a + b - 1) / b }

// A conv is a convolution as torch has it, and where its residual is read.
type conv struct {
	n, c, h, w, o               int
	kernel, stride, pad, dilate int
	residual                    [2]int // its height and width; {} for none
	act                         int    // 0, or 1 for ReLU
}

func (v conv) String() string {
	return fmt.Sprintf("%dx%dx%dx%d to %d, kernel %d stride %d pad %d dilation %d, residual %v, activation %d",
		v.n, v.c, v.h, v.w, v.o, v.kernel, v.stride, v.pad, v.dilate, v.residual, v.act)
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

// TestConv2d holds the kernel against the formula in float64, in every order of threads.
func TestConv2d(t *testing.T) {
	d := open(t)
	for i, v := range []conv{
		{1, 4, 1, 1, 1, 1, 1, 0, 1, [2]int{}, 0},
		{1, 64, 9, 7, 64, 1, 1, 0, 1, [2]int{9, 7}, 1},
		{2, 20, 11, 13, 70, 3, 1, 1, 1, [2]int{6, 7}, 1},
		{1, 3, 23, 21, 8, 7, 2, 3, 1, [2]int{}, 1},
		{3, 12, 8, 8, 5, 3, 2, 1, 1, [2]int{}, 0},
		{1, 36, 10, 9, 130, 3, 1, 2, 2, [2]int{}, 0},
	} {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		ho, wo := v.size()
		c, op, os := ceil(v.c, 4)*4, ceil(v.o, 64)*64, ceil(v.o, 4)*4
		x, residual := fill(r, v.n*v.h*v.w, c, v.c), fill(r, v.n*v.residual[0]*v.residual[1], os, v.o)
		w, bias := fill(r, v.kernel*v.kernel*c, op, v.o), fill(r, 1, op, v.o)
		args := []driver.Argument{driver.Pointer(d.upload(t, x), 0), driver.Pointer(d.upload(t, w), 0),
			driver.Pointer(d.upload(t, bias), 0), driver.Pointer(nil, 0)}
		if len(residual) > 0 {
			args[3] = driver.Pointer(d.upload(t, residual), 0)
		}
		y := d.upload(t, make([]float32, v.n*ho*wo*os))
		args = append(args, driver.Pointer(y, 0))
		for _, n := range []int{v.n, v.h, v.w, c, ho, wo, v.o, op, os, v.kernel, v.kernel, v.stride, v.stride,
			v.pad, v.pad, v.dilate, v.dilate, v.residual[0], v.residual[1], v.act} {
			args = append(args, driver.Int32(int32(n)))
		}
		for order := range fakedriver.Orders {
			check(t, d.stream.Fill(y, 0, y.Size(), 0xFF))
			d.run(t, order, "conv2d_f32_128x64", [3]uint32{uint32(ceil(v.n*ho*wo, 128)), uint32(op / 64)},
				[3]uint32{256}, args...)
			v.compare(t, order, d.download(t, y), x, w, bias, residual)
		}
	}
}

// compare holds y against the formula.
func (v conv) compare(t *testing.T, order int, y, x, w, bias, residual []float32) {
	t.Helper()
	ho, wo := v.size()
	c, op, os := ceil(v.c, 4)*4, ceil(v.o, 64)*64, ceil(v.o, 4)*4
	bad := 0
	for at := range y {
		m, o := at/os, at%os
		n, i, j := m/(ho*wo), m/wo%ho, m%wo
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
				row, column := i*v.residual[0]/ho, j*v.residual[1]/wo
				want += float64(residual[((n*v.residual[0]+row)*v.residual[1]+column)*os+o])
			}
			if v.act == 1 {
				want = max(want, 0)
			}
		}
		if !(math.Abs(float64(y[at])-want) <= 1e-6*(1+size)) {
			if bad++; bad < 4 {
				t.Errorf("%v, order %d: pixel %d, channel %d: %v, want %v", v, order, m, o, y[at], want)
			}
		}
	}
}
