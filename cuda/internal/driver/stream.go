//go:build linux && cgo && !nocuda

package driver

// #include "driver.h"
import "C"

import (
	"time"
	"unsafe"
)

// Stream is a queue of work on a device, done in order. It is for one goroutine
// at a time.
type Stream struct {
	handle
	failed  C.size_t // which launch did; here, so that Run allocates nothing
	adopted bool     // somebody else destroys it
}

// NewStream returns an empty stream, independent of all others.
func (c *Context) NewStream() (*Stream, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	s := new(Stream)
	if err := c.check("cuStreamCreate", C.ag_stream_create(c.lib.c, c.ptr, &s.ptr)); err != nil {
		return nil, err
	}
	s.begin(c)
	return s, nil
}

// Close ends the stream when its work is done, unless somebody else will.
func (s *Stream) Close() error {
	if !s.end() || s.adopted {
		return nil
	}
	return s.ctx.check("cuStreamDestroy_v2", C.ag_stream_destroy(s.ctx.lib.c, s.ctx.ptr, s.ptr))
}

// Sync waits until the work is done. It returns the errors of work submitted
// before, which is where those of kernels are seen.
func (s *Stream) Sync() error {
	if err := s.usable(); err != nil {
		return err
	}
	return s.ctx.check("cuStreamSynchronize", C.ag_stream_sync(s.ctx.lib.c, s.ctx.ptr, s.ptr))
}

// notReady is CUDA_ERROR_NOT_READY.
const notReady = 600

// Done reports whether the work is done, without waiting.
func (s *Stream) Done() (bool, error) {
	if err := s.usable(); err != nil {
		return false, err
	}
	code := C.ag_stream_query(s.ctx.lib.c, s.ctx.ptr, s.ptr)
	if code == notReady {
		return false, nil
	}
	err := s.ctx.check("cuStreamQuery", code)
	return err == nil, err
}

// Upload copies from the host's memory into b, at offset, and waits for that and
// for all work before it.
func (s *Stream) Upload(b *Buffer, offset int64, from []byte) error {
	return s.upload(b, offset, from, true)
}

// UploadHost submits a copy from memory that the device reads by itself, which
// must not change before it is done.
func (s *Stream) UploadHost(b *Buffer, offset int64, from *HostBuffer, begin, n int64) error {
	part, err := from.part(begin, n)
	if err != nil {
		return err
	}
	return s.upload(b, offset, part, false)
}

func (s *Stream) upload(b *Buffer, offset int64, from []byte, wait bool) error {
	to, err := s.operand(b, offset, len(from))
	if err != nil || len(from) == 0 {
		return err
	}
	return s.ctx.check("cuMemcpyHtoDAsync_v2", C.ag_upload(s.ctx.lib.c, s.ctx.ptr, to,
		unsafe.Pointer(unsafe.SliceData(from)), C.size_t(len(from)), s.ptr, flag(wait)))
}

// Download copies from b, from offset on, into the host's memory, and waits for
// that and for all work before it.
func (s *Stream) Download(to []byte, b *Buffer, offset int64) error {
	return s.download(to, b, offset, true)
}

// DownloadHost submits a copy into memory that the device writes by itself. What
// was there may be read after a Sync.
func (s *Stream) DownloadHost(to *HostBuffer, begin, n int64, b *Buffer, offset int64) error {
	part, err := to.part(begin, n)
	if err != nil {
		return err
	}
	return s.download(part, b, offset, false)
}

func (s *Stream) download(to []byte, b *Buffer, offset int64, wait bool) error {
	from, err := s.operand(b, offset, len(to))
	if err != nil || len(to) == 0 {
		return err
	}
	return s.ctx.check("cuMemcpyDtoHAsync_v2", C.ag_download(s.ctx.lib.c, s.ctx.ptr,
		unsafe.Pointer(unsafe.SliceData(to)), from, C.size_t(len(to)), s.ptr, flag(wait)))
}

// Copy submits a copy of n bytes within the device's memory.
func (s *Stream) Copy(to *Buffer, toOffset int64, from *Buffer, fromOffset, n int64) error {
	t, err := s.operand(to, toOffset, int(n))
	if err != nil {
		return err
	}
	f, err := from.at(fromOffset, n)
	if err != nil || n == 0 {
		return err
	}
	return s.ctx.check("cuMemcpyDtoDAsync_v2", C.ag_copy(s.ctx.lib.c, s.ctx.ptr, t, f, C.size_t(n), s.ptr))
}

