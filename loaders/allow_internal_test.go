package loaders

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// What torch.load(weights_only=True) allows, as testdata/allowed_make.py wrote
// it down, is allowed, and of functions only what is documented besides.
func TestAllowedAsByTorch(t *testing.T) {
	b, err := os.ReadFile("testdata/allowed.txt")
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Fields(string(b))
	if len(names) < 140 {
		t.Fatalf("%d names", len(names))
	}
	for _, n := range names {
		i := strings.LastIndexByte(n, '.')
		if lookup(n[:i], n[i+1:]) == nil {
			t.Errorf("%s is not allowed", n)
		}
	}
	var more []string
	for _, n := range slices.Sorted(maps.Keys(functions)) {
		if !slices.Contains(names, n) {
			more = append(more, n)
		}
	}
	want := []string{"argparse.Namespace", "builtins.bytes",
		"numpy._core.multiarray._reconstruct", "numpy._core.multiarray.scalar", "numpy._core.numeric._frombuffer",
		"numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar", "numpy.core.numeric._frombuffer",
		"numpy.dtype", "numpy.ndarray"}
	if !slices.Equal(more, want) {
		t.Errorf("allowed besides: %q, want %q", more, want)
	}
}
