//go:build linux && cgo && !nocuda

package cuda_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// adopted is a backend in a context that somebody else has made.
type adopted struct {
	*cuda.Backend
	fake  *fakedriver.Driver
	other *fakedriver.Foreign
}

// adopt returns one. At the end of the test nothing may be alive but what others have made.
func adopt(t *testing.T, macros ...string) adopted {
	t.Helper()
	fake := fakedriver.New(t, macros...)
	other := fake.NewForeign(0)
	alive := fake.Alive()
	b := must(cuda.Adopt(other.Context, cuda.Options{Driver: fake.Path}))
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if n := fake.Alive(); n != alive {
			t.Errorf("%d contexts, allocations and handles are alive; %d are others'", n, alive)
		}
		other.Destroy()
		if n, guards := fake.Alive(), fake.BrokenGuards(); n != 0 || guards != 0 {
			t.Errorf("%d are alive, %d bytes around allocations were written", n, guards)
		}
		if s := fake.Fault(); s != "" {
			t.Error(s)
		}
	})
	return adopted{b, fake, other}
}

// memory returns memory of somebody else's with data in it.
func (a adopted) memory(t *testing.T, data []byte) cuda.Memory {
	t.Helper()
	p := a.other.Alloc(max(len(data), 1))
	t.Cleanup(func() { a.other.Free(p) })
	a.other.Write(p, data)
	return cuda.Memory{Address: p, Bytes: int64(len(data))}
}

func (a adopted) stream(t *testing.T) *cuda.Stream {
	t.Helper()
	handle := a.other.NewStream()
	s := must(a.AdoptStream(handle))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		a.other.DestroyStream(handle) // it is there
	})
	return s
}

func (a adopted) load(t *testing.T, g *op.Graph, o op.Options) op.Model {
	t.Helper()
	m := must(a.Load(bg, g, o))
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func floatsOf(b []byte) []float32 { return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4) }

// TestRunOn runs on memory of somebody else's, in their context and on their stream: again and again, on other memory, and
// after the network has run as usual. Nothing is copied, waited for or allocated for the host, and inputs stay as they are.
func TestRunOn(t *testing.T) {
	a := adopt(t)
	m := a.load(t, small(), op.Options{})
	p := must(m.Program(tensor.Shape{2, 3, 6, 5}))
	x := normal(2, 3, 6, 5)
	want := must(tensor.New(tensor.Float32, 2, 5))
	cpu := must(must(kernels.CPU().Load(bg, small(), op.Options{})).Program(tensor.Shape{2, 3, 6, 5}))
	if err := cpu.RunInto(bg, []*tensor.Tensor{want}, []*tensor.Tensor{x}); err != nil {
		t.Fatal(err)
	}
	s := a.stream(t)
	calls := func() (n [5]int) {
		if a.fake.Real() {
			return n // who does not count
		}
		for i, f := range []string{"cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoDAsync_v2", "cuStreamSynchronize",
			"cuMemHostAlloc"} {
			n[i] = a.fake.Calls(f)
		}
		return n
	}
	for i := range 4 { // with others in between, so that each is used again
		in, out := a.memory(t, x.Bytes()), a.memory(t, make([]byte, len(want.Bytes())))
		for range 3 {
			a.other.Write(out.Address, make([]byte, len(want.Bytes())))
			before := calls()
			if err := p.(cuda.Program).RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); err != nil {
				t.Fatal(err)
			}
			if after := calls(); after != before {
				t.Errorf("run %d: %v copies, waits and allocations; there were %v", i, after, before)
			}
			got := make([]byte, len(want.Bytes()))
			a.other.Read(got, out.Address) // which waits for their stream
			near(t, floatsOf(got), must(tensor.Data[float32](want)))
		}
		got := make([]byte, len(x.Bytes()))
		if a.other.Read(got, in.Address); !slices.Equal(got, x.Bytes()) {
			t.Error("the input was written")
		}
		if i == 1 {
			y := must(tensor.New(tensor.Float32, 2, 5))
			if err := p.RunInto(bg, []*tensor.Tensor{y}, []*tensor.Tensor{x}); err != nil {
				t.Fatal(err)
			}
			near(t, must(tensor.Data[float32](y)), must(tensor.Data[float32](want)))
		}
	}
	if a.fake.Real() {
		return
	}
	if n := a.fake.Calls("cuGraphLaunch"); n != 4*2 { // all but the first on their memory
		t.Errorf("%d graphs were launched; want 8", n)
	}
}

