package gorgonia_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/gorgonia"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

var bg = context.Background()

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// program is a program of cu's: its context, locked to the test's thread, and a stream.
type program struct {
	fake   *fakedriver.Driver
	ctx    cu.CUContext
	stream cu.Stream
}

func begin(t *testing.T) program {
	t.Helper()
	ctx := must(must(cu.GetDevice(0)).MakeContext(cu.SchedAuto))
	check(t, ctx.Lock())
	p := program{fakedriver.Linked(t), ctx, must(cu.MakeStream(cu.DefaultStream))}
	alive := p.fake.Alive()
	t.Cleanup(func() {
		if n := p.fake.Alive(); n != alive {
			t.Errorf("%d contexts, allocations and handles are alive; %d are cu's", n, alive)
		}
		if s := p.fake.Fault(); s != "" {
			t.Error(s)
		}
		check(t, p.stream.Destroy(), ctx.Unlock(), ctx.Destroy()) // which are still there
		if n := p.fake.Alive(); n != 0 {
			t.Errorf("%d are alive", n)
		}
	})
	return p
}

// alloc allocates memory of cu's with floats in it.
func alloc(t *testing.T, v []float32) cu.DevicePtr {
	t.Helper()
	p := must(cu.MemAlloc(int64(4 * len(v))))
	t.Cleanup(func() { check(t, cu.MemFree(p)) })
	check(t, cu.MemcpyHtoD(p, unsafe.Pointer(&v[0]), int64(4*len(v))))
	return p
}

func read(t *testing.T, p cu.DevicePtr, n int) []float32 {
	t.Helper()
	v := make([]float32, n)
	check(t, cu.MemcpyDtoH(unsafe.Pointer(&v[0]), p, int64(4*n)))
	return v
}

// picture returns floats of some pictures.
func picture(n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i*7919%201)/100 - 1
	}
	return v
}

// small is a convolution, a pool and a classifier.
type small struct{}

func (small) Forward(x nn.Value) nn.Value {
	w := nn.NewWeights(weights{})
	x = nn.ReLU(nn.NewConv2d(w.At("conv"), 3, 4, nn.Conv{Kernel: 3, Padding: 1}).Forward(x))
	return nn.NewLinear(w.At("fc"), 4, 5).Forward(nn.Flatten(nn.GlobalAvgPool2d(x)))
}

// weights are the small network's.
type weights struct{}

var shapes = map[string][]int{"conv.weight": {4, 3, 3, 3}, "conv.bias": {4}, "fc.weight": {5, 4}, "fc.bias": {5}}

func (weights) Tensor(name string) (*tensor.Tensor, error) {
	s := tensor.Shape(shapes[name])
	return tensor.Of(picture(s.Len()), s...)
}

func (weights) Keys() []string { return []string{"conv.weight", "conv.bias", "fc.weight", "fc.bias"} }

// copies returns how often the host's memory was copied from and to, and waited for.
func (p program) copies() (n int) {
	for _, f := range []string{"cuMemcpyHtoD_v2", "cuMemcpyDtoH_v2", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2",
		"cuMemcpyDtoDAsync_v2", "cuStreamSynchronize", "cuCtxSynchronize"} {
		n += p.fake.Calls(f)
	}
	return n
}

