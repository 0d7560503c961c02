//go:build linux && cgo && !nocuda

package driver_test

import (
	_ "embed"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

// open returns a fake driver and a context of its device. At the end of the test everything must have been closed, but
// for what a lost context has taken along.
func open(t testing.TB, macros ...string) (*fakedriver.Driver, *driver.Context) {
	t.Helper()
	fake := fakedriver.New(t, macros...)
	lib, err := driver.Load(fake.Path)
	if err != nil {
		t.Fatal(err)
	}
	devices, err := lib.Devices()
	if err != nil || len(devices) != 1 {
		t.Fatal(devices, err)
	}
	c, err := devices[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			if !errors.Is(err, driver.ErrContextLost) {
				t.Error(err)
			}
			return
		}
		if n := fake.Alive(); n != 0 {
			t.Errorf("%d things are alive in the driver", n)
		}
		if n := fake.BrokenGuards(); n != 0 {
			t.Errorf("%d bytes around allocations were written", n)
		}
	})
	return fake, c
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
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
}

func floats(v ...float32) []byte {
	b := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(x))
	}
	return b
}

// source is a kernel of the fake's for NVIDIA's driver, too.
//
//go:embed testdata/axpy.ptx
var source []byte

// axpy returns the kernel of that name, and what closes its module.
func axpy(t testing.TB, c *driver.Context) *driver.Kernel {
	t.Helper()
	m := must(c.LoadModule(source))(t)
	t.Cleanup(func() { _ = m.Close() }) // tests that lose the context lose it too
	return must(m.Kernel("axpy", 64<<10))(t)
}

func TestDevice(t *testing.T) {
	_, c := open(t)
	want := driver.Device{Name: "a GPU that is not there", Capability: [2]int{9, 0}, Bytes: 1 << 30,
		Multiprocessors: 4, Shared: 227 << 10}
	d := c.Device
	if d.Name != want.Name || d.Capability != want.Capability || d.Bytes != want.Bytes ||
		d.Multiprocessors != want.Multiprocessors || d.Shared != want.Shared {
		t.Errorf("%+v", d)
	}
}

// TestRun sends floats to the device and back, through a kernel, a copy and a fill.
func TestRun(t *testing.T) {
	_, c := open(t)
	k := axpy(t, c)
	s := must(c.NewStream())(t)
	x, y := must(c.Alloc(12))(t), must(c.Alloc(12))(t)
	l := must(c.Prepare([]driver.Launch{
		{Kernel: k, Grid: [3]uint32{1}, Block: [3]uint32{32}, Arguments: []driver.Argument{
			driver.Int32(3), driver.Float32(2), driver.Pointer(x, 0), driver.Pointer(y, 0)}},
		{Kernel: k, Block: [3]uint32{32}, Arguments: []driver.Argument{
			driver.Int32(1), driver.Float32(10), driver.Pointer(x, 8), driver.Pointer(y, 4)}},
	}))(t)
	got := make([]byte, 12)
	check(t, s.Upload(x, 0, floats(1, 2, 3)), s.Fill(y, 0, 12, 0), s.Upload(y, 8, floats(100)),
		s.Run(l), s.Download(got, y, 0))
	if want := floats(2, 4+30, 106); string(got) != string(want) {
		t.Errorf("%v, want %v", got, want)
	}
	check(t, s.Copy(x, 4, y, 0, 8), s.Download(got, x, 0))
	if want := floats(1, 2, 34); string(got) != string(want) {
		t.Errorf("after the copy: %v, want %v", got, want)
	}
	check(t, s.Upload(x, 12, nil), s.Download(nil, x, 12), l.Close(), l.Close(), x.Close(), y.Close(), s.Close())
}

// TestHostBuffer reads pinned memory only after a Sync: before it the fake has done nothing.
func TestHostBuffer(t *testing.T) {
	_, c := open(t)
	s, b, h := must(c.NewStream())(t), must(c.Alloc(8))(t), must(c.AllocHost(16))(t)
	copy(h.Bytes(), "01234567--------")
	check(t, s.UploadHost(b, 0, h, 0, 8), s.DownloadHost(h, 8, 8, b, 0))
	if string(h.Bytes()[8:]) != "--------" {
		t.Error("the copy did not wait for the Sync: this test tests nothing")
	}
	check(t, s.Sync())
	if string(h.Bytes()) != "0123456701234567" {
		t.Errorf("%q", h.Bytes())
	}
	check(t, h.Close(), b.Close(), s.Close())
}

