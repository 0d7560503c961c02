package device

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
)

// Options say which device, and how much of it. The zero Options are the CPU.
type Options struct {
	// Name is "cpu", which "" means too; "cuda", which is "cuda:0", or
	// "cuda:1" and so on, for that GPU; or "auto", for the first GPU that can be
	// opened, or else the CPU.
	Name string

	Precision   op.Precision // that networks will be loaded with
	Driver      string       // path of NVIDIA's driver; "" to look for it
	MemoryBytes int64        // limit on what is taken of a GPU's memory, 0 for none
}

// NameError says that no device is called so.
type NameError struct{ Name string }

// Error returns the names that there are.
func (e *NameError) Error() string {
	return fmt.Sprintf("%q is not a device: want cpu, auto, cuda, or cuda:1 and so on", e.Name)
}

// Validate returns an error for options that no machine can fulfil: a
// [*NameError], an [*op.UnsupportedError] for a precision that the CPU has not,
// or one about the limit.
func (o Options) Validate() error {
	n, err := o.ordinal()
	switch {
	case err != nil:
		return err
	case n == cpu && o.Precision != op.Float32:
		return lacks(o.Precision)
	case o.MemoryBytes < 0:
		return fmt.Errorf("a limit of %d bytes on a device's memory: want at least 0", o.MemoryBytes)
	}
	return nil
}

// lacks returns the error of the CPU for a precision. It would come when a network
// is loaded, which may be much later.
func lacks(p op.Precision) error {
	return &op.UnsupportedError{Backend: kernels.CPU().Name(), Missing: []string{"precision " + p.String()}}
}

// The ordinals of what is no GPU.
const (
	cpu  = -1
	auto = -2
)

// ordinal returns the number of the GPU, or cpu or auto.
func (o Options) ordinal() (int, error) {
	switch o.Name {
	case "", "cpu":
		return cpu, nil
	case "auto":
		return auto, nil
	case "cuda":
		return 0, nil
	}
	digits, ok := strings.CutPrefix(o.Name, "cuda:")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || strconv.FormatUint(n, 10) != digits {
		return 0, &NameError{o.Name}
	}
	return int(n), nil
}

// Device is an open device.
type Device struct {
	// Backend is what networks are loaded on.
	Backend op.Backend

	about string
	gpu   *gpu // nil for the CPU
	close sync.Once
}

// Open opens a device. The errors for a GPU are those of cuda.Open, a
// [*ConflictError], and those of [Options.Validate].
func Open(o Options) (*Device, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	n, _ := o.ordinal()
	switch n {
	case cpu:
		return onCPU(""), nil
	case auto:
		d := first(o)
		if !d.IsGPU() && o.Precision != op.Float32 {
			return nil, fmt.Errorf("on %v: %w", d, lacks(o.Precision))
		}
		return d, nil
	}
	g, err := opened.acquire(n, o)
	if err != nil {
		return nil, err
	}
	return g.device(), nil
}

// first opens the first GPU that can be opened, or else the CPU.
func first(o Options) *Device {
	var why []string
	for n := 0; ; n++ {
		g, err := opened.acquire(n, o)
		if err == nil {
			return g.device()
		}
		none, last := errors.AsType[*cuda.NoDeviceError](err)
		switch {
		case !last:
			why = append(why, oneLine(err.Error()))
		case n == 0:
			why = append(why, strings.TrimPrefix(oneLine(none.Report.String()), "no GPU: "))
		}
		if last || errors.Is(err, cuda.ErrNotBuilt) {
			return onCPU(strings.Join(why, "; "))
		}
	}
}

// oneLine folds a text that spans lines.
func oneLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "; ")
}

func onCPU(why string) *Device {
	b := kernels.CPU()
	d := &Device{Backend: b, about: b.Name()}
	if why != "" {
		d.about += ", as there is no GPU: " + why
	}
	return d
}

// IsGPU reports whether it is one.
func (d *Device) IsGPU() bool { return d.gpu != nil }

// String says what the device is and, if it is the CPU for lack of a GPU, why,
// in a line: "cuda:0 NVIDIA H100 80GB HBM3, compute capability 9.0, …, kernels
// for sm_90a".
func (d *Device) String() string { return d.about }

// Close ends the use of the device, after the models on it have been closed. The
// last user of a GPU closes it. After a second call nothing happens.
func (d *Device) Close() (err error) {
	d.close.Do(func() {
		if d.gpu != nil {
			err = opened.release(d.gpu)
		}
	})
	return err
}
