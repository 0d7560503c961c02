//go:build linux && cgo && !nocuda

package cuda_test

import (
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/kernel"
)

// TestImages loads all that a device may be given: the image of every source that it is, and the PTX, which is for devices
// that are yet to come. It says which is which.
func TestImages(t *testing.T) {
	fake := fakedriver.New(t)
	lib := must(driver.Load(fake.Path))
	c := must(must(lib.Devices())[0].Open())
	defer c.Close()
	t.Logf("%s, compute capability %v, driver for CUDA %v", c.Device.Name, c.Device.Capability, lib.Version)
	for _, u := range must(kernel.ReadManifest()).Units {
		chosen, ok := u.Image(c.Device.Capability)
		if !ok {
			t.Errorf("%s: no image", u.Source)
		}
		for _, image := range u.Images {
			if image.File != chosen.File && !strings.HasPrefix(image.Target, "compute_") {
				continue
			}
			m, err := c.LoadModule(must(image.Open()))
			if err != nil {
				t.Errorf("%s: %v", image.File, err)
				continue
			}
			for name := range u.Parameters {
				if _, err := m.Kernel(name, 0); err != nil {
					t.Errorf("%s: %s: %v", image.File, name, err)
				}
			}
			what := "loads, too"
			if image.File == chosen.File {
				what = "IS TAKEN"
			}
			t.Logf("%-28s %s, %d kernels", image.File, what, len(u.Parameters))
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
