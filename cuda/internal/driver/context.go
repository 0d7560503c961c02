//go:build linux && cgo && !nocuda

package driver

// #include "driver.h"
import "C"

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"
)

// Context is this process's work on a device: the device's primary context,
// which other CUDA libraries of the process use too, or one that another library
// has made. It is safe for concurrent use, but for Close.
type Context struct {
	Device Device
	// Limit is how many bytes of the device's memory buffers may take together,
	// 0 for no limit. It is set before there are any.
	Limit int64

	lib     *Library
	ptr     unsafe.Pointer
	adopted bool                  // somebody else destroys it
	cause   atomic.Pointer[Error] // that the context was lost with
	open    atomic.Int64          // handles that were made and not closed
	used    atomic.Int64          // bytes of buffers
	closed  atomic.Bool
}

// Open returns the device's context.
func (d Device) Open() (*Context, error) {
	c := &Context{Device: d, lib: d.lib}
	if err := c.check("cuDevicePrimaryCtxRetain", C.ag_retain(d.lib.c, d.handle, &c.ptr)); err != nil {
		return nil, err
	}
	return c, nil
}

// Close gives the context back, unless it was adopted. Everything that was made
// in it must have been closed: an error tells how much was not. After a second
// call nothing happens.
func (c *Context) Close() error {
	if c.closed.Swap(true) {
		return nil
	}
	var err error
	if n := c.open.Load(); n != 0 {
		err = fmt.Errorf("%s: %d handles were not closed before their context", c.Device.Name, n)
	}
	if c.adopted {
		return err
	}
	return errors.Join(err, c.check("cuDevicePrimaryCtxRelease_v2", C.ag_release(c.lib.c, c.Device.handle)))
}

// usable returns an error if the context cannot be used any more.
func (c *Context) usable() error {
	if c.closed.Load() {
		return fmt.Errorf("%s: %w", c.Device.Name, ErrClosed)
	}
	return c.Err()
}

// Err returns nil, or a [*LostError] once the context is lost.
func (c *Context) Err() error {
	if cause := c.cause.Load(); cause != nil {
		return &LostError{c.Device.Name, cause}
	}
	return nil
}

// check makes an error of what a call returned, and notes if it was the end of
// the context.
func (c *Context) check(call string, code C.int) error {
	if code == 0 {
		return nil
	}
	return c.wrap(c.lib.newError(call, code))
}

// wrap is check for an error of which more is known.
func (c *Context) wrap(e *Error) error {
	if e.Code == outOfMemory {
		return &OOMError{Device: c.Device.Name, Cause: e}
	}
	if !e.isFatal() && !c.isGone(e) {
		return fmt.Errorf("%s: %w", c.Device.Name, e)
	}
	c.cause.CompareAndSwap(nil, e)
	return &LostError{c.Device.Name, c.cause.Load()}
}

// isGone reports whether an error says that whoever made the context has
// destroyed it.
func (c *Context) isGone(e *Error) bool {
	return c.adopted && (e.Code == invalidContext || e.Code == contextIsDestroyed)
}

const (
	invalidContext     = 201 // CUDA_ERROR_INVALID_CONTEXT
	contextIsDestroyed = 709 // CUDA_ERROR_CONTEXT_IS_DESTROYED
)

// outOfMemory is CUDA_ERROR_OUT_OF_MEMORY.
const outOfMemory = 2

// checkMemory is check for calls that ask for n bytes.
func (c *Context) checkMemory(call string, code C.int, n int64) error {
	if code != outOfMemory {
		return c.check(call, code)
	}
	free, total, _ := c.Memory() // zero if it fails, too
	return &OOMError{Device: c.Device.Name, Want: n, Free: free, Total: total, Cause: c.lib.newError(call, code)}
}

// take counts n bytes in, unless they would exceed the limit.
func (c *Context) take(n int64) error {
	for {
		used := c.used.Load()
		if c.Limit > 0 && n > c.Limit-used {
			return &OOMError{Device: c.Device.Name, Want: n, Free: c.Limit - used, Total: c.Limit, Limited: true}
		}
		if c.used.CompareAndSwap(used, used+n) {
			return nil
		}
	}
}

