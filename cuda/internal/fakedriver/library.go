//go:build linux && cgo && !nocuda

package fakedriver

/*
#include <dlfcn.h>
#include <stdlib.h>
static void use(void *f, void *in_context, void *holds, void *submit, void *synchronize) {
	((void (*)(void *, void *, void *, void *))f)(in_context, holds, submit, synchronize);
}
static void fail(void *f, const char *function, int n, int status) {
	((void (*)(const char *, int, int))f)(function, n, status);
}
static int calls(void *f, const char *function) { return ((int (*)(const char *))f)(function); }
static int ask(void *f, int n) { return ((int (*)(int))f)(n); }
static int number(void *f) { return ((int (*)(void))f)(); }
static void set(void *f, int n) { ((void (*)(int))f)(n); }
static const char *text(void *f) { return ((const char *(*)(void))f)(); }
*/
import "C"

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// Library is a test's own fake of a library that works with a driver.
type Library struct {
	Path   string // of a file of the test's own: another file is another instance
	handle unsafe.Pointer
}

// NewLibrary compiles a fake under the library's name, and lets it work with a
// driver, or with none if that is nil. Without a C++ compiler the test is skipped.
func NewLibrary(t testing.TB, name string, source []byte, d *Driver) *Library {
	t.Helper()
	args := []string{"-shared", name + ".cpp", "-O1"}
	library, err := once(strings.Join(args, " "), func() ([]byte, error) {
		return compile(args, map[string][]byte{name + ".cpp": source})
	})
	if errors.Is(err, errNoCompiler) {
		t.Skip("NOT RUN: the fake of " + name + " needs c++")
	}
	if err != nil {
		t.Fatal(err)
	}
	l := &Library{Path: filepath.Join(t.TempDir(), name)}
	if err := os.WriteFile(l.Path, library, 0o755); err != nil {
		t.Fatal(err)
	}
	path := C.CString(l.Path)
	defer C.free(unsafe.Pointer(path))
	if l.handle = C.dlopen(path, C.RTLD_NOW|C.RTLD_LOCAL); l.handle == nil {
		t.Fatal(C.GoString(C.dlerror()))
	}
	if d != nil {
		C.use(l.function("fake_use"), d.Function("fake_in_context"), d.Function("fake_holds"),
			d.Function("fake_submit"), d.Function("cuStreamSynchronize"))
	}
	return l
}

func (l *Library) function(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	f := C.dlsym(l.handle, s)
	if f == nil {
		panic("the fake " + filepath.Base(l.Path) + " has no " + name)
	}
	return f
}

// SetVersion sets which version the fake says that it is.
func (l *Library) SetVersion(n int) { l.Set("fake_version", n) }

// Fail lets the n-th call of a function from now on, counted from 1, return a
// status.
func (l *Library) Fail(function string, n, status int) {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	C.fail(l.function("fake_fail"), s, C.int(n), C.int(status))
}

// Calls returns how often a function was called.
func (l *Library) Calls(function string) int {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	return int(C.calls(l.function("fake_calls"), s))
}

// Alive returns how many handles, descriptors and the like are there.
func (l *Library) Alive() int { return int(C.number(l.function("fake_alive"))) }

// Set calls a function of one fake only, which takes a number.
func (l *Library) Set(function string, n int) { C.set(l.function(function), C.int(n)) }

// Ask calls a function of one fake only, which takes a number and returns one.
func (l *Library) Ask(function string, n int) int { return int(C.ask(l.function(function), C.int(n))) }

// Text calls a function of one fake only, which returns a text.
func (l *Library) Text(function string) string { return C.GoString(C.text(l.function(function))) }

// NewWithoutKernels returns a fake driver that has no kernels but one of its own,
// axpy, for tests that need none: it is compiled in a tenth of the time.
func NewWithoutKernels(t testing.TB) *Driver {
	t.Helper()
	library, err := once("without kernels", func() ([]byte, error) {
		return compile([]string{"-shared", "fake/fake.cpp", "fake/emulate.cpp", "-O1"}, nil)
	})
	return open(t, library, err)
}
