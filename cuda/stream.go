//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"fmt"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Adopt is [Open] in a context that another library of the program has made, by
// its handle, a CUcontext: networks then run on memory that was allocated in
// it. Close does not destroy it. It must be there until then: once it is not,
// every error has [ErrContextLost] in it. Options.Driver, if not empty, must be
// the library that the context is of.
//
// As all backends do, this one leaves its context current on the threads that it
// is called on. Goroutines that are locked to a thread for another context of
// theirs have to set that again afterwards.
//
// Besides the errors of Open there is a [*HandleError], for a context that was
// destroyed or is not of Options.Device.
func Adopt(context uintptr, o Options) (*Backend, error) {
	return o.open(func(d driver.Device) (*driver.Context, error) { return d.Adopt(context) })
}

// Stream is a queue of work on a device, which is done in order. It is safe for
// concurrent use, but for Close. The zero Stream is closed.
type Stream struct {
	backend *Backend
	stream  *driver.Stream
}

// NewStream returns an empty stream, independent of all others. It must be closed
// before the backend.
func (b *Backend) NewStream() (*Stream, error) {
	return b.stream(b.context.NewStream())
}

// AdoptStream returns a stream that another library of the program has made in
// the backend's context, by its handle, a CUstream; 0 is the context's default
// stream. Close does not destroy it, and must be called before the backend's. A
// [*HandleError] says that it was destroyed or is of another context.
func (b *Backend) AdoptStream(handle uintptr) (*Stream, error) {
	return b.stream(b.context.AdoptStream(handle))
}

func (b *Backend) stream(s *driver.Stream, err error) (*Stream, error) {
	if err != nil {
		return nil, b.failed(err)
	}
	return &Stream{b, s}, nil
}

// failed says which device an error is of.
func (b *Backend) failed(err error) error {
	if err == nil || b == nil {
		return err
	}
	return fmt.Errorf("%s: %w", b.name, err)
}

// queue returns the driver's stream, a closed one for no Stream and a zero one.
func (s *Stream) queue() *driver.Stream {
	if s == nil || s.stream == nil {
		return new(driver.Stream)
	}
	return s.stream
}

// Handle returns the stream as other libraries know it, a CUstream.
func (s *Stream) Handle() uintptr { return s.queue().Handle() }

// Sync waits until all work of the stream is done, and returns what went wrong
// with it.
func (s *Stream) Sync() error { return s.backend.failed(s.queue().Sync()) }

// Wait has later work of the stream wait, on the device, for the work that
// another one has now.
func (s *Stream) Wait(other *Stream) error {
	e, err := other.queue().NewEvent()
	if err != nil {
		return s.backend.failed(err)
	}
	if err = other.queue().Record(e); err == nil {
		err = s.queue().Wait(e)
	}
	return s.backend.failed(errors.Join(err, e.Close()))
}

// Close lets go of the stream: an adopted one stays, another one ends when its
// work is done. It does nothing the second time.
func (s *Stream) Close() error { return s.backend.failed(s.queue().Close()) }

// mayRunOn returns an error if a stream is another backend's, or if its work is
// being recorded by somebody, who would have it done again when others have the
// memory that it works with.
func (b *Backend) mayRunOn(s *Stream) error {
	refuse := func(why string) error {
		return &HandleError{Kind: "stream", Handle: s.Handle(), Device: b.context.Device.Name, Cause: errors.New(why)}
	}
	on, err := s.queue().Capturing()
	switch {
	case err != nil:
		return err
	case s.backend != b:
		return refuse("it is another backend's")
	case on:
		return refuse("it is being recorded into a graph")
	}
	return nil
}

// Buffer is memory of the device that was allocated with [Backend.Alloc]. The
// zero Buffer is closed.
type Buffer struct {
	backend *Backend
	buffer  *driver.Buffer
}

// Alloc allocates n bytes of the device's memory, aligned to 256, with any
// content, and counted by Options.MemoryBytes. It must be closed before the
// backend. An [*OOMError] says that there are not as many.
func (b *Backend) Alloc(n int64) (*Buffer, error) {
	if n < 0 {
		return nil, b.failed(&driver.RangeError{Bytes: n})
	}
	var buffer *driver.Buffer
	err := b.memory.try(context.Background(), nil, func() (err error) {
		buffer, err = b.context.Alloc(n)
		return err
	})
	if err != nil {
		return nil, b.failed(err)
	}
	return &Buffer{b, buffer}, nil
}

// whole returns the driver's buffer, a closed one for the zero Buffer.
func (b *Buffer) whole() *driver.Buffer {
	if b.buffer == nil {
		return new(driver.Buffer)
	}
	return b.buffer
}

// Memory returns where the buffer is.
func (b *Buffer) Memory() Memory { return Memory{uintptr(b.whole().Address()), b.whole().Size()} }

// Upload copies into the buffer, from its begin on, and waits for that and for
// the work that the stream has before.
func (b *Buffer) Upload(s *Stream, from []byte) error {
	return b.backend.failed(s.queue().Upload(b.whole(), 0, from))
}

// Download copies from the buffer, from its begin on, and waits for that and for
// the work that the stream has before.
func (b *Buffer) Download(s *Stream, to []byte) error {
	return b.backend.failed(s.queue().Download(to, b.whole(), 0))
}

// Close frees the memory, when work that the device has with it is done. It does
// nothing the second time.
func (b *Buffer) Close() error { return b.backend.failed(b.whole().Close()) }