func near(t *testing.T, got, want []float32) {
	t.Helper()
	for i, v := range want {
		if d := math.Abs(float64(got[i]) - float64(v)); !(d <= 1e-5) {
			t.Fatalf("%v; want %v", got, want)
		}
	}
}

// TestRunOnOrder has work before and behind a run on the stream: a buffer is filled and read in the stream's order only.
func TestRunOnOrder(t *testing.T) {
	fake := fakedriver.New(t)
	b := open(t, fake)
	m := must(b.Load(bg, small(), op.Options{}))
	first, second := must(b.NewStream()), must(b.NewStream())
	x, y, z := must(b.Alloc(2*3*6*5*4)), must(b.Alloc(40)), must(b.Alloc(40))
	data := normal(2, 3, 6, 5)
	p := must(m.Program(tensor.Shape{2, 3, 6, 5})).(cuda.Program)
	errs := []error{x.Upload(first, data.Bytes())}
	for range 3 {
		errs = append(errs,
			p.RunOn(bg, first, []cuda.Memory{y.Memory()}, []cuda.Memory{x.Memory()}),
			second.Wait(first),
			p.RunOn(bg, second, []cuda.Memory{z.Memory()}, []cuda.Memory{x.Memory()}))
	}
	got, again := make([]byte, 40), make([]byte, 40)
	errs = append(errs, z.Download(second, got), y.Download(first, again), first.Sync())
	want := must(use(b, op.Options{}))
	if err := errors.Join(errs...); err != nil || !slices.Equal(floatsOf(got), want) || !slices.Equal(floatsOf(again), want) {
		t.Errorf("%v, %v, %v; want %v", floatsOf(got), floatsOf(again), err, want)
	}
	if _, err := b.Alloc(-1); err == nil {
		t.Error("allocated −1 bytes")
	}
	var none cuda.Stream
	for i, err := range []error{none.Sync(), first.Wait(nil), first.Wait(&none), x.Upload(&none, nil), x.Download(nil, nil),
		p.RunOn(bg, nil, []cuda.Memory{y.Memory()}, []cuda.Memory{x.Memory()})} {
		if !errors.Is(err, cuda.ErrClosed) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := none.Close(); err != nil || none.Handle() != 0 {
		t.Error(err, none.Handle())
	}
	var nothing cuda.Buffer
	if err := nothing.Upload(first, nil); !errors.Is(err, cuda.ErrClosed) {
		t.Error(err)
	}
	if err := nothing.Close(); err != nil || nothing.Memory() != (cuda.Memory{}) {
		t.Error(err, nothing.Memory())
	}
	err := errors.Join(m.Close(), x.Close(), y.Close(), z.Close(), z.Close(), first.Close(), second.Close(), second.Close())
	if err != nil {
		t.Error(err)
	}
}

// TestRunOnAtOnce runs from 8 goroutines, each on a stream and memory of its own, while others run as usual.
func TestRunOnAtOnce(t *testing.T) {
	a := adopt(t)
	m := a.load(t, small(), op.Options{})
	x := normal(2, 3, 6, 5)
	want := must(use(a.Backend, op.Options{}))
	type place struct {
		s       *cuda.Stream
		in, out cuda.Memory
	}
	var places []place
	for range 8 {
		places = append(places, place{a.stream(t), a.memory(t, x.Bytes()), a.memory(t, make([]byte, 40))})
	}
	var wait sync.WaitGroup
	for i, at := range places {
		wait.Go(func() {
			p := must(m.Program(tensor.Shape{2, 3, 6, 5}))
			for range 5 {
				err := p.(cuda.Program).RunOn(bg, at.s, []cuda.Memory{at.out}, []cuda.Memory{at.in})
				if err == nil && i%2 == 0 {
					err = at.s.Sync()
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
		wait.Go(func() {
			y := must(tensor.New(tensor.Float32, 2, 5))
			p := must(m.Program(tensor.Shape{2, 3, 6, 5}))
			if err := p.RunInto(bg, []*tensor.Tensor{y}, []*tensor.Tensor{x}); err != nil {
				t.Error(err)
			}
			if got := must(tensor.Data[float32](y)); !slices.Equal(got, want) {
				t.Errorf("%v; want %v", got, want)
			}
		})
	}
	wait.Wait()
	for _, at := range places {
		got := make([]byte, 40)
		if a.other.Read(got, at.out.Address); !slices.Equal(floatsOf(got), want) {
			t.Errorf("%v; want %v", floatsOf(got), want)
		}
	}
}

// TestRunOnChain runs a network on what another one will have made, and closes the second, which waits for it, while
// nobody has waited for the first.
func TestRunOnChain(t *testing.T) {
	a := adopt(t)
	first := a.load(t, small(), op.Options{})
	second := must(a.Load(bg, &op.Graph{
		Inputs:  []op.Input{{Value: 0, DType: tensor.Float32}},
		Nodes:   []op.Node{{Path: "add", Op: &op.Add{}, In: []op.Value{0, 0}, Out: []op.Value{1}}},
		Outputs: []op.Value{1},
		Values:  2,
	}, op.Options{}))
	s, x := a.stream(t), a.memory(t, normal(2, 3, 6, 5).Bytes())
	y, z := a.memory(t, make([]byte, 40)), a.memory(t, make([]byte, 40))
	want := must(use(a.Backend, op.Options{}))
	run := func(m op.Model, shape tensor.Shape, out, in cuda.Memory) {
		if err := must(m.Program(shape)).(cuda.Program).RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); err != nil {
			t.Fatal(err)
		}
	}
	run(first, tensor.Shape{2, 3, 6, 5}, y, x)
	run(second, tensor.Shape{2, 5}, z, y)
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	got := make([]byte, 40)
	a.other.Read(got, z.Address)
	for i, v := range want {
		if floatsOf(got)[i] != 2*v {
			t.Errorf("%d: %v; want twice %v", i, floatsOf(got)[i], v)
		}
	}
}

// TestRunOnArenas runs on 8 streams, without waiting: in arenas of those whose work is not done, or in one where there
// is no room for two. How much is done is the driver's affair: to be asked has the fake do some.
func TestRunOnArenas(t *testing.T) {
	a := adopt(t)
	x := normal(2, 3, 6, 5)
	want := must(use(a.Backend, op.Options{}))
	var streams []*cuda.Stream
	var ins, outs []cuda.Memory
	for range 8 {
		streams = append(streams, a.stream(t))
		ins, outs = append(ins, a.memory(t, x.Bytes())), append(outs, a.memory(t, make([]byte, 40)))
	}
	for _, test := range []struct {
		limit       int64
		least, most int // arenas
	}{{0, 2, 8}, {1, 1, 1}} {
		m := must(a.Load(bg, small(), op.Options{ArenaBytes: test.limit}))
		p := must(m.Program(tensor.Shape{2, 3, 6, 5})).(cuda.Program)
		alive := a.fake.Alive()
		for round := range 4 {
			for i, s := range streams {
				if err := p.RunOn(bg, s, outs[i:i+1], ins[i:i+1]); err != nil {
					t.Fatal(err)
				}
			}
			graphs := 8 * test.most * min(round, 1)
			// An arena has a stream, memory and an event.
			if n := a.fake.Alive() - alive; n < 3*test.least || n > 3*test.most+graphs {
				t.Errorf("limit %d, round %d: %d are alive; want %d to %d arenas and %d graphs at most",
					test.limit, round, n, test.least, test.most, graphs)
			}
		}
		for i, s := range streams {
			got := make([]byte, 40)
			if err := s.Sync(); err != nil {
				t.Error(err)
			}
			if a.other.Read(got, outs[i].Address); !slices.Equal(floatsOf(got), want) {
				t.Errorf("%v; want %v", floatsOf(got), want)
			}
			a.other.Write(outs[i].Address, make([]byte, 40))
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRunOnSeveral has an output of another type, one that is two outputs, and one that is an input.
func TestRunOnSeveral(t *testing.T) {
	a := adopt(t)
	g := &op.Graph{
		Inputs:  []op.Input{{Value: 0, DType: tensor.Float32}, {Value: 1, DType: tensor.Int64}},
		Nodes:   []op.Node{{Path: "relu", Op: &op.Activation{Act: op.ReLU}, In: []op.Value{0}, Out: []op.Value{2}}},
		Outputs: []op.Value{2, 1, 1, 2, 0},
		Values:  3,
	}
	p := must(a.load(t, g, op.Options{}).Program(tensor.Shape{1, 5, 2, 3}, tensor.Shape{7}))
	x, k := normal(1, 5, 2, 3), must(tensor.Of([]int64{1, 2, 3, -4, 5, 6, 7}, 7))
	in := []cuda.Memory{a.memory(t, x.Bytes()), a.memory(t, k.Bytes())}
	var out []cuda.Memory
	for _, n := range []int{120, 56, 56, 120, 120} {
		out = append(out, a.memory(t, make([]byte, n)))
	}
	s := a.stream(t)
	relu := make([]byte, 120)
	for i, v := range must(tensor.Data[float32](x)) {
		floatsOf(relu)[i] = max(v, 0)
	}
	for range 3 {
		if err := p.(cuda.Program).RunOn(bg, s, out, in); err != nil {
			t.Fatal(err)
		}
		for i, want := range [][]byte{relu, k.Bytes(), k.Bytes(), relu, x.Bytes()} {
			got := make([]byte, len(want))
			if a.other.Read(got, out[i].Address); !slices.Equal(got, want) {
				t.Errorf("output %d: %v; want %v", i, got, want)
			}
			a.other.Write(out[i].Address, make([]byte, len(want)))
		}
	}
}

// TestRunOnPrecisions runs in every precision: memory of others is float32 in all of them, and has what RunInto gives.
func TestRunOnPrecisions(t *testing.T) {
	a := adopt(t)
	s, x := a.stream(t), normal(2, 3, 6, 5)
	for _, precision := range []op.Precision{op.TensorFloat32, op.BFloat16, op.Float16} {
		p := must(a.load(t, small(), op.Options{Precision: precision}).Program(tensor.Shape{2, 3, 6, 5}))
		in, out := a.memory(t, x.Bytes()), a.memory(t, make([]byte, 40))
		want := must(tensor.New(tensor.Float32, 2, 5))
		if err := p.RunInto(bg, []*tensor.Tensor{want}, []*tensor.Tensor{x}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			a.other.Write(out.Address, make([]byte, 40))
			if err := p.(cuda.Program).RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 40)
			if a.other.Read(got, out.Address); !slices.Equal(got, want.Bytes()) {
				t.Errorf("%v: %v; want %v", precision, floatsOf(got), must(tensor.Data[float32](want)))
			}
		}
	}
}

// TestRunOnManyPlaces runs on other memory each time, more than what is kept for.
func TestRunOnManyPlaces(t *testing.T) {
	a := adopt(t)
	p := must(a.load(t, small(), op.Options{}).Program(tensor.Shape{1, 3, 2, 2})).(cuda.Program)
	s, in, out := a.stream(t), a.memory(t, make([]byte, 48+70*4)), a.memory(t, make([]byte, 20))
	var alive int
	for i := range 140 {
		at := cuda.Memory{Address: in.Address + uintptr(i/2*4), Bytes: 48}
		if err := p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{at}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			alive = a.fake.Alive()
		}
	}
	if n := a.fake.Alive(); n > alive+64 { // graphs
		t.Errorf("%d are alive, %d were", n, alive)
	}
}

// TestRunOnRefused has memory and streams that do not do, each of which is refused before anything is submitted.
func TestRunOnRefused(t *testing.T) {
	a := adopt(t, "FAKE_DEVICES=2")
	m := a.load(t, small(), op.Options{})
	p := must(m.Program(tensor.Shape{2, 3, 6, 5})).(cuda.Program)
	s, in, out := a.stream(t), a.memory(t, make([]byte, 720)), a.memory(t, make([]byte, 40))
	elsewhere, far := a.fake.NewForeign(0), a.fake.NewForeign(1)
	defer elsewhere.Destroy()
	defer far.Destroy()
	theirs, remote, freed := elsewhere.Alloc(720), far.Alloc(720), a.other.Alloc(720)
	a.other.Free(freed)
	at := func(p uintptr) cuda.Memory { return cuda.Memory{Address: p, Bytes: 720} }
	host := make([]byte, 720)
	for _, test := range []struct {
		in   cuda.Memory
		want string
	}{
		{cuda.Memory{}, "got 0 bytes, want float32 (2, 3, 6, 5), 720 bytes of memory of cuda:0"},
		{cuda.Memory{Address: in.Address, Bytes: 719}, "got 719 bytes"},
		{at(in.Address + 2), "which is not aligned to 4 bytes"},
		{at(in.Address + 4), "of which only 716 bytes are allocated"},
		{at(0), "address 0x0, which is not a device's"},
		{at(freed), "which is not a device's"},
		{at(uintptr(unsafe.Pointer(&host[0])) &^ 3), "which is not a device's"},
		{at(theirs), "which is of another context or device"},
		{at(remote), "which is of another context or device"},
		{at(out.Address - 8), "which is not a device's"},
	} {
		launched := a.fake.Calls("cuLaunchKernel")
		err := p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{test.in})
		e, ok := errors.AsType[*op.OperandError](err)
		if !ok || e.Kind != "input" || e.Index != 0 || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v; want %s", test.in, err, test.want)
		}
		if a.fake.Calls("cuLaunchKernel") != launched {
			t.Errorf("%+v: something was launched", test.in)
		}
	}
	for _, test := range []struct {
		out, in []cuda.Memory
		want    string
	}{
		{nil, []cuda.Memory{in}, "outputs: got 0, want 1"},
		{[]cuda.Memory{out}, nil, "inputs: got 0, want 1"},
		{[]cuda.Memory{{Address: out.Address, Bytes: 39}}, []cuda.Memory{in}, "output 0: got 39 bytes"},
		{[]cuda.Memory{{Address: in.Address + 680, Bytes: 40}}, []cuda.Memory{in}, "output 0: got memory of input 0"},
	} {
		err := p.RunOn(bg, s, test.out, test.in)
		if _, ok := errors.AsType[*op.OperandError](err); !ok || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v; want %s", err, test.want)
		}
	}

	foreign := func(what string, err error, want string) {
		t.Helper()
		if _, ok := errors.AsType[*cuda.HandleError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", what, err, want)
		}
	}
	_, err := a.AdoptStream(elsewhere.NewStream())
	foreign("a stream of another context", err, "it is of another context")
	_, err = cuda.Adopt(far.Context, cuda.Options{Driver: a.fake.Path})
	foreign("a context of another device", err, "it is of device 1, and not of device 0")
	_, err = cuda.Adopt(0, cuda.Options{Driver: a.fake.Path})
	foreign("no context", err, "there is none")
	b := must(cuda.Adopt(far.Context, cuda.Options{Driver: a.fake.Path, Device: 1}))
	queue := must(b.NewStream())
	foreign("a stream of another backend", p.RunOn(bg, queue, []cuda.Memory{out}, []cuda.Memory{in}), "another backend's")
	if err := errors.Join(queue.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	a.other.Capture(s.Handle(), func() {
		foreign("a stream that is recorded", p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}), "recorded into a graph")
	})

	same := &op.Graph{Inputs: []op.Input{{Value: 0, DType: tensor.Uint8}}, Outputs: []op.Value{0}, Values: 1}
	copies := must(a.load(t, same, op.Options{}).Program(tensor.Shape{40})).(cuda.Program)
	from, to := cuda.Memory{Address: in.Address + 4, Bytes: 40}, cuda.Memory{Address: out.Address, Bytes: 40}
	if err := copies.RunOn(bg, s, []cuda.Memory{to}, []cuda.Memory{from}); err != nil {
		t.Error(err)
	}
	from.Address++ // what kernels read of bytes may be floats
	err = copies.RunOn(bg, s, []cuda.Memory{to}, []cuda.Memory{from})
	if _, ok := errors.AsType[*op.OperandError](err); !ok || !strings.Contains(err.Error(), "not aligned to 4 bytes") {
		t.Error(err)
	}

	stopped, cancel := context.WithCancel(bg)
	cancel()
	err = p.RunOn(stopped, s, []cuda.Memory{out}, []cuda.Memory{in})
	if _, ok := errors.AsType[*op.StepError](err); !ok || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); err != nil { // as nothing is amiss with it
		t.Error(err)
	}
}

