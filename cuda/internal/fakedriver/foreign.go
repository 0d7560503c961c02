//go:build linux && cgo && !nocuda

package fakedriver

/*
#include <stddef.h>
#include <stdint.h>

// The driver's functions that another library would call, each in its context.
typedef struct other {
	int (*create)(void **, unsigned, int);
	int (*destroy)(void *);
	int (*set)(void *);
	int (*stream)(void **, unsigned);
	int (*end)(void *);
	int (*begin_capture)(void *, int);
	int (*end_capture)(void *, void **);
	int (*free_graph)(void *);
	int (*alloc)(uint64_t *, size_t);
	int (*free)(uint64_t);
	int (*write)(uint64_t, const void *, size_t);
	int (*read)(void *, uint64_t, size_t);
} other;

static int create(other *o, uintptr_t *c, int device) {
	int code = o->create((void **)c, 0, device);
	return code ? code : o->set(NULL);
}
static int destroy(other *o, uintptr_t c) { return o->destroy((void *)c); }
static int stream(other *o, uintptr_t c, uintptr_t *s) {
	int code = o->set((void *)c);
	return code ? code : o->stream((void **)s, 0);
}
static int end(other *o, uintptr_t c, uintptr_t s) {
	int code = o->set((void *)c);
	return code ? code : o->end((void *)s);
}
static int begin_capture(other *o, uintptr_t c, uintptr_t s) {
	int code = o->set((void *)c);
	return code ? code : o->begin_capture((void *)s, 0);
}
static int end_capture(other *o, uintptr_t c, uintptr_t s) {
	void *graph;
	int code = o->set((void *)c);
	if (!code) code = o->end_capture((void *)s, &graph);
	return code ? code : o->free_graph(graph);
}
static int alloc(other *o, uintptr_t c, uint64_t *p, size_t n) {
	int code = o->set((void *)c);
	return code ? code : o->alloc(p, n);
}
static int release(other *o, uintptr_t c, uint64_t p) {
	int code = o->set((void *)c);
	return code ? code : o->free(p);
}
static int writes(other *o, uintptr_t c, uint64_t p, const void *from, size_t n) {
	int code = o->set((void *)c);
	return code ? code : o->write(p, from, n);
}
static int reads(other *o, uintptr_t c, void *to, uint64_t p, size_t n) {
	int code = o->set((void *)c);
	return code ? code : o->read(to, p, n);
}
*/
import "C"

import (
	"fmt"
	"testing"
	"unsafe"
)

// Linked returns the fake driver that the program is linked with, as libcuda.so.1
// on the loader's path.
func Linked(t testing.TB) *Driver {
	t.Helper()
	d := &Driver{Path: "libcuda.so.1"}
	d.dlopen(t)
	return d
}

// Foreign is what another library of the program has made of a driver: a context,
// and what is in it. Its methods panic on what the driver refuses.
type Foreign struct {
	Context uintptr // CUcontext
	calls   C.other
}

// NewForeign makes a context of a device.
func (d *Driver) NewForeign(device int) *Foreign {
	f := &Foreign{calls: C.other{
		create: (*[0]byte)(d.Function("cuCtxCreate_v2")), destroy: (*[0]byte)(d.Function("cuCtxDestroy_v2")),
		set:    (*[0]byte)(d.Function("cuCtxSetCurrent")),
		stream: (*[0]byte)(d.Function("cuStreamCreate")), end: (*[0]byte)(d.Function("cuStreamDestroy_v2")),
		begin_capture: (*[0]byte)(d.Function("cuStreamBeginCapture_v2")),
		end_capture:   (*[0]byte)(d.Function("cuStreamEndCapture")),
		free_graph:    (*[0]byte)(d.Function("cuGraphDestroy")),
		alloc:         (*[0]byte)(d.Function("cuMemAlloc_v2")), free: (*[0]byte)(d.Function("cuMemFree_v2")),
		write: (*[0]byte)(d.Function("cuMemcpyHtoD_v2")), read: (*[0]byte)(d.Function("cuMemcpyDtoH_v2")),
	}}
	var c C.uintptr_t
	worked("create a context", C.create(&f.calls, &c, C.int(device)))
	f.Context = uintptr(c)
	return f
}

func worked(what string, code C.int) {
	if code != 0 {
		panic(fmt.Sprintf("cannot %s: %d", what, code))
	}
}

func (f *Foreign) context() C.uintptr_t { return C.uintptr_t(f.Context) }

// Destroy destroys the context, and with it what is in it.
func (f *Foreign) Destroy() { worked("destroy a context", C.destroy(&f.calls, f.context())) }

// NewStream makes a stream, which waits for copies of [Foreign.Write], and those
// of [Foreign.Read] for it.
func (f *Foreign) NewStream() uintptr {
	var s C.uintptr_t
	worked("create a stream", C.stream(&f.calls, f.context(), &s))
	return uintptr(s)
}

// DestroyStream destroys a stream.
func (f *Foreign) DestroyStream(s uintptr) {
	worked("destroy a stream", C.end(&f.calls, f.context(), C.uintptr_t(s)))
}

// Capture records a stream while during is called.
func (f *Foreign) Capture(s uintptr, during func()) {
	worked("record a stream", C.begin_capture(&f.calls, f.context(), C.uintptr_t(s)))
	during()
	worked("end a record", C.end_capture(&f.calls, f.context(), C.uintptr_t(s)))
}

// Alloc allocates n bytes of the device's memory.
func (f *Foreign) Alloc(n int) uintptr {
	var p C.uint64_t
	worked("allocate memory", C.alloc(&f.calls, f.context(), &p, C.size_t(n)))
	return uintptr(p)
}

// Free frees memory.
func (f *Foreign) Free(p uintptr) {
	worked("free memory", C.release(&f.calls, f.context(), C.uint64_t(p)))
}

// Write copies into the device's memory, and waits for that.
func (f *Foreign) Write(p uintptr, from []byte) {
	worked("write memory", C.writes(&f.calls, f.context(), C.uint64_t(p),
		unsafe.Pointer(unsafe.SliceData(from)), C.size_t(len(from))))
}

// Read copies from the device's memory, and waits for that.
func (f *Foreign) Read(to []byte, p uintptr) {
	worked("read memory", C.reads(&f.calls, f.context(),
		unsafe.Pointer(unsafe.SliceData(to)), C.uint64_t(p), C.size_t(len(to))))
}
