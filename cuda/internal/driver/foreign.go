package driver

import "fmt"

// HandleError says that a handle of another library's cannot be used.
type HandleError struct {
	Kind   string  // "context" or "stream"
	Handle uintptr // CUcontext or CUstream
	Device string  // name of the device that it was to be used with
	Cause  error   // an [*Error] if it is the driver that refuses it
}

// Error returns the handle and why it cannot be used.
func (e *HandleError) Error() string {
	return fmt.Sprintf("%s: %s %#x cannot be used: %v", e.Device, e.Kind, e.Handle, e.Cause)
}

// Unwrap returns why.
func (e *HandleError) Unwrap() error { return e.Cause }
