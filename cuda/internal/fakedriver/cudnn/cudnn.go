//go:build linux && cgo && !nocuda

package cudnn

import (
	_ "embed"
	"testing"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

//go:embed fake/cudnn.cpp
var source []byte

// Library is a fake cuDNN of a test's own. It says that it is 92600, 9.26.0, if
// nothing else is set.
type Library struct{ *fakedriver.Library }

// New returns a fake cuDNN that works with a driver, or with none if that is nil.
// Without a C++ compiler the test is skipped.
func New(t testing.TB, d *fakedriver.Driver) *Library {
	t.Helper()
	return &Library{fakedriver.NewLibrary(t, "libcudnn.so.9", source, d)}
}

// Ran returns how many runs an engine has been submitted for.
func (l *Library) Ran(engine int) int { return l.Ask("fake_ran", engine) }