// TestEvents has one stream wait for another.
func TestEvents(t *testing.T) {
	fake, c := open(t)
	one, two := must(c.NewStream())(t), must(c.NewStream())(t)
	b, h := must(c.Alloc(4))(t), must(c.AllocHost(4))(t)
	begin, end := must(c.NewEvent(true))(t), must(c.NewEvent(true))(t)
	check(t, one.Record(begin), one.Fill(b, 0, 4, 7), one.Record(end), two.Wait(end), two.DownloadHost(h, 0, 4, b, 0))
	if done, err := two.Done(); done && !fake.Real() || err != nil { // a device may have been quick
		t.Errorf("done %v, %v before anybody waited", done, err)
	}
	check(t, two.Sync())
	if string(h.Bytes()) != "\a\a\a\a" {
		t.Errorf("%q: the second stream did not wait", h.Bytes())
	}
	check(t, end.Sync())
	if d, err := end.Since(begin); err != nil || d <= 0 {
		t.Error(d, err)
	}
	if done, err := two.Done(); !done || err != nil {
		t.Error(done, err)
	}
	cheap, late := must(c.NewEvent(false))(t), must(c.NewEvent(true))(t)
	check(t, one.Record(cheap), one.Sync())
	for name, e := range map[string]*driver.Event{"cannot be timed": cheap, "was not recorded": late} {
		if d, err := e.Since(begin); err == nil {
			t.Errorf("%v until an event that %s", d, name)
		}
	}
	check(t, cheap.Close(), late.Close(), begin.Close(), end.Close(), h.Close(), b.Close(), one.Close(), two.Close())
}

