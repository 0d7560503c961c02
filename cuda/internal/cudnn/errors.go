package cudnn

import (
	"fmt"
	"strings"
)

// Major is the major version of cuDNN that is used. Others have other functions,
// or the same with other meanings.
const Major = 9

// Version is a version of cuDNN as it tells it: 92600 is 9.26.0, and 8907, which
// is from before the form was changed, 8.9.7.
type Version int

// Major returns 9 of 9.26.0.
func (v Version) Major() int {
	if v < 10000 {
		return int(v) / 1000
	}
	return int(v) / 10000
}

// String returns "9.26.0".
func (v Version) String() string {
	if v < 10000 {
		return fmt.Sprintf("%d.%d.%d", int(v)/1000, int(v)%1000/100, int(v)%100)
	}
	return fmt.Sprintf("%d.%d.%d", int(v)/10000, int(v)%10000/100, int(v)%100)
}

// LoadError says why a library cannot be used as cuDNN.
type LoadError struct {
	Path  string
	Cause error // the loader's words, a [*MajorError], a [*MissingError]
}

// Error returns the path and the reason.
func (e *LoadError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Cause) }

// Unwrap returns the reason.
func (e *LoadError) Unwrap() error { return e.Cause }

// MajorError says that a library is another major version of cuDNN.
type MajorError struct{ Got Version }

// Error names both versions.
func (e *MajorError) Error() string {
	return fmt.Sprintf("it is cuDNN %v; cuDNN %d is needed", e.Got, Major)
}

// MissingError says that a library lacks a function.
type MissingError struct{ Function string }

// Error names the function.
func (e *MissingError) Error() string { return "it has no function " + e.Function }

// Error is a call of cuDNN that failed.
type Error struct {
	Call   string // cuDNN's function, "cudnnBackendFinalize"
	What   string // what it was for, "execution plan"; often empty
	Status int    // cudnnStatus_t, 3000
	Name   string // "CUDNN_STATUS_NOT_SUPPORTED"
	Text   string // cuDNN's last words, often empty
}

// Error returns "cudnnBackendFinalize, execution plan: CUDNN_STATUS_NOT_SUPPORTED
// (3000): no engine", say.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Call)
	if e.What != "" {
		b.WriteString(", " + e.What)
	}
	fmt.Fprintf(&b, ": %s (%d)", e.Name, e.Status)
	if e.Text != "" {
		b.WriteString(": " + e.Text)
	}
	return b.String()
}

// OutOfMemory reports whether the device had no memory left.
func (e *Error) OutOfMemory() bool {
	return e.Status == 4004 // CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
}

// ShapeError says that a convolution cannot be described to cuDNN.
type ShapeError struct{ Why string }

// Error returns why.
func (e *ShapeError) Error() string { return "no convolution for cuDNN: " + e.Why }
