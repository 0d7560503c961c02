//go:build linux && cgo && !nocuda

package cudnn

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
static void use(void *f, void *context, void *memory, void *stream) {
	((void (*)(void *, void *, void *))f)(context, memory, stream);
}
static void fail(void *f, const char *function, int n, int status) {
	((void (*)(const char *, int, int))f)(function, n, status);
}
static int calls(void *f, const char *function) { return ((int (*)(const char *))f)(function); }
static int ran(void *f, int engine) { return ((int (*)(int))f)(engine); }
static void set(void *f, int n) { ((void (*)(int))f)(n); }
static int number(void *f) { return ((int (*)(void))f)(); }
*/
import "C"

import (
	_ "embed"
	"testing"
	"unsafe"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
)

//go:embed fake/cudnn.cpp
var source []byte

// Library is a fake cuDNN of a test's own.
type Library struct {
	Path   string // of the library
	handle unsafe.Pointer
}

// New returns a fake cuDNN that works with a driver, or with none if that is nil.
// Without a C++ compiler the test is skipped.
func New(t testing.TB, driver *fakedriver.Driver) *Library {
	t.Helper()
	l := &Library{Path: fakedriver.Library(t, "libcudnn.so.9", source)}
	path := C.CString(l.Path)
	defer C.free(unsafe.Pointer(path))
	if l.handle = C.dlopen(path, C.RTLD_NOW|C.RTLD_LOCAL); l.handle == nil {
		t.Fatal(C.GoString(C.dlerror()))
	}
	if driver != nil {
		C.use(l.function("fake_cudnn_use"), driver.Function("fake_in_context"), driver.Function("fake_holds"),
			driver.Function("fake_submit"))
	}
	return l
}

func (l *Library) function(name string) unsafe.Pointer {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	f := C.dlsym(l.handle, s)
	if f == nil {
		panic("the fake cuDNN has no " + name)
	}
	return f
}

// SetVersion sets what version it says that it is, 92600 if nothing else is set.
func (l *Library) SetVersion(version int) { C.set(l.function("fake_cudnn_version"), C.int(version)) }

// Fail lets the n-th call of a function from now on, counted from 1, return a
// status.
func (l *Library) Fail(function string, n, status int) {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	C.fail(l.function("fake_cudnn_fail"), s, C.int(n), C.int(status))
}

// Calls returns how often a function was called.
func (l *Library) Calls(function string) int {
	s := C.CString(function)
	defer C.free(unsafe.Pointer(s))
	return int(C.calls(l.function("fake_cudnn_calls"), s))
}

// Ran returns how many runs an engine has been submitted for.
func (l *Library) Ran(engine int) int { return int(C.ran(l.function("fake_cudnn_ran"), C.int(engine))) }

// Alive returns how many descriptors and handles are there.
func (l *Library) Alive() int { return int(C.number(l.function("fake_cudnn_alive"))) }