// TestGraph records a list of work once and does it three times. What is recorded is no concern of other calls, such as
// for memory, and goroutines change their threads.
func TestGraph(t *testing.T) {
	_, c := open(t)
	k, s := axpy(t, c), must(c.NewStream())(t)
	x, y := must(c.Alloc(4))(t), must(c.Alloc(4))(t)
	check(t, s.Upload(x, 0, floats(1)), s.Upload(y, 0, floats(0)))
	l := must(c.Prepare([]driver.Launch{{Kernel: k, Arguments: []driver.Argument{
		driver.Int32(1), driver.Float32(5), driver.Pointer(x, 0), driver.Pointer(y, 0)}}}))(t)
	var more *driver.Buffer
	g := must(s.Capture(func() (err error) {
		more, err = c.Alloc(4)
		return errors.Join(err, s.Run(l), s.Run(l))
	}))(t)
	if g.Nodes != 2 {
		t.Errorf("%d nodes", g.Nodes)
	}
	check(t, g.Launch(s), g.Launch(s), g.Launch(s))
	got := make([]byte, 4)
	check(t, s.Download(got, y, 0))
	if string(got) != string(floats(30)) {
		t.Error(got)
	}
	if _, err := s.Capture(s.Sync); err == nil {
		t.Error("a stream that waits was recorded")
	}
	mine := errors.New("mine")
	if _, err := s.Capture(func() error { return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
	check(t, s.Sync(), g.Close(), l.Close(), more.Close(), x.Close(), y.Close(), s.Close())
}

func TestOutOfMemory(t *testing.T) {
	fake, c := open(t)
	fake.SetMemory(1000)
	b := must(c.Alloc(600))(t)
	_, err := c.Alloc(600)
	oom, ok := errors.AsType[*driver.OOMError](err)
	if !ok || oom.Want != 600 || oom.Free != 400 || oom.Total != 1000 {
		t.Errorf("%v", err)
	}
	check(t, b.Close())
	fake.Fail("cuMemAlloc_v2", 2, 2)
	b = must(c.Alloc(600))(t)
	if _, err := c.Alloc(1); !errors.As(err, &oom) {
		t.Error(err)
	}
	check(t, b.Close())
}

// TestLost has a kernel read memory that is not its own: every later call says what the context was lost with.
func TestLost(t *testing.T) {
	fake, c := open(t)
	k, s, x := axpy(t, c), must(c.NewStream())(t), must(c.Alloc(4))(t)
	l := must(c.Prepare([]driver.Launch{{Kernel: k, Block: [3]uint32{32}, Arguments: []driver.Argument{
		driver.Int32(32), driver.Float32(1), driver.Pointer(x, 0), driver.Pointer(x, 0)}}}))(t)
	check(t, s.Run(l))
	for range 2 {
		err := s.Sync()
		e, ok := errors.AsType[*driver.Error](err)
		if !errors.Is(err, driver.ErrContextLost) || !ok || e.Name != "CUDA_ERROR_ILLEGAL_ADDRESS" {
			t.Error(err)
		}
	}
	for name, f := range map[string]func() error{
		"Alloc":      func() error { _, err := c.Alloc(1); return err },
		"AllocHost":  func() error { _, err := c.AllocHost(1); return err },
		"NewStream":  func() error { _, err := c.NewStream(); return err },
		"NewEvent":   func() error { _, err := c.NewEvent(false); return err },
		"LoadModule": func() error { _, err := c.LoadModule([]byte("fake")); return err },
		"Upload":     func() error { return s.Upload(x, 0, []byte("1234")) },
		"Capture":    func() error { _, err := s.Capture(func() error { return nil }); return err },
		"Run":        func() error { return s.Run(l) },
	} {
		if err := f(); !errors.Is(err, driver.ErrContextLost) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := fake.Fault(); !strings.Contains(got, "axpy: block (0, 0, 0), thread (") {
		t.Errorf("the emulator says %q", got)
	}
	_, _, _ = l.Close(), x.Close(), s.Close()
}

func TestClosed(t *testing.T) {
	_, c := open(t)
	k, s, x, h, e := axpy(t, c), must(c.NewStream())(t), must(c.Alloc(4))(t), must(c.AllocHost(4))(t), must(c.NewEvent(false))(t)
	l := must(c.Prepare([]driver.Launch{{Kernel: k, Arguments: []driver.Argument{
		driver.Int32(0), driver.Float32(1), driver.Pointer(x, 0), driver.Pointer(nil, 0)}}}))(t)
	check(t, x.Close(), h.Close(), e.Close(), l.Close())
	for name, err := range map[string]error{
		"Upload":     s.Upload(x, 0, []byte{1}),
		"Download":   s.Download([]byte{1}, x, 0),
		"UploadHost": s.UploadHost(x, 0, h, 0, 1),
		"Record":     s.Record(e),
		"Wait":       s.Wait(e),
		"Sync":       e.Sync(),
		"Run":        s.Run(l),
		"a zero one": new(driver.Stream).Sync(),
	} {
		if !errors.Is(err, driver.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, s.Close(), s.Close(), x.Close())
	if err := s.Sync(); !errors.Is(err, driver.ErrClosed) {
		t.Error(err)
	}
}

// TestMisuse is refused before a driver sees it.
func TestMisuse(t *testing.T) {
	_, c := open(t)
	_, other := open(t)
	k, s, x := axpy(t, c), must(c.NewStream())(t), must(c.Alloc(4))(t)
	prepare := func(k *driver.Kernel, a ...driver.Argument) error {
		l, err := c.Prepare([]driver.Launch{{Kernel: k, Arguments: a}})
		if err == nil {
			check(t, l.Close())
		}
		return err
	}
	p := driver.Pointer(x, 0)
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"beyond":           {s.Upload(x, 1, []byte("1234")), "4 bytes from 1 are not in a buffer of 4"},
		"before":           {s.Download([]byte{1}, x, -1), "1 bytes from -1"},
		"far beyond":       {s.Fill(x, math.MaxInt64, 2, 0), "not in a buffer"},
		"copy beyond":      {s.Copy(x, 0, x, 2, 4), "4 bytes from 2"},
		"few arguments":    {prepare(k, driver.Int32(1)), "launch 0, axpy: kernel axpy: 1 arguments; it takes 4"},
		"swapped":          {prepare(k, driver.Int32(1), p, driver.Float32(1), p), "argument 1 has 8 bytes; it takes 4"},
		"no kernel":        {prepare(nil), "no kernel"},
		"another context":  {prepare(axpy(t, other), driver.Int32(1), driver.Float32(1), p, p), "another context"},
		"too many threads": {runOnce(t, c, s, driver.Launch{Kernel: k, Block: [3]uint32{2048}, Arguments: []driver.Argument{driver.Int32(1), driver.Float32(1), p, p}}), "launch 0, axpy: "},
		"empty image":      {image(c, ""), "an empty image"},
		"wrong image":      {image(c, "what"), "CUDA_ERROR_INVALID_IMAGE, 200): line 1: not an image"},
		"no such kernel":   {kernelOf(t, c, "gone", 0), "kernel gone: "},
		"too much shared":  {kernelOf(t, c, "axpy", 1<<20), "1048576 bytes of shared memory"},
	} {
		if test.err == nil || !strings.Contains(test.err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", name, test.err, test.want)
		}
	}
	check(t, x.Close(), s.Close())
}

func runOnce(t *testing.T, c *driver.Context, s *driver.Stream, launch driver.Launch) error {
	l := must(c.Prepare([]driver.Launch{launch}))(t)
	defer l.Close()
	return s.Run(l)
}

func image(c *driver.Context, text string) error {
	_, err := c.LoadModule([]byte(text))
	return err
}

func kernelOf(t *testing.T, c *driver.Context, name string, shared int) error {
	m := must(c.LoadModule([]byte("fake")))(t)
	defer m.Close()
	_, err := m.Kernel(name, shared)
	return err
}

// TestWithoutParameters uses a driver that does not tell what kernels take.
func TestWithoutParameters(t *testing.T) {
	_, c := open(t, "FAKE_WITHOUT_PARAMETERS")
	k := axpy(t, c)
	l := must(c.Prepare([]driver.Launch{{Kernel: k, Arguments: []driver.Argument{driver.Int32(1)}}}))(t)
	check(t, l.Close())
}

// TestUnclosed says how much was left.
func TestUnclosed(t *testing.T) {
	fake := fakedriver.New(t)
	lib := must(driver.Load(fake.Path))(t)
	c := must(must(lib.Devices())(t)[0].Open())(t)
	b := must(c.Alloc(1))(t)
	if err := c.Close(); err == nil || !strings.Contains(err.Error(), "1 handles were not closed") {
		t.Error(err)
	}
	check(t, b.Close(), c.Close())
}

func TestLoad(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libcuda.so.1")
	check(t, os.WriteFile(text, []byte("no library"), 0o644))
	for name, path := range map[string]string{"missing": "/nowhere/libcuda.so.1", "text": text, "directory": t.TempDir()} {
		_, err := driver.Load(path)
		if e, ok := errors.AsType[*driver.LoadError](err); !ok || e.Path != path {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := driver.Load("libc.so.6")
	if old, ok := errors.AsType[*driver.TooOldError](err); !ok || old.Missing != "cuInit" {
		t.Error(err)
	}
	fake := fakedriver.New(t, "FAKE_VERSION=11020", "FAKE_WITHOUT_GRAPHS")
	_, err = driver.Load(fake.Path)
	if old, ok := errors.AsType[*driver.TooOldError](err); !ok || old.Missing != "cuGraphInstantiateWithFlags" ||
		old.Version.String() != "11.2" {
		t.Error(err)
	}
	fake = fakedriver.New(t)
	fake.Fail("cuInit", 1, 100)
	_, err = driver.Load(fake.Path)
	if e, ok := errors.AsType[*driver.Error](err); !ok || e.Call != "cuInit" || e.Name != "CUDA_ERROR_NO_DEVICE" {
		t.Error(err)
	}
}

// TestEveryCallFails lets each function fail once in a whole run: there is an error that names it, and nothing is
// left in the driver but what could not be freed.
func TestEveryCallFails(t *testing.T) {
	for _, function := range []string{
		"cuDevicePrimaryCtxRetain", "cuMemAlloc_v2", "cuMemHostAlloc", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2",
		"cuMemcpyDtoDAsync_v2", "cuMemsetD8Async", "cuStreamCreate", "cuStreamSynchronize", "cuEventCreate",
		"cuEventRecord", "cuStreamWaitEvent", "cuModuleLoadDataEx", "cuModuleGetFunction", "cuFuncSetAttribute",
		"cuLaunchKernel", "cuStreamBeginCapture_v2", "cuStreamEndCapture", "cuGraphGetNodes",
		"cuGraphInstantiateWithFlags", "cuGraphLaunch", "cuMemFree_v2", "cuMemFreeHost", "cuStreamDestroy_v2",
		"cuEventDestroy_v2", "cuModuleUnload", "cuGraphExecDestroy", "cuGraphDestroy", "cuDevicePrimaryCtxRelease_v2",
	} {
		fake := fakedriver.New(t)
		lib := must(driver.Load(fake.Path))(t)
		device := must(lib.Devices())(t)[0]
		fake.Fail(function, 1, 1)
		err := everything(device)
		if e, ok := errors.AsType[*driver.Error](err); !ok || e.Call != function && !strings.HasPrefix(function, "cuGraph") {
			t.Errorf("%s: %v", function, err)
		}
		frees := strings.Contains(function, "Free") || strings.Contains(function, "Destroy") ||
			function == "cuModuleUnload" || function == "cuDevicePrimaryCtxRelease_v2" || function == "cuStreamEndCapture"
		if n := fake.Alive(); n > 1 || n == 1 && !frees {
			t.Errorf("%s: %d things are alive in the driver", function, n)
		}
	}
}

// everything uses a device for each thing that can be done with one.
func everything(d driver.Device) (err error) {
	c, err := d.Open()
	if err != nil {
		return err
	}
	var closers []interface{ Close() error }
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			err = errors.Join(err, closers[i].Close())
		}
		err = errors.Join(err, c.Close())
	}()
	type closer = interface{ Close() error }
	keep := func(v closer, made error) bool {
		if err = made; err == nil {
			closers = append(closers, v)
		}
		return err == nil
	}
	m, err := c.LoadModule([]byte("fake"))
	if !keep(m, err) {
		return err
	}
	k, err := m.Kernel("axpy", 1)
	if err != nil {
		return err
	}
	s, err := c.NewStream()
	if !keep(s, err) {
		return err
	}
	b, err := c.Alloc(64)
	if !keep(b, err) {
		return err
	}
	h, err := c.AllocHost(64)
	if !keep(h, err) {
		return err
	}
	e, err := c.NewEvent(true)
	if !keep(e, err) {
		return err
	}
	l, err := c.Prepare([]driver.Launch{{Kernel: k, Arguments: []driver.Argument{
		driver.Int32(1), driver.Float32(1), driver.Pointer(b, 0), driver.Pointer(b, 32)}}})
	if !keep(l, err) {
		return err
	}
	for _, do := range []func() error{
		func() error { return s.Fill(b, 0, 64, 0) },
		func() error { return s.UploadHost(b, 0, h, 0, 64) },
		func() error { return s.Copy(b, 0, b, 32, 32) },
		func() error { return s.Record(e) },
		func() error { return s.Wait(e) },
		func() error { return s.Run(l) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	g, err := s.Capture(func() error { return s.Run(l) })
	if !keep(g, err) {
		return err
	}
	if err := g.Launch(s); err != nil {
		return err
	}
	if err := s.DownloadHost(h, 0, 64, b, 0); err != nil {
		return err
	}
	return s.Sync()
}

// TestNothingLeaks does everything 200 times on 4 goroutines at once.
func TestNothingLeaks(t *testing.T) {
	fake := fakedriver.New(t)
	lib := must(driver.Load(fake.Path))(t)
	device := must(lib.Devices())(t)[0]
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for range 50 {
				if err := everything(device); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	if n := fake.Alive(); n != 0 {
		t.Errorf("%d things are alive in the driver", n)
	}
	if n := fake.Calls("cuLaunchKernel"); n != 400 {
		t.Errorf("%d launches", n)
	}
}