// CopyAddress submits a copy of n bytes between two places of the device's memory
// that are not known to be in buffers.
func (s *Stream) CopyAddress(to, from uint64, n int64) error {
	if err := s.usable(); err != nil || n == 0 {
		return err
	}
	return s.ctx.check("cuMemcpyDtoDAsync_v2",
		C.ag_copy(s.ctx.lib.c, s.ctx.ptr, C.ag_ptr(to), C.ag_ptr(from), C.size_t(n), s.ptr))
}

// Fill submits setting n bytes of b, from offset on, to a value.
func (s *Stream) Fill(b *Buffer, offset, n int64, value byte) error {
	to, err := s.operand(b, offset, int(n))
	if err != nil || n == 0 {
		return err
	}
	return s.ctx.check("cuMemsetD8Async", C.ag_fill(s.ctx.lib.c, s.ctx.ptr, to, C.uchar(value), C.size_t(n), s.ptr))
}

// operand checks that the stream and n bytes of a buffer can be used.
func (s *Stream) operand(b *Buffer, offset int64, n int) (C.ag_ptr, error) {
	if err := s.usable(); err != nil {
		return 0, err
	}
	return b.at(offset, int64(n))
}

func (b *HostBuffer) part(begin, n int64) ([]byte, error) {
	if err := b.usable(); err != nil {
		return nil, err
	}
	if begin < 0 || n < 0 || begin > b.size-n {
		return nil, &RangeError{begin, n, b.size}
	}
	return b.Bytes()[begin : begin+n], nil
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Event is a place in a stream's work.
type Event struct{ handle }

// disableTiming is CU_EVENT_DISABLE_TIMING, which makes events cheaper.
const disableTiming = 2

// NewEvent returns an event, which can be timed only if that is wanted.
func (c *Context) NewEvent(timed bool) (*Event, error) {
	if err := c.usable(); err != nil {
		return nil, err
	}
	flags := C.uint(disableTiming)
	if timed {
		flags = 0
	}
	e := new(Event)
	if err := c.check("cuEventCreate", C.ag_event_create(c.lib.c, c.ptr, &e.ptr, flags)); err != nil {
		return nil, err
	}
	e.begin(c)
	return e, nil
}

// NewEvent returns an event of the stream's context, which cannot be timed.
func (s *Stream) NewEvent() (*Event, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	return s.ctx.NewEvent(false)
}

// Close frees the event.
func (e *Event) Close() error {
	if !e.end() {
		return nil
	}
	return e.ctx.check("cuEventDestroy_v2", C.ag_event_destroy(e.ctx.lib.c, e.ctx.ptr, e.ptr))
}

// Record puts the event behind the work that the stream has now.
func (s *Stream) Record(e *Event) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := e.usable(); err != nil {
		return err
	}
	return s.ctx.check("cuEventRecord", C.ag_event_record(s.ctx.lib.c, s.ctx.ptr, e.ptr, s.ptr))
}

// Wait lets the stream's later work wait for an event, of any stream.
func (s *Stream) Wait(e *Event) error {
	if err := s.usable(); err != nil {
		return err
	}
	if err := e.usable(); err != nil {
		return err
	}
	return s.ctx.check("cuStreamWaitEvent", C.ag_stream_wait(s.ctx.lib.c, s.ctx.ptr, s.ptr, e.ptr))
}

// Sync waits until the work before the event is done.
func (e *Event) Sync() error {
	if err := e.usable(); err != nil {
		return err
	}
	return e.ctx.check("cuEventSynchronize", C.ag_event_sync(e.ctx.lib.c, e.ctx.ptr, e.ptr))
}

// Since returns the device's time from one timed event to another, both done.
func (e *Event) Since(begin *Event) (time.Duration, error) {
	if err := e.usable(); err != nil {
		return 0, err
	}
	if err := begin.usable(); err != nil {
		return 0, err
	}
	var ms C.float
	code := C.ag_event_elapsed(e.ctx.lib.c, e.ctx.ptr, &ms, begin.ptr, e.ptr)
	return time.Duration(float64(ms) * float64(time.Millisecond)), e.ctx.check("cuEventElapsedTime", code)
}
