//go:build linux && cgo && !nocuda

package kernel_test

import (
	"encoding/binary"
	"flag"
	"math"
	"testing"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

var full = flag.Bool("full", false, "run what takes long, too")

// A device is a fake one, and what kernels are run with.
type device struct {
	*driver.Context
	fake   *fakedriver.Driver
	stream *driver.Stream
	module *driver.Module
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
	d.module, err = d.LoadModule([]byte("fake"))
	check(t, err)
	return d
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
	k, err := d.module.Kernel(name, 0)
	check(t, err)
	l, err := d.Prepare([]driver.Launch{{Kernel: k, Grid: grid, Block: block, Arguments: args}})
	check(t, err)
	check(t, d.stream.Run(l))
	check(t, l.Close())
}
