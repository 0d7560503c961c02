//go:build linux && cgo && !nocuda

package driver

// #include "driver.h"
import "C"

import "unsafe"

// Native is what another library of NVIDIA's needs to work in a context: it
// works in the one that is current on the thread that calls it.
type Native struct {
	Context    unsafe.Pointer // CUcontext
	SetCurrent unsafe.Pointer // int (*)(void *): cuCtxSetCurrent, which makes it current
}

// Native returns the context as other libraries know it.
func (c *Context) Native() (Native, error) {
	return Native{c.ptr, unsafe.Pointer(c.lib.c.cuCtxSetCurrent)}, c.usable()
}

// Native returns the stream as other libraries know it: CUstream, which is
// cudaStream_t.
func (s *Stream) Native() (unsafe.Pointer, error) { return s.ptr, s.usable() }

// Check makes an error of a code that a driver's function returned to such a
// library, nil of 0.
func (c *Context) Check(call string, code int) error { return c.check(call, C.int(code)) }
