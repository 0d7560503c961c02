package cuda

import (
	"errors"
	"fmt"
	"strings"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// ErrNotBuilt is the error of a backend in a program that was built without
// CUDA, which takes Linux, CGO_ENABLED=1 and no build tag nocuda.
var ErrNotBuilt = errors.New("this program was built without CUDA")

// ErrContextLost is in the errors of a backend after one that the driver does
// not recover from, such as a kernel's access to memory that is not its own.
// The backend and its models are of no more use but to be closed; other devices
// and the CPU can go on.
var ErrContextLost = driver.ErrContextLost

// OOMError says that a device has not as much memory left as was wanted. What
// wanted it can be tried again: nothing of it stays.
type OOMError = driver.OOMError

// DriverError is a call of the driver that failed.
type DriverError = driver.Error

// NoDeviceError says that there is no such device, and all that was tried to
// find it.
type NoDeviceError struct {
	Device int // the ordinal that was asked for
	Report *Report
}

// Error returns the device's name and the report.
func (e *NoDeviceError) Error() string {
	return fmt.Sprintf("there is no device cuda:%d: %s", e.Device, strings.TrimSpace(e.Report.String()))
}

// Unwrap returns what the report has for errors.
func (e *NoDeviceError) Unwrap() []error {
	all := e.Report.Tried
	if e.Report.Err != nil {
		all = append(all[:len(all):len(all)], e.Report.Err)
	}
	return all
}

// ArenaError says that inputs are too large for a device, whatever else is in
// its memory.
type ArenaError struct {
	Backend     string    // "cuda:0"
	Inputs      []op.Spec // that a program was asked for
	Bytes, Have int64     // that values between layers take, and that the device has
}

// Error returns the inputs and the figures.
func (e *ArenaError) Error() string {
	return fmt.Sprintf("%s: inputs %v take %.1f MB of memory between layers, and the device has %.1f MB; "+
		"smaller batches or pictures take less", e.Backend, e.Inputs, float64(e.Bytes)/1e6, float64(e.Have)/1e6)
}

var _ op.Backend = (*Backend)(nil)