// TestRunOnClosed closes a model whose runs nobody has waited for, and its stream.
func TestRunOnClosed(t *testing.T) {
	a := adopt(t)
	m := must(a.Load(bg, small(), op.Options{}))
	p := must(m.Program(tensor.Shape{2, 3, 6, 5})).(cuda.Program)
	s, in, out := a.stream(t), a.memory(t, normal(2, 3, 6, 5).Bytes()), a.memory(t, make([]byte, 40))
	want := must(use(a.Backend, op.Options{}))
	for range 2 {
		if err := p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	got := make([]byte, 40)
	if a.other.Read(got, out.Address); !slices.Equal(floatsOf(got), want) {
		t.Errorf("%v; want %v", floatsOf(got), want)
	}
	if err := p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); !errors.Is(err, op.ErrClosed) {
		t.Error(err)
	}
}

// TestRunOnFails has every call that a run makes fail once, on new memory and on known. It returns an error, nothing
// stays, and the next run works.
func TestRunOnFails(t *testing.T) {
	a := adopt(t)
	m := a.load(t, small(), op.Options{})
	p := must(m.Program(tensor.Shape{2, 3, 6, 5})).(cuda.Program)
	s, in := a.stream(t), a.memory(t, normal(2, 3, 6, 5).Bytes())
	for _, f := range []string{"cuStreamIsCapturing", "cuPointerGetAttributes", "cuEventCreate", "cuEventRecord", "cuStreamWaitEvent",
		"cuLaunchKernel", "cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags", "cuGraphLaunch"} {
		out := a.memory(t, make([]byte, 40))
		run := func() error { return p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}) }
		failed := 0
		a.fake.Fail(f, 1, 304)
		for range 3 { // some are called the first time only, and others only later
			if err := run(); err != nil {
				failed++
				if !strings.Contains(err.Error(), ", 304)") {
					t.Errorf("%s: %v", f, err)
				}
			}
		}
		if want := 1; failed != want && f != "cuEventCreate" {
			t.Errorf("%s failed %d times; want %d", f, failed, want)
		}
		if err := errors.Join(run(), s.Sync()); err != nil {
			t.Errorf("after %s failed: %v", f, err)
		}
	}
}