// Memory returns how many bytes of the device's memory are free, for all
// programs, and how many it has.
func (c *Context) Memory() (free, total int64, err error) {
	if err := c.usable(); err != nil {
		return 0, 0, err
	}
	var f, t C.size_t
	if err := c.check("cuMemGetInfo_v2", C.ag_memory(c.lib.c, c.ptr, &f, &t)); err != nil {
		return 0, 0, err
	}
	return int64(f), int64(t), nil
}

// handle is what a context has made. The zero handle is closed.
type handle struct {
	ctx  *Context
	ptr  unsafe.Pointer
	done atomic.Bool
}

// usable returns an error if the handle, or its context, cannot be used.
func (h *handle) usable() error {
	if h.ctx == nil || h.done.Load() {
		return ErrClosed
	}
	return h.ctx.usable()
}

// begin counts a handle in.
func (h *handle) begin(c *Context) { h.ctx = c; c.open.Add(1) }

// end counts it out, and reports whether the driver is to be told: once, and
// not about what went with its context.
func (h *handle) end() bool {
	if h.ctx == nil || h.done.Swap(true) {
		return false
	}
	h.ctx.open.Add(-1)
	cause := h.ctx.cause.Load()
	return !h.ctx.closed.Load() && (cause == nil || !h.ctx.isGone(cause))
}

// Buffer is memory of a device.
type Buffer struct {
	handle
	address C.ag_ptr
	size    int64
}

// Alloc allocates n bytes of the device's memory, aligned to 256 and with any
// content. An [*OOMError] says that there are not as many, or not within the
// limit.
func (c *Context) Alloc(n int64) (*Buffer, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	if err := c.take(n); err != nil {
		return nil, err
	}
	b := &Buffer{size: n}
	code := C.ag_alloc(c.lib.c, c.ptr, &b.address, C.size_t(max(n, 1)))
	if err := c.checkMemory("cuMemAlloc_v2", code, n); err != nil {
		c.used.Add(-n)
		return nil, err
	}
	b.begin(c)
	return b, nil
}

// Size returns the number of bytes.
func (b *Buffer) Size() int64 { return b.size }

// Address returns where the device finds byte 0.
func (b *Buffer) Address() uint64 { return uint64(b.address) }

// Close frees the memory, when the device's work that was submitted is done.
func (b *Buffer) Close() error {
	if !b.end() {
		return nil
	}
	defer b.ctx.used.Add(-b.size)
	return b.ctx.check("cuMemFree_v2", C.ag_free(b.ctx.lib.c, b.ctx.ptr, b.address))
}

// at returns the address of n bytes from offset.
func (b *Buffer) at(offset, n int64) (C.ag_ptr, error) {
	if err := b.usable(); err != nil {
		return 0, err
	}
	if offset < 0 || n < 0 || offset > b.size-n {
		return 0, &RangeError{offset, n, b.size}
	}
	return b.address + C.ag_ptr(offset), nil
}

// HostBuffer is memory of the host that the device reads and writes by itself:
// copies from and to it do not wait.
type HostBuffer struct {
	handle
	size int64
}

// AllocHost allocates n bytes of such memory.
func (c *Context) AllocHost(n int64) (*HostBuffer, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	b := &HostBuffer{size: n}
	code := C.ag_host_alloc(c.lib.c, c.ptr, &b.ptr, C.size_t(max(n, 1)))
	if err := c.check("cuMemHostAlloc", code); err != nil {
		return nil, err
	}
	b.begin(c)
	return b, nil
}

// Bytes returns the memory, which is there until Close.
func (b *HostBuffer) Bytes() []byte { return unsafe.Slice((*byte)(b.ptr), b.size) }

// Close frees the memory, which the device must not be using.
func (b *HostBuffer) Close() error {
	if !b.end() {
		return nil
	}
	return b.ctx.check("cuMemFreeHost", C.ag_host_free(b.ctx.lib.c, b.ctx.ptr, b.ptr))
}
