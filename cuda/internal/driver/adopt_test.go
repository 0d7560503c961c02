//go:build linux && cgo && !nocuda

package driver_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

// two returns a fake driver of two devices.
func two(t *testing.T) (*fakedriver.Driver, []driver.Device) {
	t.Helper()
	fake := fakedriver.New(t, "FAKE_DEVICES=2")
	lib := must(driver.Load(fake.Path))(t)
	devices := must(lib.Devices())(t)
	if len(devices) != 2 {
		t.Fatal(devices)
	}
	t.Cleanup(func() {
		if n := fake.Alive(); n != 0 {
			t.Errorf("%d things are alive in the driver", n)
		}
	})
	return fake, devices
}

// TestAdopt works in a context and on streams that somebody else made, and leaves them alone.
func TestAdopt(t *testing.T) {
	fake, devices := two(t)
	other := fake.NewForeign(1)
	c := must(devices[1].Adopt(other.Context))(t)
	m := must(c.LoadModule([]byte("fake")))(t)
	k := must(m.Kernel("axpy", 0))(t)
	for _, handle := range []uintptr{other.NewStream(), 0} {
		x, y := other.Alloc(12), must(c.Alloc(12))(t)
		other.Write(x, floats(1, 2, 3))
		s := must(c.AdoptStream(handle))(t)
		if s.Handle() != handle {
			t.Error(s.Handle(), handle)
		}
		check(t, s.Fill(y, 0, 12, 0))
		l := must(c.Prepare([]driver.Launch{{
			Kernel: k, Grid: [3]uint32{1}, Block: [3]uint32{32},
			Arguments: []driver.Argument{
				driver.Int32(3), driver.Float32(2), driver.Address(uint64(x)), driver.Pointer(y, 0)},
		}}))(t)
		check(t, s.Run(l))
		got := make([]byte, 12)
		check(t, s.Download(got, y, 0))
		if !slices.Equal(got, floats(2, 4, 6)) {
			t.Error(got)
		}
		check(t, l.Close(), y.Close(), s.Close())
		if err := s.Sync(); !errors.Is(err, driver.ErrClosed) {
			t.Error(err)
		}
		if handle != 0 {
			other.DestroyStream(handle) // it is there
		}
		other.Free(x)
	}
	check(t, m.Close(), c.Close())
	other.Destroy()
}

// TestAdoptOthers has handles that are of something else, or of nothing any more.
func TestAdoptOthers(t *testing.T) {
	fake, devices := two(t)
	other := fake.NewForeign(1)
	gone := fake.NewForeign(1)
	gone.Destroy()
	for _, test := range []struct {
		handle uintptr
		want   string
	}{
		{0, "context 0x0 cannot be used: there is none"},
		{other.Context, "it is of device 1, and not of device 0"},
		{gone.Context, "(CUDA_ERROR_INVALID_CONTEXT, 201)"},
		{0x1230, "(CUDA_ERROR_INVALID_CONTEXT, 201)"},
	} {
		_, err := devices[0].Adopt(test.handle)
		if e, ok := errors.AsType[*driver.HandleError](err); !ok || e.Handle != test.handle || e.Kind != "context" ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%#x: %v; want %s", test.handle, err, test.want)
		}
	}
	c := must(devices[0].Open())(t)
	stream, ended := other.NewStream(), other.NewStream()
	other.DestroyStream(ended)
	for handle, want := range map[uintptr]string{stream: "it is of another context", ended: "(CUDA_ERROR_INVALID_HANDLE, 400)"} {
		_, err := c.AdoptStream(handle)
		if e, ok := errors.AsType[*driver.HandleError](err); !ok || e.Handle != handle || e.Kind != "stream" ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%#x: %v; want %s", handle, err, want)
		}
	}
	check(t, c.Close())
	other.Destroy()
}

// TestDestroyed has a context destroyed while it is adopted: it is lost, and what was in it is gone.
func TestDestroyed(t *testing.T) {
	fake, devices := two(t)
	other := fake.NewForeign(0)
	c := must(devices[0].Adopt(other.Context))(t)
	b, s := must(c.Alloc(8))(t), must(c.NewStream())(t)
	other.Destroy()
	for range 2 {
		err := s.Sync()
		if e, ok := errors.AsType[*driver.Error](err); !errors.Is(err, driver.ErrContextLost) || !ok || e.Code != 201 {
			t.Error(err)
		}
	}
	check(t, b.Close(), s.Close(), c.Close())
}

func TestFind(t *testing.T) {
	fake, devices := two(t)
	other, third := fake.NewForeign(0), fake.NewForeign(1)
	c := must(devices[0].Adopt(other.Context))(t)
	ours, theirs := other.Alloc(100), third.Alloc(100)
	for address, want := range map[uintptr]driver.Region{
		ours:        {Address: uint64(ours), Bytes: 100, OnDevice: true, Here: true},
		ours + 99:   {Address: uint64(ours), Bytes: 100, OnDevice: true, Here: true},
		ours + 100:  {},
		theirs + 50: {Address: uint64(theirs), Bytes: 100, OnDevice: true},
		0:           {},
	} {
		if got, err := c.Find(uint64(address)); err != nil || got != want {
			t.Errorf("%#x: %+v, %v; want %+v", address, got, err, want)
		}
	}
	fake.Fail("cuPointerGetAttributes", 1, 304)
	if _, err := c.Find(uint64(ours)); err == nil {
		t.Error("no error")
	}
	check(t, c.Close())
	other.Destroy()
	third.Destroy()
}

func TestCapturing(t *testing.T) {
	fake, devices := two(t)
	other := fake.NewForeign(0)
	c := must(devices[0].Adopt(other.Context))(t)
	handle := other.NewStream()
	s := must(c.AdoptStream(handle))(t)
	other.Capture(handle, func() {
		if on, err := s.Capturing(); !on || err != nil {
			t.Error(on, err)
		}
	})
	if on, err := s.Capturing(); on || err != nil {
		t.Error(on, err)
	}
	check(t, s.Close(), c.Close())
	other.Destroy()
}
