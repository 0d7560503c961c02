//go:build linux && cgo && !nocuda

package cuda_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/nn/op"
)

// TestOneBackend opens a GPU several times: it is one backend, with one limit, and its last user closes it. Once its
// context is lost it is no more given out.
func TestOneBackend(t *testing.T) {
	fake := fakedriver.New(t)
	if fake.Real() {
		t.Skip("NOT RUN on a real driver, which does not tell what is alive")
	}
	on := device.Options{Name: "cuda", Driver: fake.Path}
	open := func(o device.Options) *device.Device {
		d, err := device.Open(o)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	closeAll := func(all ...*device.Device) {
		for _, d := range all {
			for range 2 {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	a, b := open(on), open(device.Options{Name: "auto", Driver: fake.Path})
	if a.Backend != b.Backend || a.Backend.Name() != "cuda:0" || !strings.Contains(a.String(), "kernels for sm_90a") {
		t.Errorf("%v and %v", a, b)
	}
	other := on
	other.MemoryBytes = 1 << 20
	_, err := device.Open(other)
	if e, ok := errors.AsType[*device.ConflictError](err); !ok || e.Want.MemoryBytes != 1<<20 || e.Open.MemoryBytes != 0 {
		t.Error(err)
	}
	closeAll(a)
	alive := fake.Alive()
	closeAll(b)
	if n := fake.Alive(); n != 0 || alive == 0 {
		t.Errorf("%d are alive without users, %d with one", n, alive)
	}
	a = open(other)
	if !strings.Contains(a.String(), "limited to ") {
		t.Error(a)
	}
	closeAll(a)

	lost := fakedriver.New(t)
	on.Driver = lost.Path
	a = open(on)
	lost.Fail("cuMemAlloc_v2", 1, 700)
	if _, err := a.Backend.Load(t.Context(), small(), op.Options{}); !errors.Is(err, cuda.ErrContextLost) {
		t.Fatal(err)
	}
	if d, err := device.Open(on); err == nil {
		t.Errorf("opened %v, whose context is lost", d)
	}
	_ = a.Close() // with the error of what was lost
}
