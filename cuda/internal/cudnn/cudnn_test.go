//go:build linux && cgo && !nocuda

package cudnn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	fakecudnn "github.com/argand-go/argand/cuda/internal/fakedriver/cudnn"
	"github.com/argand-go/argand/tensor"
)

// A bench is a fake driver with a fake cuDNN.
type bench struct {
	driver  *fakedriver.Driver
	cudnn   *fakecudnn.Library
	context *driver.Context
	stream  *driver.Stream
	lib     *Library
}

// open returns a bench, where everything must have been closed at the end of the test.
func open(t testing.TB) *bench {
	t.Helper()
	b := &bench{driver: fakedriver.NewWithoutKernels(t)}
	b.cudnn = fakecudnn.New(t, b.driver)
	lib := must(driver.Load(b.driver.Path))(t)
	b.context = must(must(lib.Devices())(t)[0].Open())(t)
	b.stream = must(b.context.NewStream())(t)
	b.lib = must(Load(b.cudnn.Path))(t)
	t.Cleanup(func() {
		check(t, b.stream.Close(), b.context.Close())
		if n := b.driver.Alive(); n != 0 {
			t.Errorf("%d things are alive in the driver", n)
		}
		if n := b.driver.BrokenGuards(); n != 0 {
			t.Errorf("%d bytes around allocations were written", n)
		}
		if n := b.cudnn.Alive(); n != 0 {
			t.Errorf("%d things are alive in cuDNN", n)
		}
	})
	return b
}

