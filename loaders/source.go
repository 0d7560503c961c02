package loaders

import (
	"bytes"
	"fmt"
	"io"
	"slices"

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

// readToEnd reads all of r into one aligned block of memory. Until a quarter
// of the expected bytes is there, and for ever if they are 0 or wrong, the bytes
// are kept in parts: a block is made for bytes that are seen to come.
func readToEnd(r io.Reader, expected int64) ([]byte, error) {
	const first = 1 << 20
	if expected < 0 || expected != int64(int(expected)) {
		expected = 0
	}
	var parts [][]byte
	total := 0
	for {
		var part []byte
		used := 0 // bytes of part
		switch left := int(expected) - total; {
		case left > 0 && (expected <= first || total >= int(expected/4)):
			part, used = joined(parts, int(expected)), total
			parts = nil
		case left > 0:
			part = tensor.AlignedBytes(min(max(first, total/4), max(first, int(expected/4)-total)))
		case left == 0:
			part = tensor.AlignedBytes(first >> 8) // for the end, most likely
		default:
			part = tensor.AlignedBytes(max(first, total/4))
		}
		n, err := fill(r, part[used:])
		total += n
		if used+n > 0 {
			parts = append(parts, part[:used+n])
		}
		switch {
		case err == io.EOF && len(parts) == 1:
			return slices.Clip(parts[0]), nil
		case err == io.EOF:
			return joined(parts, total), nil
		case err != nil:
			return nil, fmt.Errorf("after %d bytes: %w", total, err)
		}
	}
}

// joined returns n aligned bytes that begin with those of the parts.
func joined(parts [][]byte, n int) []byte {
	all := tensor.AlignedBytes(n)
	at := all
	for _, p := range parts {
		at = at[copy(at, p):]
	}
	return all
}

// fill reads until buf is full or r ends, which is the error io.EOF. It is not
// io.ReadFull, which makes one error of the end and of a broken connection.
func fill(r io.Reader, buf []byte) (int, error) {
	got, idle := 0, 0
	for got < len(buf) {
		n, err := r.Read(buf[got:])
		if n < 0 || n > len(buf)-got {
			return got, fmt.Errorf("a reader that returns %d", n)
		}
		got += n
		if err != nil {
			return got, err
		}
		if idle++; n > 0 {
			idle = 0
		} else if idle >= 100 {
			return got, io.ErrNoProgress
		}
	}
	return got, nil
}

func noEOF(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readAll reads exactly n bytes, after which r has to end.
func readAll(r io.Reader, n int64) ([]byte, error) {
	data, err := readToEnd(io.LimitReader(r, n+1), n)
	switch got := int64(len(data)); {
	case err != nil:
		return nil, err
	case got < n:
		return nil, fmt.Errorf("%d of %d bytes read: %w", got, n, io.ErrUnexpectedEOF)
	case got > n:
		return nil, fmt.Errorf("longer than the %d bytes declared", n)
	}
	return data, nil
}
