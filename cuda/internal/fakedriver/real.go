//go:build linux && cgo && !nocuda

package fakedriver

import (
	"flag"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Every test that asks for a fake driver as it is takes this one instead. The
// package is linked into tests only, and so is its flag.
var instead = flag.String("driver", "", "run tests on NVIDIA's driver at this `PATH` instead of a fake one; "+
	"auto is where the loader finds it. Tests that have it fail are skipped")

// Real reports whether the driver is none of ours, but the one that the flag
// -driver names: it cannot be told to fail, and does not tell what is alive.
func (d *Driver) Real() bool { return d.real != nil }

// openReal returns NVIDIA's driver, or fails the test. Memory of the first device
// is filled with what the fake has in fresh memory, for allocations of the test
// to find.
func openReal(t testing.TB) *Driver {
	t.Helper()
	d := &Driver{Path: *instead, real: t}
	if d.Path == "auto" {
		d.Path = "libcuda.so.1"
	}
	d.dlopen(t)
	lib, err := driver.Load(d.Path)
	if err != nil {
		t.Fatalf("-driver %s: %v", *instead, err)
	}
	devices, err := lib.Devices()
	if err != nil || len(devices) == 0 {
		t.Fatalf("-driver %s: %d devices, %v", *instead, len(devices), err)
	}
	c, err := devices[0].Open()
	if err != nil {
		t.Fatalf("-driver %s: %v", *instead, err)
	}
	t.Cleanup(func() { _ = c.Close() }) // till then it is the same context, and so the same memory
	if err := poison(c); err != nil {
		t.Fatalf("-driver %s: %v", *instead, err)
	}
	return d
}

func poison(c *driver.Context) error {
	free, _, err := c.Memory()
	if err != nil {
		return err
	}
	b, err := c.Alloc(min(free/8, 1<<30))
	if err != nil {
		return err
	}
	defer b.Close()
	s, err := c.NewStream()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Fill(b, 0, b.Size(), 0xCC); err != nil {
		return err
	}
	return s.Sync()
}
