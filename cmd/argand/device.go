package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/argand-go/argand/internal/device"
	"github.com/argand-go/argand/nn/op"
	"github.com/spf13/pflag"
)

// deviceFlags are where a command runs networks: the flags that detect, pipeline and bench share.
type deviceFlags struct {
	name, driver string
	precision    op.Precision
	memory       float64 // GB, 0 for no limit
}

// addTo adds the flags to a command.
func (d *deviceFlags) addTo(f *pflag.FlagSet) {
	f.StringVar(&d.name, "device", "cpu", "compute on `DEVICE`: cpu, cuda or cuda:1, or auto, a GPU if there is one; "+
		"see argand devices")
	f.TextVar(&d.precision, "precision", op.Float32,
		"compute in `PRECISION`: float32, or on a GPU tf32, bfloat16 or float16")
	f.Float64Var(&d.memory, "device-memory", 0, "take at most `GB` of a GPU's memory, 10⁹ bytes each; 0 is no limit")
	addDriver(f, &d.driver)
}

// addDriver adds the flag of that name.
func addDriver(f *pflag.FlagSet, path *string) {
	f.StringVar(path, "driver", "", "`PATH` of a GPU's libcuda.so.1 (default: where the system has it)")
}

// isCPU reports whether the CPU is asked for.
func (d *deviceFlags) isCPU() bool { return d.name == "" || d.name == "cpu" }

// options returns what the flags mean.
func (d *deviceFlags) options() device.Options {
	return device.Options{Name: d.name, Precision: d.precision, Driver: d.driver, MemoryBytes: int64(d.memory * 1e9)}
}

// check returns an error for flags that make no sense, or that ask the CPU for what it has not.
func (d *deviceFlags) check() error {
	if !(d.memory >= 0) || d.memory > math.MaxInt32 {
		return fmt.Errorf("--device-memory %v: want a number of GB that is not negative", d.memory)
	}
	if err := d.options().Validate(); err != nil {
		return fmt.Errorf("--device %s --precision %v: %w", d.name, d.precision, err)
	}
	return nil
}

// openDevice opens the device of a job whose workers are in this process, for as long as that lasts, so that a GPU that
// cannot be used is told of before anything is read. Workers elsewhere open what they have.
func (p *pipeline) openDevice() (close func(), err error) {
	inside := (runsHere() || jobopts.IsLoopback()) && !strings.EqualFold(*jobopts.EnvironmentType, "process")
	if p.device.isCPU() || !inside || !awaited() {
		return func() {}, nil
	}
	on, err := p.device.open(p.stderr)
	if err != nil {
		return nil, err
	}
	p.on = on.Backend.Name()
	return func() { _ = on.Close() }, nil // an error of a device that is gone would hide the job's
}

// open opens the device, and says which it is unless that is the CPU that was asked for.
func (d *deviceFlags) open(stderr io.Writer) (*device.Device, error) {
	opened, err := device.Open(d.options())
	if err != nil {
		return nil, fmt.Errorf("--device %s: %w", d.name, err)
	}
	if !d.isCPU() {
		_, err = fmt.Fprintf(stderr, "argand: on %v\n", opened)
	}
	return opened, err
}
