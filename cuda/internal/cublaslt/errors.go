package cublaslt

import "fmt"

// Error is a call of the library that failed.
type Error struct {
	Call string // the library's function, "cublasLtMatmul"
	Code int    // cublasStatus_t, 15
	Name string // "CUBLAS_STATUS_NOT_SUPPORTED"
	Text string // the library's words
}

// Error returns "cublasLtMatmul: the functionality is not supported
// (CUBLAS_STATUS_NOT_SUPPORTED, 15)", say.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%s, %d)", e.Call, e.Text, e.Name, e.Code) }

// LoadError says why a library cannot be used as cuBLASLt.
type LoadError struct {
	Path  string
	Cause error
}

// Error returns the path and the reason.
func (e *LoadError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Cause) }

// Unwrap returns the reason.
func (e *LoadError) Unwrap() error { return e.Cause }

// MajorError says that a library is of a version whose functions may differ from
// those that are called.
type MajorError struct{ Version Version }

// Error names the version and those that would do.
func (e *MajorError) Error() string {
	return fmt.Sprintf("this is cuBLASLt %v; %d or %d is needed", e.Version, OldestMajor, NewestMajor)
}

// MissingError says that a library lacks a function.
type MissingError struct {
	Version  Version // what it is, 0 if it did not say
	Function string
}

// Error names the function and the version.
func (e *MissingError) Error() string {
	return fmt.Sprintf("cuBLASLt %v lacks %s", e.Version, e.Function)
}

// The major versions that this package was written for.
const (
	OldestMajor = 12
	NewestMajor = 13
)

// Version is a version of the library as it tells it: 130401 is 13.4.1.
type Version int

// Major returns 13 for 13.4.1.
func (v Version) Major() int { return int(v) / 10000 }

// String returns "13.4.1".
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", int(v)/10000, int(v)/100%100, int(v)%100)
}
