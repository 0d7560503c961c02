package cuda

import (
	"fmt"
	"time"
)

// Engines says what may compute convolutions and fully connected layers.
type Engines uint8

const (
	// MeasuredEngines, the default, are our own kernels and those of the libraries
	// that are found, cuBLASLt and cuDNN. Which of them computes a layer is
	// measured when the first program is planned with such a layer on maps of such
	// a size: that takes longer, and the fastest may be another one the next time
	// that a program is started, with other last bits. Without libraries nothing
	// is measured.
	MeasuredEngines Engines = iota

	// OwnEngines are our own kernels, chosen by a table: results are the same to
	// the bit wherever a device of the same kind runs them.
	OwnEngines
)

// EngineChoice tells what computes a layer, and what else was tried.
type EngineChoice struct {
	Product string // the layer's geometry
	Engine  string // "conv2d_f32_128x64/split4", "cublaslt/algo21"
	Trials  []EngineTrial
}

// EngineTrial is what was found out about an engine for a product.
type EngineTrial struct {
	Engine string
	Time   time.Duration // of one run; 0 with an error
	Err    error         // why it is not used: it failed, has no memory, or computes something else
}

// WrongResultError says that an engine does not compute what our own kernel does,
// within what the precision allows.
type WrongResultError struct {
	Engine, Product       string
	Got, Want, Difference float64 // at the place that differs most
}

// Error names the engine and the numbers.
func (e *WrongResultError) Error() string {
	return fmt.Sprintf("%s computes %g where our kernel computes %g; a difference of %.2g is too much, for %s",
		e.Engine, e.Got, e.Want, e.Difference, e.Product)
}

// LibraryError says why a library of NVIDIA's that computes products cannot be
// used. It is not there, is of another major version, lacks a function, or does
// not start.
type LibraryError struct {
	Library string // "cuBLASLt"
	Cause   error
}

// Error names the library and says why.
func (e *LibraryError) Error() string { return fmt.Sprintf("%s: %v", e.Library, e.Cause) }

// Unwrap returns why.
func (e *LibraryError) Unwrap() error { return e.Cause }