// must returns v, or ends the test.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestLoad(t *testing.T) {
	good := fakecudnn.New(t, nil)
	if l, err := Load(good.Path); err != nil || l.Version.String() != "9.26.0" {
		t.Errorf("%+v, %v", l, err)
	}
	for version, want := range map[int]string{
		8907:   ": it is cuDNN 8.9.7; cuDNN 9 is needed",
		100100: ": it is cuDNN 10.1.0; cuDNN 9 is needed",
	} {
		good.SetVersion(version)
		_, err := Load(good.Path)
		if e, ok := errors.AsType[*MajorError](err); !ok || int(e.Got) != version || err.Error() != good.Path+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	other := fakedriver.NewWithoutKernels(t).Path
	for path, want := range map[string]string{
		"/nowhere/libcudnn.so.9": "/nowhere/libcudnn.so.9: cannot open shared object file",
		other:                    other + ": it has no function cudnnGetVersion",
	} {
		_, err := Load(path)
		if e, ok := errors.AsType[*LoadError](err); !ok || e.Path != path || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A layer is a convolution with tensors on the device, and what must come out.
type layer struct {
	Convolution
	tensors  Tensors
	buffers  []*driver.Buffer
	y        *driver.Buffer
	want     []float64
	scale    float64 // of the greatest result
	elements int
}

func (t Type) encode(v []float32) []byte {
	var b []byte
	for _, x := range v {
		switch t {
		case Float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		case BFloat16:
			b = binary.LittleEndian.AppendUint16(b, uint16(tensor.BHalfOf(x)))
		case Float16:
			b = binary.LittleEndian.AppendUint16(b, uint16(tensor.HalfOf(x)))
		}
	}
	return b
}

func (t Type) decode(b []byte) []float32 {
	var v []float32
	for ; len(b) > 0; b = b[t.size():] {
		switch t {
		case Float32:
			v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		case BFloat16:
			v = append(v, tensor.BHalf(binary.LittleEndian.Uint16(b)).Float32())
		case Float16:
			v = append(v, tensor.Half(binary.LittleEndian.Uint16(b)).Float32())
		}
	}
	return v
}

// newLayer fills a convolution's tensors with numbers that its type has.
func (b *bench) newLayer(t testing.TB, c Convolution) *layer {
	t.Helper()
	l := &layer{Convolution: c}
	random := rand.New(rand.NewPCG(1, 2))
	put := func(n int) ([]float32, uint64) {
		v := make([]float32, n)
		for i := range v {
			v[i] = 2*random.Float32() - 1
		}
		bytes := c.Type.encode(v)
		buffer := must(b.context.Alloc(int64(len(bytes))))(t)
		check(t, b.stream.Upload(buffer, 0, bytes))
		l.buffers = append(l.buffers, buffer)
		return c.Type.decode(bytes), buffer.Address()
	}
	depth := c.Kernel[0] * c.Kernel[1] * c.X[2]
	l.elements = c.N * c.Y[0] * c.Y[1] * c.Y[2]
	var x, w, bias, residual []float32
	x, l.tensors.X = put(c.N * c.X[0] * c.X[1] * c.X[2])
	w, l.tensors.W = put(c.Y[2] * depth)
	bias, l.tensors.Bias = put(c.Y[2])
	if c.Residual {
		residual, l.tensors.Residual = put(l.elements)
	}
	_, l.tensors.Y = put(l.elements)
	l.y = l.buffers[len(l.buffers)-1]
	for i := range l.elements {
		o, pixel := i%c.Y[2], i/c.Y[2]
		at := [2]int{pixel / c.Y[1] % c.Y[0], pixel % c.Y[1]}
		sum := float64(bias[o])
		for d := range depth {
			row := at[0]*c.Stride[0] - c.Padding[0] + d/c.X[2]/c.Kernel[1]*c.Dilation[0]
			column := at[1]*c.Stride[1] - c.Padding[1] + d/c.X[2]%c.Kernel[1]*c.Dilation[1]
			if row >= 0 && row < c.X[0] && column >= 0 && column < c.X[1] {
				from := ((pixel/c.Y[0]/c.Y[1]*c.X[0]+row)*c.X[1]+column)*c.X[2] + d%c.X[2]
				sum += float64(x[from]) * float64(w[o*depth+d])
			}
		}
		if c.Residual {
			sum += float64(residual[i])
		}
		if c.ReLU {
			sum = max(sum, 0)
		}
		l.want = append(l.want, sum)
		l.scale = max(l.scale, math.Abs(sum))
	}
	return l
}

func (l *layer) close(t testing.TB) {
	for _, b := range l.buffers {
		check(t, b.Close())
	}
}

// run runs a plan with a workspace of just its size, and returns what is there then.
func (b *bench) run(t testing.TB, l *layer, p *Plan) []byte {
	t.Helper()
	tensors := l.tensors
	if p.Workspace > 0 {
		workspace := must(b.context.Alloc(p.Workspace))(t)
		defer func() { check(t, workspace.Close()) }()
		tensors.Workspace = workspace.Address()
	}
	got := make([]byte, l.y.Size())
	check(t, b.stream.Fill(l.y, 0, l.y.Size(), 0xCC), p.Run(b.stream, tensors), b.stream.Download(got, l.y, 0))
	return got
}

// convolutions are small, but of all kinds.
func convolutions(typ Type, tensorCores bool) map[string]Convolution {
	list := map[string]Convolution{
		"1×1":      {N: 1, X: [3]int{3, 5, 16}, Y: [3]int{3, 5, 8}, Kernel: [2]int{1, 1}},
		"3×3":      {N: 1, X: [3]int{4, 3, 8}, Y: [3]int{4, 3, 16}, Kernel: [2]int{3, 3}, Padding: [2]int{1, 1}, ReLU: true},
		"batch":    {N: 3, X: [3]int{4, 3, 8}, Y: [3]int{4, 3, 8}, Kernel: [2]int{3, 3}, Padding: [2]int{1, 1}, Residual: true, ReLU: true},
		"residual": {N: 2, X: [3]int{2, 3, 8}, Y: [3]int{2, 3, 8}, Kernel: [2]int{1, 1}, Residual: true},
		"oblong": {N: 2, X: [3]int{9, 8, 8}, Y: [3]int{6, 2, 8}, Kernel: [2]int{3, 5}, Stride: [2]int{2, 1},
			Padding: [2]int{2, 1}, Dilation: [2]int{1, 2}, ReLU: true},
		"pixel": {N: 1, X: [3]int{1, 1, 24}, Y: [3]int{1, 1, 16}, Kernel: [2]int{1, 1}, Residual: true, ReLU: true},
	}
	for name, c := range list {
		c.Type, c.TensorCores = typ, tensorCores
		if c.Stride == [2]int{} {
			c.Stride = [2]int{1, 1}
		}
		if c.Dilation == [2]int{} {
			c.Dilation = [2]int{1, 1}
		}
		list[name] = c
	}
	return list
}

// all are limits that keep no plan out.
var all = Limits{Plans: 100, Workspace: 1 << 40}

// TestConvolution runs all plans of convolutions in all precisions against float64.
func TestConvolution(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	for _, p := range []struct {
		typ         Type
		tensorCores bool
		tolerance   float64
		engines     []int
	}{
		{Float32, false, 0x1p-20, []int{44, 11, 0}},
		{Float32, true, 0x1p-10, []int{51, 44, 11, 0}},
		{BFloat16, true, 0x1p-8, []int{41, 11, 0}},
		{Float16, true, 0x1p-11, []int{41, 11, 0}},
	} {
		for name, c := range convolutions(p.typ, p.tensorCores) {
			l := b.newLayer(t, c)
			plans := must(device.Plans(c, all))(t)
			var engines []int
			for _, plan := range plans {
				if !slices.Contains(engines, plan.Engine) {
					engines = append(engines, plan.Engine)
				}
				got := p.typ.decode(b.run(t, l, plan))
				for i, v := range got {
					if d := math.Abs(float64(v) - l.want[i]); !(d <= p.tolerance*l.scale) {
						t.Errorf("%v, %s, %s: %d is %g, want %g", p.typ, name, plan.Name(), i, v, l.want[i])
						break
					}
				}
				check(t, plan.Close())
			}
			if !slices.Equal(engines, p.engines) {
				t.Errorf("type %v, tensor cores %v: engines %v, want %v", p.typ, p.tensorCores, engines, p.engines)
			}
			l.close(t)
		}
	}
	for _, engine := range []int{24, 26, 27, 29, 33, 34, 35} {
		if n := b.cudnn.Ran(engine); n != 0 {
			t.Errorf("engine %d, which does not compute what is asked for, ran %d times", engine, n)
		}
	}
	check(t, device.Close(), device.Close())
}

// TestLimits asks for few plans, and for plans that need little.
func TestLimits(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	c := convolutions(Float32, true)["3×3"]
	names := func(l Limits) (list []string) {
		for _, p := range must(device.Plans(c, l))(t) {
			list = append(list, p.Name())
			check(t, p.Close())
		}
		return list
	}
	for _, test := range []struct {
		limits Limits
		want   string
	}{
		{all, "eng51_k28=1 eng51_k28=4 eng44_k28=1 eng44_k28=2 eng11 eng0"},
		{Limits{3, 1 << 40}, "eng51_k28=1 eng51_k28=4 eng44_k28=1"},
		{Limits{3, 0}, "eng51_k28=1 eng11 eng0"},
		{Limits{0, 0}, ""},
	} {
		if got := strings.Join(names(test.limits), " "); got != test.want {
			t.Errorf("%+v: %s, want %s", test.limits, got, test.want)
		}
	}
	check(t, device.Close())
}

// TestAgain runs plans of one map for two: each must come out to the bit as by itself, or the plan be refused.
func TestAgain(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	one := convolutions(Float32, true)["3×3"]
	two := one
	two.N = 2
	l := b.newLayer(t, two)
	first := *l
	first.y = must(b.context.Alloc(l.y.Size() / 2))(t)
	first.tensors.Y = first.y.Address()
	refused := 0
	for _, plan := range must(device.Plans(one, all))(t) {
		again, err := plan.Again(two)
		if err != nil {
			refused++
			if _, ok := errors.AsType[*ShapeError](err); !ok || plan.Name() != "eng51_k28=4" {
				t.Errorf("%s: %v", plan.Name(), err)
			}
		} else {
			if again.Name() != plan.Name() || again.Notes != plan.Notes {
				t.Errorf("%s is %s again", plan.Name(), again.Name())
			}
			both, want := b.run(t, l, again), b.run(t, &first, plan)
			if string(both[:len(want)]) != string(want) {
				t.Errorf("%s: the first of two maps differs from the only one", plan.Name())
			}
			check(t, again.Close())
		}
		check(t, plan.Close())
	}
	if refused != 1 {
		t.Errorf("%d plans were refused", refused)
	}
	l.close(t)
	check(t, first.y.Close(), device.Close())
}

// TestCapture records a run and repeats it.
func TestCapture(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	l := b.newLayer(t, convolutions(BFloat16, true)["3×3"])
	plan := must(device.Plans(l.Convolution, Limits{1, 0}))(t)[0]
	want := b.run(t, l, plan)
	graph := must(b.stream.Capture(func() error { return plan.Run(b.stream, l.tensors) }))(t)
	if graph.Nodes != 1 {
		t.Errorf("%d nodes", graph.Nodes)
	}
	check(t, plan.Close()) // what is recorded does not need it
	for range 2 {
		got := make([]byte, len(want))
		check(t, b.stream.Fill(l.y, 0, l.y.Size(), 0), graph.Launch(b.stream), b.stream.Download(got, l.y, 0))
		if string(got) != string(want) {
			t.Error("a recorded run differs")
		}
	}
	l.close(t)
	check(t, graph.Close(), device.Close())
}

// TestConcurrent plans and runs from several goroutines, each with its stream.
func TestConcurrent(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	c := convolutions(Float32, false)["3×3"]
	l := b.newLayer(t, c)
	plan := must(device.Plans(c, Limits{1, 1 << 40}))(t)[0]
	want := b.run(t, l, plan)
	var wait sync.WaitGroup
	for range 4 {
		mine := *l
		mine.y = must(b.context.Alloc(l.y.Size()))(t)
		mine.tensors.Y = mine.y.Address()
		bench := *b
		bench.stream = must(b.context.NewStream())(t)
		wait.Go(func() {
			for range 5 {
				if got := bench.run(t, &mine, plan); string(got) != string(want) {
					t.Error("a run beside others differs")
				}
				for _, p := range must(device.Plans(c, Limits{2, 1 << 40}))(t) {
					check(t, p.Close())
				}
			}
			check(t, mine.y.Close(), bench.stream.Close())
		})
	}
	wait.Wait()
	l.close(t)
	check(t, plan.Close(), device.Close())
}

// TestEveryCallFails lets each call of cuDNN fail in turn, with a status that is its own fault, the caller's or the
// device's. What is not forgiven is an error that names the call, and nothing stays.
func TestEveryCallFails(t *testing.T) {
	b := open(t)
	l := b.newLayer(t, convolutions(Float32, false)["batch"])
	one := func() (plans int, err error) {
		device, err := b.lib.Open(b.context)
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, device.Close()) }()
		list, err := device.Plans(l.Convolution, Limits{2, 1 << 40})
		if err != nil {
			return 0, err
		}
		workspace := must(b.context.Alloc(1 << 20))(t)
		defer func() { check(t, workspace.Close()) }()
		tensors := l.tensors
		tensors.Workspace = workspace.Address()
		for _, p := range list {
			err = errors.Join(err, p.Run(b.stream, tensors), b.stream.Sync(), p.Close())
		}
		return len(list), err
	}
	if n := must(one())(t); n != 2 {
		t.Fatalf("%d plans", n)
	}
	tried := 0
	for _, status := range []int{2000, 3000, 4000, 4004, 5001} {
		for _, function := range []string{"cudnnCreate", "cudnnDestroy", "cudnnSetStream", "cudnnBackendCreateDescriptor",
			"cudnnBackendDestroyDescriptor", "cudnnBackendSetAttribute", "cudnnBackendGetAttribute", "cudnnBackendFinalize",
			"cudnnBackendExecute"} {
			before := b.cudnn.Calls(function)
			if _, err := one(); err != nil {
				t.Fatal(err)
			}
			calls := b.cudnn.Calls(function) - before
			for n := 1; n <= calls; n += 1 + calls/40 {
				tried++
				lost := 0
				if strings.Contains(function, "Destroy") {
					lost = 1 // what could not be dropped is there
				}
				alive := b.cudnn.Alive()
				b.cudnn.Fail(function, n, status)
				_, err := one()
				if err == nil && (status == 2000 || status >= 4004) {
					t.Errorf("%s, call %d fails with %d, and nothing happens", function, n, status)
				}
				if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Call != function || e.Status != status ||
					e.Text != "it was told to fail" || !strings.HasPrefix(e.Name, "CUDNN_STATUS_") ||
					e.OutOfMemory() != (status == 4004) || e.OutOfMemory() != isOOM(err)) {
					t.Errorf("%s, call %d fails with %d: %v", function, n, status, err)
				}
				if now := b.cudnn.Alive(); now != alive+lost {
					t.Errorf("%s, call %d fails with %d: %d things more are alive, want %d", function, n, status, now-alive, lost)
				}
			}
		}
	}
	t.Logf("%d failures", tried)
	l.close(t)
	b.forget(t)
}

