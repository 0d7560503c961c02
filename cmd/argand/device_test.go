package main

import (
	"strings"
	"testing"
)

// TestAutoFallsBack looks for a GPU where no driver is: the results are the CPU's, and one line says so and why.
func TestAutoFallsBack(t *testing.T) {
	picture := pictures(t, "s256.png")[0]
	_, want, _ := command(t, "detect", "--json", picture)
	status, stdout, stderr := command(t, "detect", "--json", "--device", "auto", "--driver", "/nowhere/libcuda.so.1", picture)
	if status != 0 || stdout != want || want == "" {
		t.Errorf("status %d, %q; want %q", status, stdout, want)
	}
	if !strings.HasPrefix(stderr, "argand: on cpu/") || !strings.Contains(stderr, "as there is no GPU: ") ||
		strings.Count(stderr, "\n") != 1 {
		t.Errorf("stderr %q", stderr)
	}
}
