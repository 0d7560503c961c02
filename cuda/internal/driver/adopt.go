//go:build linux && cgo && !nocuda

package driver

// #include <stdlib.h>
// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// Adopt returns a context that another library has made and will destroy, by its
// handle, a CUcontext. It must be there for as long as anything made in it is
// used; what is found when it is not is that it is lost. The error is a
// [*HandleError].
func (d Device) Adopt(handle uintptr) (*Context, error) {
	fail := func(err error) (*Context, error) { return nil, &HandleError{"context", handle, d.Name, err} }
	if handle == 0 {
		return fail(errors.New("there is none"))
	}
	c := &Context{Device: d, lib: d.lib, ptr: foreign(handle), adopted: true}
	var (
		device C.int
		call   *C.char
	)
	if code := C.ag_context_device(d.lib.c, c.ptr, &device, &call); code != 0 {
		return fail(d.lib.newError(C.GoString(call), code))
	}
	if device != d.handle {
		return fail(fmt.Errorf("it is of device %d, and not of device %d", device, d.handle))
	}
	return c, nil
}

// AdoptStream returns a stream of the context's that another library has made
// and will destroy, by its handle, a CUstream; 0 is the context's default stream.
// The error is a [*HandleError], or that of a context that is of no use.
func (c *Context) AdoptStream(handle uintptr) (*Stream, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	fail := func(err error) (*Stream, error) { return nil, &HandleError{"stream", handle, c.Device.Name, err} }
	s := &Stream{adopted: true}
	s.ptr = foreign(handle)
	var of unsafe.Pointer
	err := c.check("cuStreamGetCtx", C.ag_stream_context(c.lib.c, c.ptr, s.ptr, &of))
	if errors.Is(err, ErrContextLost) {
		return nil, err
	}
	if err != nil {
		return fail(err)
	}
	if of != c.ptr {
		return fail(errors.New("it is of another context"))
	}
	s.begin(c)
	return s, nil
}

// foreign returns a handle of another library's as a pointer: it is not into
// memory of Go's.
func foreign(handle uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&handle)) }

// Handle returns the stream as other libraries know it, a CUstream.
func (s *Stream) Handle() uintptr { return uintptr(s.ptr) }

// Capturing reports whether somebody records the stream's work instead of having
// it done.
func (s *Stream) Capturing() (bool, error) {
	if err := s.usable(); err != nil {
		return false, err
	}
	var status C.int
	code := C.ag_stream_capturing(s.ctx.lib.c, s.ctx.ptr, s.ptr, &status)
	return status != 0, s.ctx.check("cuStreamIsCapturing", code)
}

// Region is memory that the driver knows.
type Region struct {
	Address  uint64
	Bytes    int64
	OnDevice bool // it is memory of a device, or moves there by itself
	Here     bool // the context can use it
}

// memoryOfDevice is CU_MEMORYTYPE_DEVICE.
const memoryOfDevice = 2

// Find returns the memory that an address is in, and the zero Region for one that
// is in none.
func (c *Context) Find(address uint64) (Region, error) {
	if err := c.usable(); err != nil {
		return Region{}, err
	}
	var (
		r    C.ag_region
		call *C.char
	)
	code := C.ag_region_of(c.lib.c, c.ptr, C.ag_ptr(address), &r, &call)
	if code == invalidValue { // older drivers say so of what they do not know
		return Region{}, nil
	}
	if err := c.check(C.GoString(call), code); err != nil {
		return Region{}, err
	}
	managed := r.managed != 0
	return Region{
		Address:  uint64(r.begin),
		Bytes:    int64(r.bytes),
		OnDevice: managed || r._type == memoryOfDevice,
		Here:     managed || r.device == c.Device.handle && (r.context == nil || r.context == c.ptr),
	}, nil
}
