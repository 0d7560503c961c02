//go:build linux && cgo && !nocuda

package fakedriver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Library compiles the fake of a library that works with a driver, and returns
// the path of a file of the test's own with that name: another file is another
// instance. Without a C++ compiler the test is skipped.
func Library(t testing.TB, name string, source []byte, macros ...string) string {
	t.Helper()
	args := []string{"-shared", name + ".cpp", "-O1"}
	for _, m := range macros {
		args = append(args, "-D"+m)
	}
	library, err := once(strings.Join(args, " "), func() ([]byte, error) {
		return compile(args, map[string][]byte{name + ".cpp": source})
	})
	if errors.Is(err, errNoCompiler) {
		t.Skip("NOT RUN: the fake of " + name + " needs c++")
	}
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, library, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// NewWithoutKernels returns a fake driver that has no kernels but one of its own,
// axpy, for tests that need none: it is compiled in a tenth of the time.
func NewWithoutKernels(t testing.TB) *Driver {
	t.Helper()
	library, err := once("without kernels", func() ([]byte, error) {
		return compile([]string{"-shared", "fake/fake.cpp", "fake/emulate.cpp", "-O1"}, nil)
	})
	return open(t, library, err)
}
