//go:build linux && cgo && !nocuda

package cublaslt

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
static void driver(void *f, void *in_context, void *holds, void *submit, void *synchronize) {
	((void (*)(void *, void *, void *, void *))f)(in_context, holds, submit, synchronize);
}
static void fail(void *f, const char *function, int n, int status) {
	((void (*)(const char *, int, int))f)(function, n, status);
}
static int calls(void *f, const char *function) { return ((int (*)(const char *))f)(function); }
static int number(void *f) { return ((int (*)(void))f)(); }
static void set(void *f, int n) { ((void (*)(int))f)(n); }
static const char *text(void *f) { return ((const char *(*)(void))f)(); }
*/
import "C"

import (
	_ "embed"
	"testing"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

//go:embed fake/cublaslt.cpp
var source []byte

// Library is a fake library of a test's own.
type Library struct {
	Path   string
	handle unsafe.Pointer
}

// New returns a fake that works with a driver.
func New(t testing.TB, d *fakedriver.Driver) *Library {
	t.Helper()
	l := &Library{Path: fakedriver.Library(t, "libcublasLt.so.13", source)}
	path := C.CString(l.Path)
	defer C.free(unsafe.Pointer(path))
	if l.handle = C.dlopen(path, C.RTLD_NOW|C.RTLD_LOCAL); l.handle == nil {
		t.Fatal(C.GoString(C.dlerror()))
	}
	C.driver(l.function("fake_lt_driver"), d.Function("fake_in_context"), d.Function("fake_holds"),
		d.Function("fake_submit"), d.Function("cuStreamSynchronize"))
	return l
}

func (l *Library) function(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	f := C.dlsym(l.handle, s)
	if f == nil {
		panic("the fake cuBLASLt has no " + name)
	}
	return f
}

// SetVersion sets the version that the fake has, 130401 by default: 13.4.1.
func (l *Library) SetVersion(n int) { C.set(l.function("fake_lt_version"), C.int(n)) }

// Fail lets the n-th call of a function from now on, counted from 1, return a
// status.
func (l *Library) Fail(function string, n, status int) {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	C.fail(l.function("fake_lt_fail"), s, C.int(n), C.int(status))
}

// Calls returns how often a function was called.
func (l *Library) Calls(function string) int {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	return int(C.calls(l.function("fake_lt_calls"), s))
}

// Alive returns how many handles, descriptors, layouts and preferences are there.
func (l *Library) Alive() int { return int(C.number(l.function("fake_lt_alive"))) }

// Fault returns what a call was refused for, "" if none was.
func (l *Library) Fault() string { return C.GoString(C.text(l.function("fake_lt_fault"))) }

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
func (l *Library) SetLie(lie Lie) { C.set(l.function("fake_lt_lie"), C.int(lie)) }
