//go:build linux && cgo && !nocuda

package cuda_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/kernel"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

var bg = context.Background()

func normal(shape ...int) *tensor.Tensor {
	r := rand.New(rand.NewPCG(1, 2))
	t := must(tensor.New(tensor.Float32, shape...))
	for i := range t.Len() {
		must(tensor.Data[float32](t))[i] = float32(r.NormFloat64())
	}
	return t
}

// small is a network of a convolution with a residual, a pool, and a head.
func small() *op.Graph {
	same := op.Conv2d{Weight: normal(4, 3, 3, 3), Padding: [2]int{1, 1}, Epilogue: op.Epilogue{Act: op.ReLU}}
	again := op.Conv2d{Weight: normal(4, 4, 1, 1), Epilogue: op.Epilogue{Residual: op.SameResidual}}
	return &op.Graph{
		Inputs: []op.Input{{Value: 0, DType: tensor.Float32}},
		Nodes: []op.Node{
			{Path: "conv1", Op: &same, In: []op.Value{0}, Out: []op.Value{1}},
			{Path: "conv2", Op: &again, In: []op.Value{1, 1}, Out: []op.Value{2}},
			{Path: "pool", Op: &op.GlobalAvgPool2d{}, In: []op.Value{2}, Out: []op.Value{3}},
			{Path: "flatten", Op: &op.Flatten{}, In: []op.Value{3}, Out: []op.Value{4}},
			{Path: "fc", Op: &op.Linear{Weight: normal(5, 4)}, In: []op.Value{4}, Out: []op.Value{5}},
		},
		Outputs: []op.Value{5},
		Values:  6,
	}
}

// use loads the small network, runs it on some pictures and closes it.
func use(b *cuda.Backend, o op.Options) ([]float32, error) {
	m, err := b.Load(bg, small(), o)
	if err != nil {
		return nil, err
	}
	out := must(tensor.New(tensor.Float32, 2, 5))
	p, err := m.Program(tensor.Shape{2, 3, 6, 5})
	for range 2 { // the second time in another way
		if err == nil {
			err = p.RunInto(bg, []*tensor.Tensor{out}, []*tensor.Tensor{normal(2, 3, 6, 5)})
		}
	}
	return must(tensor.Data[float32](out)), errors.Join(err, m.Close())
}

// TestFlat loads, runs and closes 200 times, after which there is as much as before, of the device's and the host's.
func TestFlat(t *testing.T) {
	fake := fakedriver.New(t)
	b := open(t, fake)
	var alive int
	var before, after runtime.MemStats
	var used, resident int64
	for i := range 200 {
		if _, err := use(b, op.Options{}); err != nil {
			t.Fatal(err)
		}
		if i == 9 {
			runtime.GC()
			runtime.ReadMemStats(&before)
			alive, used, resident = fake.Alive(), usedMiB(t, fake), residentMiB(t)
		}
	}
	if n := fake.Alive(); n != alive {
		t.Errorf("%d contexts, allocations and handles are alive; %d were", n, alive)
	}
	runtime.GC()
	if runtime.ReadMemStats(&after); after.HeapAlloc > before.HeapAlloc+1<<20 {
		t.Errorf("%d bytes of Go's, after %d", after.HeapAlloc, before.HeapAlloc)
	}
	device, host := usedMiB(t, fake), residentMiB(t)
	t.Logf("MiB of the device's memory: %d after 10 times, %d after 200; of the process: %d and %d", used, device, resident, host)
	if device > used+2 || host > resident+24 {
		t.Error("something leaks")
	}
}

// usedMiB returns what nvidia-smi says is used of the first device's memory, by whomever, 0 for a fake one.
func usedMiB(t *testing.T, fake *fakedriver.Driver) int64 {
	t.Helper()
	if !fake.Real() {
		return 0
	}
	text, err := exec.Command("nvidia-smi", "-i", "0", "--query-gpu=memory.used", "--format=csv,noheader,nounits").Output()
	if err != nil {
		t.Fatalf("nvidia-smi, which tells how much of a device's memory is used: %v", err)
	}
	return must(strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64))
}

// residentMiB returns how much of the process is in the machine's memory.
func residentMiB(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	fields := strings.Fields(string(must(os.ReadFile("/proc/self/statm"))))
	return must(strconv.ParseInt(fields[1], 10, 64)) * int64(os.Getpagesize()) >> 20
}

