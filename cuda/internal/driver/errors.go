package driver

import (
	"errors"
	"fmt"
)

// ErrContextLost is in every error of a context after an error that the driver
// does not recover from, such as a kernel's access to memory that is not its
// own. What was made in the context is gone; another device, and the CPU, can
// go on.
var ErrContextLost = errors.New("the context is lost")

// ErrClosed is the error of using a handle after its Close.
var ErrClosed = errors.New("used after Close")

// Error is a call of the driver that failed.
type Error struct {
	Call string // the driver's function, "cuMemAlloc_v2"
	Code int    // CUresult, 2
	Name string // "CUDA_ERROR_OUT_OF_MEMORY"
	Text string // the driver's words, "out of memory"
	Note string // what more is known, such as the compiler's log; often empty
}

// Error returns "cuInit: no CUDA-capable device is detected
// (CUDA_ERROR_NO_DEVICE, 100)", say.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s (%s, %d)", e.Call, e.Text, e.Name, e.Code)
	if e.Note != "" {
		s += ": " + e.Note
	}
	return s
}

// isFatal reports whether the driver cannot go on with the context after an
// error: it returns the same for every later call.
func (e *Error) isFatal() bool {
	switch e.Code {
	case 214, // CUDA_ERROR_ECC_UNCORRECTABLE
		220,                               // CUDA_ERROR_NVLINK_UNCORRECTABLE
		226,                               // CUDA_ERROR_CONTAINED
		700,                               // CUDA_ERROR_ILLEGAL_ADDRESS
		702,                               // CUDA_ERROR_LAUNCH_TIMEOUT
		709,                               // CUDA_ERROR_CONTEXT_IS_DESTROYED
		710, 714, 715, 716, 717, 718, 719, // CUDA_ERROR_ASSERT, HARDWARE_STACK_ERROR … LAUNCH_FAILED
		999: // CUDA_ERROR_UNKNOWN
		return true
	}
	return false
}

// RefusesImage reports whether the driver says of a module's image that it is none
// for the device or for this driver: another image may do.
func (e *Error) RefusesImage() bool {
	switch e.Code {
	case 200, // CUDA_ERROR_INVALID_IMAGE
		209, // CUDA_ERROR_NO_BINARY_FOR_GPU
		218, // CUDA_ERROR_INVALID_PTX
		222: // CUDA_ERROR_UNSUPPORTED_PTX_VERSION
		return true
	}
	return false
}

// LostError is an error of a context that was lost before: errors.Is finds
// [ErrContextLost] in it, and errors.As the [*Error] it was lost with.
type LostError struct {
	Device string // name of the device
	Cause  error
}

// Error returns what happened, that the context was lost by it, and what can go
// on.
func (e *LostError) Error() string {
	return fmt.Sprintf("%s: %v by %v; other devices and the CPU can go on, and this one when all that was on it "+
		"is closed, or else in a new process", e.Device, ErrContextLost, e.Cause)
}

// Unwrap returns [ErrContextLost] and the cause.
func (e *LostError) Unwrap() []error { return []error{ErrContextLost, e.Cause} }

// OOMError says that a device has not as much memory left as was wanted, or that
// a limit would be exceeded.
type OOMError struct {
	Device      string // its name
	Want        int64  // bytes, 0 for what the driver needed for itself
	Free, Total int64  // bytes, of the device or of the limit; 0 if the driver does not say
	Limited     bool   // it is the limit that has no room
	Cause       error  // the [*Error], nil for the limit
}

// Error returns the figures, and what takes less.
func (e *OOMError) Error() string {
	mb := func(n int64) float64 { return float64(n) / 1e6 }
	s := fmt.Sprintf("%s: no %.1f MB of memory left: %.1f of %.1f MB are free",
		e.Device, mb(e.Want), mb(e.Free), mb(e.Total))
	switch {
	case e.Limited:
		s += " within the limit, which could be raised"
	case e.Want == 0:
		s = fmt.Sprintf("%s: no memory left: %v", e.Device, e.Cause)
	}
	return s + "; smaller batches or pictures, or fewer models at once, take less"
}

// Unwrap returns the driver's error.
func (e *OOMError) Unwrap() error { return e.Cause }

// LoadError says why a library cannot be used as NVIDIA's driver.
type LoadError struct {
	Path  string
	Cause error
}

// Error returns the path and the reason.
func (e *LoadError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Cause) }

// Unwrap returns the reason.
func (e *LoadError) Unwrap() error { return e.Cause }

// TooOldError says that a driver lacks what is needed.
type TooOldError struct {
	Version Version // what it is, 0 if it did not say
	Missing string  // a function that it lacks
}

// Error says which driver would do.
func (e *TooOldError) Error() string {
	return fmt.Sprintf("the driver is too old: it knows CUDA %v and lacks %s; CUDA %v is needed: install a newer driver",
		e.Version, e.Missing, MinVersion)
}

// Version is a version of CUDA as its driver tells it: 12090 is 12.9.
type Version int

// MinVersion is the oldest driver that has all functions that must be there.
const MinVersion Version = 11040

// String returns "12.9".
func (v Version) String() string { return fmt.Sprintf("%d.%d", int(v)/1000, int(v)%1000/10) }

// RangeError says that bytes are not within a buffer.
type RangeError struct{ Offset, Bytes, Size int64 }

// Error returns the figures.
func (e *RangeError) Error() string {
	return fmt.Sprintf("%d bytes from %d are not in a buffer of %d", e.Bytes, e.Offset, e.Size)
}

// ArgumentError says that an argument is not what a kernel takes.
type ArgumentError struct {
	Kernel    string
	Argument  int // its index, or how many there are if that is wrong
	Got, Want int // bytes of the argument, or the numbers of arguments
	Count     bool
}

// Error names the kernel and the argument.
func (e *ArgumentError) Error() string {
	if e.Count {
		return fmt.Sprintf("kernel %s: %d arguments; it takes %d", e.Kernel, e.Got, e.Want)
	}
	return fmt.Sprintf("kernel %s: argument %d has %d bytes; it takes %d", e.Kernel, e.Argument, e.Got, e.Want)
}

// LaunchError says which launch of a list failed.
type LaunchError struct {
	Kernel string
	Index  int // in the list
	Cause  error
}

// Error names the kernel.
func (e *LaunchError) Error() string {
	return fmt.Sprintf("launch %d, %s: %v", e.Index, e.Kernel, e.Cause)
}

// Unwrap returns why.
func (e *LaunchError) Unwrap() error { return e.Cause }
