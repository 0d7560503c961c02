//go:build linux && cgo && !nocuda

package kernel_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"math"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/kernel"
)

var full = flag.Bool("full", false, "run what takes long, too")

// A device is a fake one, and what kernels are run with.
type device struct {
	*driver.Context
	fake    *fakedriver.Driver
	stream  *driver.Stream
	modules []*driver.Module
}

func open(t *testing.T, fake *fakedriver.Driver) *device {
	t.Helper()
	d := &device{fake: fake}
	lib, err := driver.Load(d.fake.Path)
	check(t, err)
	devices, err := lib.Devices()
	check(t, err)
	d.Context, err = devices[0].Open()
	check(t, err)
	d.stream, err = d.NewStream()
	check(t, err)
	images := [][]byte{[]byte("fake")} // has all kernels
	if fake.Real() {
		images = compiled(t, d.Device.Capability)
	}
	for _, image := range images {
		m, err := d.LoadModule(image)
		check(t, err)
		d.modules = append(d.modules, m)
	}
	return d
}

// compiled returns the images for a device.
func compiled(t *testing.T, capability [2]int) (images [][]byte) {
	t.Helper()
	m, err := kernel.ReadManifest()
	check(t, err)
	for _, u := range m.Units {
		if image, ok := u.Image(capability); ok {
			data, err := image.Open()
			check(t, err)
			images = append(images, data)
		}
	}
	return images
}

// kernel returns a kernel of any of the modules.
func (d *device) kernel(t *testing.T, name string) *driver.Kernel {
	t.Helper()
	var errs []error
	for _, m := range d.modules {
		k, err := m.Kernel(name, 0)
		if err == nil {
			return k
		}
		errs = append(errs, err)
	}
	t.Fatal(errors.Join(errs...))
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// upload returns a buffer of floats, which is freed at the end of the test.
func (d *device) upload(t *testing.T, v []float32) *driver.Buffer {
	t.Helper()
	data := make([]byte, 4*len(v))
	for i, x := range v {
		binary.LittleEndian.PutUint32(data[4*i:], math.Float32bits(x))
	}
	return d.uploadBytes(t, data)
}

// uploadBytes returns a buffer of bytes, which is freed at the end of the test.
func (d *device) uploadBytes(t *testing.T, data []byte) *driver.Buffer {
	t.Helper()
	b, err := d.Alloc(int64(len(data)))
	check(t, err)
	t.Cleanup(func() { _ = b.Close() })
	check(t, d.stream.Upload(b, 0, data))
	return b
}

// download returns what is in a buffer, or the error of what was run before.
func (d *device) download(b *driver.Buffer) ([]float32, error) {
	data := make([]byte, b.Size())
	if err := d.stream.Download(data, b, 0); err != nil {
		return nil, err
	}
	v := make([]float32, len(data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return v, nil
}

// run runs a kernel once, in an order of the emulator's.
func (d *device) run(t *testing.T, order int, name string, grid, block [3]uint32, args ...driver.Argument) {
	t.Helper()
	d.fake.SetOrder(order)
	l, err := d.Prepare([]driver.Launch{{Kernel: d.kernel(t, name), Grid: grid, Block: block, Arguments: args}})
	check(t, err)
	check(t, d.stream.Run(l))
	check(t, l.Close())
}