// TestArenasStay runs in turn and at once: there are as many arenas as runs were in progress, and shapes share them.
func TestArenasStay(t *testing.T) {
	fake := fakedriver.New(t)
	b := open(t, fake)
	m := must(b.Load(bg, small(), op.Options{}))
	run := func(n, h, w int) {
		out := must(tensor.New(tensor.Float32, n, 5))
		p, err := m.Program(tensor.Shape{n, 3, h, w})
		if err == nil {
			err = p.RunInto(bg, []*tensor.Tensor{out}, []*tensor.Tensor{normal(n, 3, h, w)})
		}
		if err != nil {
			t.Error(err)
		}
	}
	run(2, 9, 9)
	alive := fake.Alive()
	for i := range 100 { // more shapes than programs are kept
		run(1+i%2, 1+i%9, 1+i%8)
	}
	if n := fake.Alive(); n > alive+64 { // graphs
		t.Errorf("%d are alive after runs of other shapes; %d were", n, alive)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for i := range 5 {
				run(1+i%2, 5, 4+i)
			}
		})
	}
	wait.Wait()
	if n := fake.Alive(); n > alive+8*(3+5) { // a stream and two kinds of memory, and graphs
		t.Errorf("%d are alive after 8 runs at once, %d after one", n, alive)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestOutOfMemory has every allocation of the device's fail once. What wanted it can be tried again.
func TestOutOfMemory(t *testing.T) {
	fake := fakedriver.New(t)
	b := open(t, fake)
	alive := fake.Alive()
	want := must(use(b, op.Options{}))
	for n := 1; ; n++ {
		fake.Fail("cuMemAlloc_v2", n, 2)
		got, err := use(b, op.Options{})
		if err == nil { // of fewer allocations: the failure is still to come
			if n < 3 || !slices.Equal(got, want) {
				t.Errorf("%d allocations, %v; want %v", n-1, got, want)
			}
			_, err = use(b, op.Options{})
		}
		if _, ok := errors.AsType[*cuda.OOMError](err); !ok {
			t.Fatalf("allocation %d: %v", n, err)
		}
		if left := fake.Alive(); left != alive {
			t.Errorf("allocation %d: %d are alive, %d were", n, left, alive)
		}
		if got, err := use(b, op.Options{}); err != nil || !slices.Equal(got, want) {
			t.Errorf("after allocation %d failed: %v, %v", n, got, err)
		}
		if n > 2 {
			return
		}
	}
}

// TestEveryCallFails has calls of every function fail once, the first, one in the middle and the last. Opening, loading
// or running returns an error then, nothing stays but what could not be freed, and it works again.
func TestEveryCallFails(t *testing.T) {
	profiled := op.Options{Profile: new(op.Profile)}
	session := func(fake *fakedriver.Driver) ([]float32, error) {
		b, err := cuda.Open(cuda.Options{Driver: fake.Path})
		if err != nil {
			return nil, err
		}
		got, err := use(b, op.Options{})
		if err == nil {
			_, err = use(b, profiled)
		}
		return got, errors.Join(err, b.Close())
	}
	counted := fakedriver.New(t)
	want := must(session(counted))
	fake := fakedriver.New(t)
	for _, f := range []struct {
		name  string
		frees bool // what it does not free stays
	}{
		{"cuInit", false}, {"cuDriverGetVersion", false}, {"cuDeviceGetCount", false}, {"cuDeviceGet", false},
		{"cuDeviceGetName", false}, {"cuDeviceTotalMem_v2", false}, {"cuDeviceGetAttribute", false},
		{"cuDevicePrimaryCtxRetain", false}, {"cuDevicePrimaryCtxRelease_v2", true}, {"cuCtxSetCurrent", true},
		{"cuMemAlloc_v2", false}, {"cuMemFree_v2", true}, {"cuMemHostAlloc", false}, {"cuMemFreeHost", true},
		{"cuMemcpyHtoDAsync_v2", false}, {"cuMemcpyDtoHAsync_v2", false}, {"cuStreamCreate", false},
		{"cuStreamDestroy_v2", true}, {"cuStreamSynchronize", false}, {"cuEventCreate", false}, {"cuEventDestroy_v2", true},
		{"cuEventRecord", false}, {"cuEventElapsedTime", false}, {"cuModuleLoadDataEx", false}, {"cuModuleUnload", true},
		{"cuModuleGetFunction", false}, {"cuFuncGetParamInfo", false}, {"cuLaunchKernel", false},
		{"cuStreamBeginCapture_v2", false}, {"cuStreamEndCapture", true}, {"cuGraphInstantiateWithFlags", false},
		{"cuGraphGetNodes", false}, {"cuGraphLaunch", false}, {"cuGraphExecDestroy", true}, {"cuGraphDestroy", true},
	} {
		calls := counted.Calls(f.name)
		if calls == 0 {
			t.Errorf("%s is never called", f.name)
			continue
		}
		for _, n := range slices.Compact([]int{1, (calls + 1) / 2, calls}) {
			alive := fake.Alive()
			fake.Fail(f.name, n, 304) // CUDA_ERROR_OPERATING_SYSTEM
			_, err := session(fake)
			if err == nil || !strings.Contains(err.Error(), ", 304)") {
				t.Errorf("call %d of %d of %s: %v", n, calls, f.name, err)
			}
			if left := fake.Alive() - alive; left > 1 || left == 1 && !f.frees {
				t.Errorf("call %d of %d of %s: %d more are alive", n, calls, f.name, left)
			}
			if got, err := session(fake); err != nil || !slices.Equal(got, want) {
				t.Errorf("after call %d of %s failed: %v, %v", n, f.name, got, err)
			}
		}
	}
}

// TestStreamLost has a stream stay in a state in which nothing can be done with it: the model goes on with another one.
func TestStreamLost(t *testing.T) {
	fake := fakedriver.New(t)
	m := must(open(t, fake).Load(bg, small(), op.Options{}))
	p := must(m.Program(tensor.Shape{2, 3, 6, 5}))
	run := func() error {
		return p.RunInto(bg, []*tensor.Tensor{must(tensor.New(tensor.Float32, 2, 5))}, []*tensor.Tensor{normal(2, 3, 6, 5)})
	}
	fake.Fail("cuStreamEndCapture", 1, 304)
	for i, fails := range []bool{false, true, false, false} { // the second run is recorded
		if err := run(); (err != nil) != fails {
			t.Errorf("run %d: %v", i, err)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestContextLost has a kernel fault: the backend is of no more use, and another one is.
func TestContextLost(t *testing.T) {
	fake := fakedriver.New(t)
	b := must(cuda.Open(cuda.Options{Driver: fake.Path}))
	fake.Fail("cuStreamSynchronize", 6, 700)
	var err error
	for err == nil { // the weights are uploaded before
		_, err = use(b, op.Options{})
	}
	for range 2 {
		e, ok := errors.AsType[*cuda.DriverError](err)
		if !errors.Is(err, cuda.ErrContextLost) || !ok || e.Code != 700 {
			t.Fatalf("%v", err)
		}
		_, err = use(b, op.Options{})
	}
	_ = b.Close()
	if _, err := use(open(t, fakedriver.New(t)), op.Options{}); err != nil {
		t.Error(err)
	}
}

func TestTooLarge(t *testing.T) {
	fake := fakedriver.New(t)
	fake.SetMemory(1 << 20)
	m := must(open(t, fake).Load(bg, small(), op.Options{}))
	for _, s := range []tensor.Shape{{1, 3, 300, 300}, {1 << 20, 3, 1 << 12, 1 << 12}} {
		_, err := m.Program(s)
		e, ok := errors.AsType[*cuda.ArenaError](err)
		if !ok || e.Bytes <= e.Have || e.Have != 1<<20-m.Bytes() || e.Limited || !e.Inputs[0].Shape.Equal(s) {
			t.Errorf("%v: %v", s, err)
		}
	}
	if _, err := m.Program(tensor.Shape{1, 3, 30, 30}); err != nil {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpen(t *testing.T) {
	fake := fakedriver.New(t)
	for _, test := range []struct {
		o    cuda.Options
		want string
	}{
		{cuda.Options{Driver: "/nowhere/libcuda.so.1"}, "there is no device cuda:0: no GPU: NVIDIA's driver was not found"},
		{cuda.Options{Driver: fake.Path, Device: 1}, "there is no device cuda:1: NVIDIA's driver for CUDA 12.9: "},
		{cuda.Options{Driver: fake.Path, Device: -1}, "there is no device cuda:-1: "},
	} {
		b, err := cuda.Open(test.o)
		e, ok := errors.AsType[*cuda.NoDeviceError](err)
		if b != nil || !ok || !strings.HasPrefix(err.Error(), test.want) || e.Report == nil {
			t.Errorf("%+v: %v; want %s", test.o, err, test.want)
		}
	}
	if b := open(t, fake); b.Name() != "cuda:0" {
		t.Error(b.Name())
	}
}

// TestImageRefused has a driver refuse what was compiled for the device, as one that is older than the compiler does.
// It gets PTX then. A driver that refuses PTX, too, is the end.
func TestImageRefused(t *testing.T) {
	want := must(use(open(t, fakedriver.New(t)), op.Options{}))
	for _, code := range []int{200, 209} {
		fake := fakedriver.New(t)
		for unit := range must(kernel.ReadManifest()).Units {
			fake.Fail("cuModuleLoadDataEx", 1+2*unit, code)
		}
		b := open(t, fake)
		if !strings.Contains(b.String(), "kernels for compute_75 and compute_80") {
			t.Error(b)
		}
		if got, err := use(b, op.Options{}); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %v; want %v", got, err, want)
		}
	}
	fake := fakedriver.New(t)
	fake.Fail("cuModuleLoadDataEx", 1, 209)
	fake.Fail("cuModuleLoadDataEx", 2, 222)
	b, err := cuda.Open(cuda.Options{Driver: fake.Path})
	if b != nil || err == nil || !strings.Contains(err.Error(), "attention.sm_90a.gz") ||
		!strings.Contains(err.Error(), "attention.compute_75.gz") {
		t.Errorf("%v, %v", b, err)
	}
}
