//go:build linux && cgo && !nocuda

package cuda_test

import (
	"flag"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/nn/op/optest"
)

var libraries = flag.Bool("libraries", false, "with -driver auto, use cuBLASLt and cuDNN where they are found and are faster")

// open returns the backend of a fake driver, which is closed at the end of the test: nothing may be alive then.
func open(t *testing.T, fake *fakedriver.Driver) *cuda.Backend {
	t.Helper()
	return openWith(t, fake, cuda.Options{})
}

// openWith is open with options, but for the driver's path.
func openWith(t *testing.T, fake *fakedriver.Driver, o cuda.Options) *cuda.Backend {
	t.Helper()
	if o.Driver = fake.Path; *libraries {
		o.Driver = "" // with a path for it, no libraries are looked for
	}
	b, err := cuda.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if n := fake.Alive(); n != 0 {
			t.Errorf("%d contexts, allocations and handles are alive", n)
		}
		if n := fake.BrokenGuards(); n != 0 {
			t.Errorf("%d bytes around allocations were written", n)
		}
		if s := fake.Fault(); s != "" {
			t.Error(s)
		}
	})
	return b
}

// unsupported is what there are no kernels for yet.
var unsupported = []string{"dense_detections", "ssd_detections"}

// TestConformance holds all operators there are kernels for against their formulas.
func TestConformance(t *testing.T) {
	optest.Run(t, open(t, fakedriver.New(t)), unsupported...)
}
