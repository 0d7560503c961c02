package device

import (
	"errors"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]int{"": cpu, "cpu": cpu, "auto": auto, "cuda": 0, "cuda:0": 0, "cuda:12": 12} {
		if n, err := (Options{Name: name}).ordinal(); n != want || err != nil {
			t.Errorf("%q: %d, %v", name, n, err)
		}
	}
	for _, name := range []string{"CPU", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:01", "cuda: 1", "cuda:x", "cuda:99999",
		"cuda:1:2", "auto:0", " cpu"} {
		err := Options{Name: name}.Validate()
		if e, ok := errors.AsType[*NameError](err); !ok || e.Name != name || !strings.Contains(err.Error(), "want cpu, auto, cuda") {
			t.Errorf("%q: %v", name, err)
		}
		if d, again := Open(Options{Name: name}); d != nil || again == nil {
			t.Errorf("%q was opened: %v", name, again)
		}
	}
	for _, name := range []string{"", "cpu", "auto"} { // which finds no driver
		_, err := Open(Options{Name: name, Precision: op.BFloat16, Driver: "/nowhere/libcuda.so.1"})
		if e, ok := errors.AsType[*op.UnsupportedError](err); !ok || e.Missing[0] != "precision bfloat16" {
			t.Errorf("%q in bfloat16: %v", name, err)
		}
	}
	if err := (Options{MemoryBytes: -1}).Validate(); err == nil {
		t.Error("a negative limit is valid")
	}
}

// TestNoDriver looks for a driver where none is: an explicit GPU is an error that tells so, and auto is the CPU and tells
// the same.
func TestNoDriver(t *testing.T) {
	const nowhere = "/nowhere/libcuda.so.1"
	why := nowhere
	if d, err := Open(Options{Name: "cuda:1", Driver: nowhere}); d != nil || err == nil {
		t.Errorf("opened %v, %v", d, err)
	} else if errors.Is(err, cuda.ErrNotBuilt) {
		why = cuda.ErrNotBuilt.Error()
	} else if _, ok := errors.AsType[*cuda.NoDeviceError](err); !ok || !strings.Contains(err.Error(), why) {
		t.Error(err)
	}
	for name, want := range map[string]string{"": "", "cpu": "", "auto": why} {
		d, err := Open(Options{Name: name, Driver: nowhere})
		if err != nil {
			t.Fatal(err)
		}
		s := d.String()
		if d.Backend.Name() != kernels.CPU().Name() || !strings.HasPrefix(s, kernels.CPU().Name()) || strings.Contains(s, "\n") {
			t.Errorf("%q: %s", name, s)
		}
		if !strings.Contains(s, want) || want == "" && s != kernels.CPU().Name() {
			t.Errorf("%q: %s; want why: %s", name, s, want)
		}
		t.Log(s)
		for range 2 {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