func isOOM(err error) bool {
	_, ok := errors.AsType[*driver.OOMError](err)
	return ok
}

// forget drops what calls that were told to fail have left.
func (b *bench) forget(t testing.TB) {
	t.Helper()
	if b.cudnn.Alive() == 0 {
		t.Error("nothing was left, although it could not be dropped")
	}
	b.cudnn = fakecudnn.New(t, b.driver)
}

// TestDriverFails lets the driver fail to make the context current, and loses it.
func TestDriverFails(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	c := convolutions(Float32, false)["1×1"]
	l := b.newLayer(t, c)
	plan := must(device.Plans(c, Limits{1, 1 << 40}))(t)[0]
	b.driver.Fail("cuCtxSetCurrent", 1, 400)
	if e, ok := errors.AsType[*driver.Error](plan.Run(b.stream, l.tensors)); plan.Workspace == 0 && (!ok || e.Code != 400) {
		t.Errorf("%v", e)
	}
	b.driver.Fail("cuCtxSetCurrent", 1, 400)
	if e, ok := errors.AsType[*driver.Error](second(device.Plans(c, all))); !ok || e.Code != 400 {
		t.Errorf("%v", e)
	}
	l.close(t)
	check(t, plan.Close(), device.Close())
}

func second[T any](_ T, err error) error { return err }

