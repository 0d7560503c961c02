package cuda

import (
	"errors"
	"fmt"
	"strings"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// ErrNotBuilt is the error of a backend in a program that was built without
// CUDA.
var ErrNotBuilt = errors.New(
	"this program was built without CUDA, which takes Linux, CGO_ENABLED=1 and no tag nocuda")

// ErrContextLost is in the errors of a backend after one that the driver does
// not recover from, such as a kernel's access to memory that is not its own.
// The backend and its models are of no more use but to be closed; other devices
// and the CPU can go on.
var ErrContextLost = driver.ErrContextLost

// OOMError says that a device has not as much memory left as was wanted, or that
// Options.MemoryBytes would be exceeded. What wanted it can be tried again:
// nothing of it stays.
type OOMError = driver.OOMError

// OldDriverError says that NVIDIA's driver lacks a function. It is among what
// a [*NoDeviceError] wraps.
type OldDriverError = driver.TooOldError

// DriverError is a call of the driver that failed.
type DriverError = driver.Error

// TooOldError says that there are no kernels for a device, which is older than
// those that there are some for.
type TooOldError struct {
	Device     string // its name
	Capability [2]int // compute capability, {6, 1}
}

// Error returns the device's capability and what is needed.
func (e *TooOldError) Error() string {
	return fmt.Sprintf("%s has compute capability %d.%d, and kernels are for %d.%d and newer: "+
		"use another device or the CPU", e.Device, e.Capability[0], e.Capability[1], oldest[0], oldest[1])
}

// oldest is the compute capability that all kernels are compiled for as PTX.
var oldest = [2]int{7, 5}

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

// ArenaError says that inputs are too large for a device, or for
// Options.MemoryBytes, whatever else is in its memory.
type ArenaError struct {
	Backend     string    // "cuda:0"
	Inputs      []op.Spec // that a program was asked for
	Bytes, Have int64     // that values between layers take, and that there are besides the model's weights
	Limited     bool      // it is Options.MemoryBytes that leaves no more
}

// Error returns the inputs and the figures.
func (e *ArenaError) Error() string {
	has := "the device has"
	if e.Limited {
		has = "the limit leaves"
	}
	return fmt.Sprintf("%s: inputs %v take %.1f MB of memory between layers, and %s %.1f MB besides the weights; "+
		"smaller batches or pictures take less", e.Backend, e.Inputs, float64(e.Bytes)/1e6, has, float64(e.Have)/1e6)
}

var _ op.Backend = (*Backend)(nil)
