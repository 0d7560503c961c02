//go:build !linux || !cgo || nocuda

package cuda_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda"
)

func TestProbe(t *testing.T) {
	if got := cuda.Probe(cuda.Options{}).String(); !strings.Contains(got, "no GPU: this program was built without CUDA") {
		t.Error(got)
	}
}

func TestOpen(t *testing.T) {
	if b, err := cuda.Open(cuda.Options{}); b != nil || !errors.Is(err, cuda.ErrNotBuilt) {
		t.Errorf("%v, %v", b, err)
	}
}