// TestMisuse does what is refused before cuDNN sees it.
func TestMisuse(t *testing.T) {
	b := open(t)
	device := must(b.lib.Open(b.context))(t)
	c := convolutions(Float32, false)["batch"]
	l := b.newLayer(t, c)
	plan := must(device.Plans(c, Limits{1, 1 << 40}))(t)[0] // eng44, which needs a workspace
	for name, tensors := range map[string]Tensors{
		"no x":         {W: l.tensors.W, Bias: l.tensors.Bias, Residual: l.tensors.Residual, Y: l.tensors.Y, Workspace: 256},
		"no residual":  {X: l.tensors.X, W: l.tensors.W, Bias: l.tensors.Bias, Y: l.tensors.Y, Workspace: 256},
		"no workspace": l.tensors,
		"misaligned": {X: l.tensors.X + 4, W: l.tensors.W, Bias: l.tensors.Bias, Residual: l.tensors.Residual, Y: l.tensors.Y,
			Workspace: 256},
	} {
		if _, ok := errors.AsType[*ShapeError](plan.Run(b.stream, tensors)); !ok {
			t.Errorf("%s is not refused", name)
		}
	}
	for i, change := range []func(*Convolution){
		func(c *Convolution) { c.Type = 3 },
		func(c *Convolution) { c.N = 0 },
		func(c *Convolution) { c.X[2] = 6 },
		func(c *Convolution) { c.Y[2] = 7 },
		func(c *Convolution) { c.Y[0]++ },
		func(c *Convolution) { c.Kernel[0] = 9 },
		func(c *Convolution) { c.Stride[1] = 0 },
		func(c *Convolution) { c.Padding[0] = -1 },
		func(c *Convolution) { c.Dilation[0] = 0 },
	} {
		wrong := c
		change(&wrong)
		_, err := device.Plans(wrong, all)
		if _, ok := errors.AsType[*ShapeError](err); !ok {
			t.Errorf("mistake %d: %v", i, err)
		}
	}
	check(t, plan.Close())
	described := must(b.lib.Describe([]byte("{}")))(t)
	plans := must(described.Plans(c, all))(t)
	if len(plans) != 4 {
		t.Errorf("%d plans for a device that is described", len(plans))
	}
	for _, p := range plans {
		tensors := l.tensors
		tensors.Workspace = l.tensors.X
		if p.Run(b.stream, tensors) == nil {
			t.Error("a device that is described runs something")
		}
		check(t, p.Close())
	}
	if _, err := b.lib.Describe([]byte("junk")); err == nil {
		t.Error("junk describes a device")
	}
	l.close(t)
	check(t, described.Close(), device.Close())
	if _, err := device.acquire(); !errors.Is(err, driver.ErrClosed) {
		t.Errorf("%v", err)
	}
}