// TestDestroyedContext destroys the context under a backend and a model: every use of them is an error, and closing works.
func TestDestroyedContext(t *testing.T) {
	fake := fakedriver.New(t)
	other := fake.NewForeign(0)
	b := must(cuda.Adopt(other.Context, cuda.Options{Driver: fake.Path}))
	m := must(b.Load(bg, small(), op.Options{}))
	p := must(m.Program(tensor.Shape{2, 3, 6, 5}))
	x, y := must(b.Alloc(720)), must(b.Alloc(40))
	s := must(b.NewStream())
	out, in := []cuda.Memory{y.Memory()}, []cuda.Memory{x.Memory()}
	if err := p.(cuda.Program).RunOn(bg, s, out, in); err != nil {
		t.Fatal(err)
	}
	other.Destroy()
	_, allocated := b.Alloc(1)
	for i, err := range []error{p.(cuda.Program).RunOn(bg, s, out, in), s.Sync(), allocated,
		p.RunInto(bg, []*tensor.Tensor{normal(2, 5)}, []*tensor.Tensor{normal(2, 3, 6, 5)})} {
		if !errors.Is(err, cuda.ErrContextLost) {
			t.Errorf("%d: %v", i, err)
		}
	}
	_ = m.Close() // which waits for the run, in vain
	if err := errors.Join(x.Close(), y.Close(), s.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if n := fake.Alive(); n != 0 {
		t.Errorf("%d are alive", n)
	}
	if _, err := cuda.Adopt(other.Context, cuda.Options{Driver: fake.Path}); err == nil {
		t.Error("adopted what is not there")
	}
}

// TestRunOnProfiled fills a profile, for which it waits.
func TestRunOnProfiled(t *testing.T) {
	a := adopt(t)
	profile := new(op.Profile)
	p := must(a.load(t, small(), op.Options{Profile: profile}).Program(tensor.Shape{2, 3, 6, 5})).(cuda.Program)
	s, in, out := a.stream(t), a.memory(t, normal(2, 3, 6, 5).Bytes()), a.memory(t, make([]byte, 40))
	for range 2 {
		if err := p.RunOn(bg, s, []cuda.Memory{out}, []cuda.Memory{in}); err != nil {
			t.Fatal(err)
		}
	}
	if steps := profile.Steps(); len(steps) < 5 || steps[0].Runs != 2 {
		t.Errorf("%+v", steps)
	}
}

// double is a network that doubles.
type double struct{}

func (double) Forward(x nn.Value) nn.Value { return nn.Add(x, x) }

// ExampleProgram runs a network on memory that another library has allocated.
func ExampleProgram() {
	run := func(context, stream uintptr, picture, logits cuda.Memory) error {
		gpu, err := cuda.Adopt(context, cuda.Options{})
		if err != nil {
			return err
		}
		defer gpu.Close()
		net, err := nn.Compile(bg, gpu, double{})
		if err != nil {
			return err
		}
		defer net.Close()
		s, err := gpu.AdoptStream(stream)
		if err != nil {
			return err
		}
		defer s.Close()
		p, err := net.Program(tensor.Shape{1, 3, 224, 224})
		if err != nil {
			return err
		}
		return p.(cuda.Program).RunOn(bg, s, []cuda.Memory{logits}, []cuda.Memory{picture})
	}
	fmt.Println(run(0, 0, cuda.Memory{}, cuda.Memory{}) != nil) // there is no such context
	// Output: true
}
