package loaders

import (
	"bytes"
	"fmt"
	"io"

	"github.com/argand-go/argand/tensor"
)

// A source gives the bytes of a checkpoint. Views of bytes in memory are
// shared; other bytes are read when they are asked for.
type source interface {
	io.ReaderAt
	// size returns the length of the file.
	size() int64
	// view returns n bytes from off, after checking that the file has them.
	view(off, n int64) ([]byte, error)
	// owner is what keeps the memory of a view valid, nil for Go's own.
	owner() any
}

// memory is a file that is mapped, embedded or read in one piece.
type memory struct {
	*bytes.Reader
	data []byte
	keep any
}

func newMemory(data []byte, keep any) *memory { return &memory{bytes.NewReader(data), data, keep} }

func (m *memory) size() int64 { return int64(len(m.data)) }
func (m *memory) owner() any  { return m.keep }

func (m *memory) view(off, n int64) ([]byte, error) {
	if err := inside(off, n, m.size()); err != nil {
		return nil, err
	}
	return m.data[off : off+n : off+n], nil
}

// reading is a file behind an [io.ReaderAt].
type reading struct {
	*io.SectionReader
}

func (r reading) size() int64 { return r.Size() }
func (r reading) owner() any  { return nil }

func (r reading) view(off, n int64) ([]byte, error) {
	if err := inside(off, n, r.size()); err != nil {
		return nil, err
	}
	return readAt(r, off, n)
}

func inside(off, n, size int64) error {
	if off < 0 || n < 0 || off > size || n > size-off {
		return fmt.Errorf("bytes %d to %d+%d lie outside the file of %d bytes", off, off, n, size)
	}
	return nil
}

// readAt reads exactly n bytes from off into aligned memory. It allocates the
// memory only after it has seen that the last byte is there.
func readAt(r io.ReaderAt, off, n int64) ([]byte, error) {
	if n != int64(int(n)) {
		return nil, fmt.Errorf("%d bytes are more than memory can address", n)
	}
	if n > 0 {
		if m, err := r.ReadAt(make([]byte, 1), off+n-1); m < 1 {
			return nil, fmt.Errorf("byte %d: %w", off+n-1, noEOF(err))
		}
	}
	buf := tensor.AlignedBytes(int(n))
	if m, err := r.ReadAt(buf, off); int64(m) < n {
		return nil, fmt.Errorf("%d of %d bytes read: %w", m, n, noEOF(err))
	}
	return buf, nil
}

// readToEnd reads all of r into aligned memory, which doubles as it fills.
func readToEnd(r io.Reader) ([]byte, error) {
	const first = 1 << 20
	buf := tensor.AlignedBytes(first)
	got, idle := 0, 0
	for {
		// Not io.ReadFull, which makes one error of the end and of a broken connection.
		n, err := r.Read(buf[got:])
		if n < 0 || n > len(buf)-got {
			return nil, fmt.Errorf("after %d bytes: a reader that returns %d", got, n)
		}
		got += n
		if err == io.EOF {
			return buf[:got:got], nil
		}
		if idle++; n > 0 {
			idle = 0
		}
		if err == nil && idle >= 100 {
			err = io.ErrNoProgress
		}
		if err != nil {
			return nil, fmt.Errorf("after %d bytes: %w", got, err)
		}
		if got == len(buf) {
			more := tensor.AlignedBytes(2 * got)
			copy(more, buf)
			buf = more
		}
	}
}

func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readAll reads exactly n bytes into aligned memory. The memory grows with the
// bytes that arrive, so that a wrong n costs at most twice what is there.
func readAll(r io.Reader, n int64) ([]byte, error) {
	const first = 1 << 20
	if n != int64(int(n)) {
		return nil, fmt.Errorf("%d bytes are more than memory can address", n)
	}
	buf := tensor.AlignedBytes(int(min(n, first)))
	for got := 0; ; {
		m, err := io.ReadFull(r, buf[got:])
		got += m
		if err != nil {
			return nil, fmt.Errorf("%d of %d bytes read: %w", got, n, noEOF(err))
		}
		if int64(got) == n {
			return buf, nil
		}
		more := tensor.AlignedBytes(int(min(n, 2*int64(got))))
		copy(more, buf)
		buf = more
	}
}
