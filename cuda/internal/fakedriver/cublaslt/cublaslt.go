//go:build linux && cgo && !nocuda

package cublaslt

import (
	_ "embed"
	"testing"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

//go:embed fake/cublaslt.cpp
var source []byte

// Library is a fake of a test's own. It says that it is 130401, 13.4.1, if nothing
// else is set.
type Library struct{ *fakedriver.Library }

// New returns a fake that works with a driver. Without a C++ compiler the test is
// skipped.
func New(t testing.TB, d *fakedriver.Driver) *Library {
	t.Helper()
	return &Library{fakedriver.NewLibrary(t, "libcublasLt.so.13", source, d)}
}

// Fault returns what a call was refused for, "" if none was.
func (l *Library) Fault() string { return l.Text("fake_fault") }

// Lie is what the fake does wrong without a word.
type Lie int

// The lies.
const (
	Truth      Lie = iota
	NaN            // one element is a NaN
	Rounded        // factors of float32 are rounded as in tf32
	NoResidual     // the residual is forgotten
	Overlook       // algorithms that round are found although the mask forbids it
	NoPixel        // the last pixel is zero
	Plain          // no lie: a pedantic product is not offered
	Batch          // with more than 100 rows the depth is summed up from its end
	Waits          // no lie: a product waits for the stream, which cannot be recorded then
)

// SetLie sets it.
func (l *Library) SetLie(lie Lie) { l.Set("fake_lie", int(lie)) }
