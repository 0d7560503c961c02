//go:build !linux || !cgo || nocuda

package cuda

// Adopt returns [ErrNotBuilt].
func Adopt(uintptr, Options) (*Backend, error) { return nil, ErrNotBuilt }

// Stream is a queue of work on a device. There is none in a program that was
// built without CUDA.
type Stream struct{}

// NewStream returns [ErrNotBuilt].
func (*Backend) NewStream() (*Stream, error) { return nil, ErrNotBuilt }

// AdoptStream returns [ErrNotBuilt].
func (*Backend) AdoptStream(uintptr) (*Stream, error) { return nil, ErrNotBuilt }

// Handle returns 0.
func (*Stream) Handle() uintptr { return 0 }

// Sync returns [ErrNotBuilt].
func (*Stream) Sync() error { return ErrNotBuilt }

// Wait returns [ErrNotBuilt].
func (*Stream) Wait(*Stream) error { return ErrNotBuilt }

// Close does nothing.
func (*Stream) Close() error { return nil }

// Buffer is memory of a device. There is none in a program that was built
// without CUDA.
type Buffer struct{}

// Alloc returns [ErrNotBuilt].
func (*Backend) Alloc(int64) (*Buffer, error) { return nil, ErrNotBuilt }

// Memory returns none.
func (*Buffer) Memory() Memory { return Memory{} }

// Upload returns [ErrNotBuilt].
func (*Buffer) Upload(*Stream, []byte) error { return ErrNotBuilt }

// Download returns [ErrNotBuilt].
func (*Buffer) Download(*Stream, []byte) error { return ErrNotBuilt }

// Close does nothing.
func (*Buffer) Close() error { return nil }
