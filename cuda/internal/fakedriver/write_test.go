//go:build linux && cgo && !nocuda

package fakedriver

import (
	"flag"
	"os"
	"testing"
)

var write = flag.String("write", "", "write the fake driver to this `FILE`")

// TestWrite writes the driver for programs that are no tests: cuda/check.sh is rehearsed with it.
func TestWrite(t *testing.T) {
	if *write == "" {
		t.Skip("without -write FILE there is nothing to do")
	}
	data, err := build("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*write, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
