//go:build linux && cgo && !nocuda

package fakedriver

import (
	"flag"
	"os"
	"testing"
)

var library = flag.String("library", "", "write the driver to this `FILE`, as libcuda.so.1")

// TestLibrary writes the driver for programs that are no tests, as cuda/check.sh's rehearsal runs them.
func TestLibrary(t *testing.T) {
	if *library == "" {
		t.Skip("without -library FILE there is nothing to do")
	}
	data, err := build("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*library, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