// TestProtocol makes mistakes in how descriptors are made, each of which the fake must refuse: a call that were made in
// the wrong order would show.
func TestProtocol(t *testing.T) {
	l := must(Load(fakecudnn.New(t, nil).Path))(t)
	p := must(l.at(nil))(t)
	tensor := func(m *maker, id int) descriptor { return m.tensor("tensor", id, Float32, 1, 2, 2, 4, false) }
	for _, test := range []struct {
		name   string
		do     func(m *maker)
		status int
	}{
		{"unknown kind", func(m *maker) { m.make(999, "") }, 3000},
		{"an attribute of another descriptor", func(m *maker) { m.make(17, "", integers(102, 1, 1)) }, 2000},
		{"another type", func(m *maker) { m.make(17, "", float(902, 1)) }, 2010},
		{"too few values", func(m *maker) { m.make(17, "", integers(902, 1, 1, 1)) }, 2000},
		{"too many values", func(m *maker) { m.make(17, "", integers(906, 1, 1)) }, 2000},
		{"no values", func(m *maker) { m.make(17, "", attribute{902, 3, 4, nil}) }, 2002},
		{"nothing is set", func(m *maker) { m.make(17, "") }, 2000},
		{"not all is set", func(m *maker) { m.make(7, "", integers(601, 1)) }, 2000},
		{"set when it is final", func(m *maker) {
			d := tensor(m, 1)
			m.set(d, integers(906, 2), "")
		}, 2000},
		{"final twice", func(m *maker) { m.finalize(tensor(m, 1), "") }, 2000},
		{"read before it is final", func(m *maker) { get(m, m.blank(5, ""), 402, 3, "", []int64{0}) }, 1001},
		{"what is not final is referred to", func(m *maker) { m.make(13, "", descriptors(751, m.blank(17, ""))) }, 2004},
		{"another kind is referred to", func(m *maker) { m.make(13, "", descriptors(750, tensor(m, 1))) }, 2012},
		{"nothing is referred to", func(m *maker) { m.make(13, "", descriptors(751, nil)) }, 2002},
		{"dropped twice", func(m *maker) { m.err = errors.Join(m.dropOne(tensor(m, 1)), m.dropOne(m.made[0])); m.made = nil }, 2002},
		{"no such engine", func(m *maker) {
			c := convolutions(Float32, false)["1×1"]
			d := &Device{place: p}
			m.make(2, "", descriptors(1300, m.graph(&c, d)), integers(1301, 999))
		}, 3000},
		{"neither device nor handle", func(m *maker) {
			c := convolutions(Float32, false)["1×1"]
			m.make(4, "", descriptors(201, m.graph(&c, &Device{place: p})), enum(200, 8, 3))
		}, 2000},
	} {
		m := &maker{place: p}
		test.do(m)
		if e, ok := errors.AsType[*Error](m.err); !ok || e.Status != test.status {
			t.Errorf("%s: %v, want status %d", test.name, m.err, test.status)
		}
		m.err = nil
		check(t, m.drop())
	}
}

func TestNotes(t *testing.T) {
	for notes, want := range map[Notes]string{
		0: "exact", TensorCore: "tensor core", FFT | StrictNaN: "FFT, strict NaN", 1 << 12: "unknown 0x1000",
	} {
		if got := notes.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for v, want := range map[Version]string{92600: "9.26.0", 90100: "9.1.0", 8907: "8.9.7", 100000: "10.0.0"} {
		if got := v.String(); got != want || fmt.Sprint(v.Major()) != want[:strings.Index(want, ".")] {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