// TestRun runs a network between what a program of cu's does to the same memory on its stream, and holds it against the
// CPU's. Nothing is copied meanwhile.
func TestRun(t *testing.T) {
	c := begin(t)
	gpu := must(gorgonia.Wrap(c.ctx, c.stream, cuda.Options{}))
	net := must(nn.Compile(bg, gpu, small{}))
	shape := tensor.Shape{2, 3, 6, 5}
	x := picture(shape.Len())
	want := must(must(nn.Compile(bg, kernels.CPU(), small{})).Run(bg, must(tensor.Of(x, shape...))))[0]
	p := must(net.Program(shape))
	in, out, kept := alloc(t, x), alloc(t, make([]float32, 10)), alloc(t, make([]float32, 10))
	for range 3 {
		check(t, cu.MemsetD8Async(out, 0xFF, 40, c.stream), cu.MemsetD8Async(kept, 0xFF, 40, c.stream))
		before := c.copies()
		check(t, gpu.Run(bg, p, []cu.DevicePtr{out}, []cu.DevicePtr{in}))
		if n := c.copies() - before; n != 0 {
			t.Errorf("%d copies and waits", n)
		}
		check(t, cu.MemcpyDtoDAsync(kept, out, 40, c.stream), cu.MemsetD8Async(out, 0xFF, 40, c.stream))
		for i, v := range must(tensor.Data[float32](want)) {
			if got := read(t, kept, 10)[i]; !(math.Abs(float64(got-v)) <= 1e-5) {
				t.Errorf("logit %d is %v; want %v", i, got, v)
			}
		}
	}
	if !slices.Equal(read(t, in, len(x)), x) {
		t.Error("the input was written")
	}
	before := c.copies()
	must(net.Run(bg, must(tensor.Of(x, shape...)))) // as networks of the host's run, which the counts do see
	if n := c.copies() - before; n < 3 {
		t.Errorf("%d copies and waits; want one of the input, one of the output, and one that waits", n)
	}
	check(t, net.Close(), gpu.Close())
}

// TestDefaultStream runs on the stream that cu calls none.
func TestDefaultStream(t *testing.T) {
	c := begin(t)
	gpu := must(gorgonia.Wrap(c.ctx, cu.NoStream, cuda.Options{}))
	net := must(nn.Compile(bg, gpu, small{}))
	in, out := alloc(t, picture(12)), alloc(t, make([]float32, 5))
	for range 2 {
		check(t, gpu.Run(bg, must(net.Program(tensor.Shape{1, 3, 2, 2})), []cu.DevicePtr{out}, []cu.DevicePtr{in}))
	}
	if got := read(t, out, 5); slices.Equal(got, make([]float32, 5)) {
		t.Error(got)
	}
	check(t, net.Close(), gpu.Close())
}

// TestRefused wraps and runs what cannot be.
func TestRefused(t *testing.T) {
	c := begin(t)
	gone := must(must(cu.GetDevice(0)).MakeContext(cu.SchedAuto))
	theirs := must(cu.MakeStream(cu.DefaultStream))
	remote := must(cu.MemAlloc(48))
	if _, err := gorgonia.Wrap(c.ctx, theirs, cuda.Options{}); !strings.Contains(err.Error(), "it is of another context") {
		t.Error(err)
	}
	check(t, cu.SetCurrentContext(c.ctx))
	gpu := must(gorgonia.Wrap(c.ctx, c.stream, cuda.Options{}))
	net := must(nn.Compile(bg, gpu, small{}))
	p := must(net.Program(tensor.Shape{1, 3, 2, 2}))
	in, out := alloc(t, picture(12)), alloc(t, make([]float32, 5))
	for _, test := range []struct {
		in   cu.DevicePtr
		want string
	}{
		{0, "which is not a device's"},
		{in + 4, "of which only 44 bytes are allocated"},
		{in + 1, "which is not aligned"},
		{remote, "which is of another context or device"},
	} {
		err := gpu.Run(bg, p, []cu.DevicePtr{out}, []cu.DevicePtr{test.in})
		if _, ok := errors.AsType[*op.OperandError](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v; want %s", test.in, err, test.want)
		}
	}
	cpu := must(nn.Compile(bg, kernels.CPU(), small{}))
	err := gpu.Run(bg, must(cpu.Program(tensor.Shape{1, 3, 2, 2})), []cu.DevicePtr{out}, []cu.DevicePtr{in})
	if _, ok := errors.AsType[*op.UnsupportedError](err); !ok {
		t.Error(err)
	}
	check(t, net.Close(), gpu.Close())

	check(t, gone.Destroy(), cu.SetCurrentContext(c.ctx))
	for _, ctx := range []cu.CUContext{gone, {}} {
		_, err := gorgonia.Wrap(ctx, c.stream, cuda.Options{})
		if _, ok := errors.AsType[*cuda.HandleError](err); !ok {
			t.Errorf("%v: %v", ctx, err)
		}
	}
}
