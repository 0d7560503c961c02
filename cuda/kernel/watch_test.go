//go:build linux && cgo && !nocuda

package kernel_test

import (
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

// orders returns how many orders of threads there are to run: one if kernels are watched, which sees the same in any.
func orders() int {
	if fakedriver.Watched() {
		return 1
	}
	return fakedriver.Orders
}

// TestWatched runs kernels while the compiler's sanitizers watch them.
func TestWatched(t *testing.T) {
	if out, ok := fakedriver.Watch(t, "^(TestConv2d|TestLayers)$", "", "", ""); !ok {
		t.Errorf("the sanitizers say\n%s", out)
	}
}

// TestWatchedMistake has a kernel with less shared memory than it uses, which nothing else sees: what it overwrites is
// another kernel's, of which no block runs.
func TestWatchedMistake(t *testing.T) {
	if !*full {
		t.Skip("NOT RUN without -full: it takes seconds to compile")
	}
	out, ok := fakedriver.Watch(t, "^TestConv2d$/^conv2d_bf16_64x64$", "conv2d_tensor.cu", "64x64(PARAMETERS) {\n\t__shared__ __align__(128) char "+
		"shared[4 * STAGE_BYTES<64, 64>];\n\tconv2d<bf16", "64x64(PARAMETERS) {\n\t__shared__ __align__(128) char "+
		"shared[3 * STAGE_BYTES<64, 64>];\n\tconv2d<bf16")
	if ok || !strings.Contains(out, "AddressSanitizer: global-buffer-overflow") {
		t.Errorf("the sanitizers say\n%s", out)
	}
}
