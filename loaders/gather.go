package loaders

import (
	"archive/zip"
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// A storage is a run of bytes that tensors are views of.
type storage struct {
	offset int64     // in the file, if not compressed
	size   int64     // bytes, once inflated
	member *zip.File // the entry to inflate, nil if not compressed
	data   []byte    // member, inflated, guarded by file.mu; or bytes that were in a pickle
}

// A layout is where the elements of a tensor lie in its storage, in elements:
// element (i, j, …) is number offset + i·stride₀ + j·stride₁ + …
type layout struct {
	offset int
	shape  tensor.Shape
	stride []int
}

// contiguousStrides returns the strides of a shape in C order, in elements.
// PyTorch takes an extent of 0 for 1 here.
func contiguousStrides(shape tensor.Shape) []int {
	s := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		s[i] = n
		n *= max(shape[i], 1)
	}
	return s
}

// extent returns the number of elements and the number of the last one in the
// storage, -1 if there is no element. It fails where 64 bits would not hold
// them or an extent, a stride or the offset is negative.
func (l layout) extent() (count, last int, err error) {
	if len(l.shape) != len(l.stride) {
		return 0, 0, fmt.Errorf("%d extents but %d strides", len(l.shape), len(l.stride))
	}
	if l.offset < 0 {
		return 0, 0, fmt.Errorf("offset %d", l.offset)
	}
	if err := l.shape.Validate(); err != nil {
		return 0, 0, err
	}
	last = l.offset
	for i, d := range l.shape {
		s := l.stride[i]
		if s < 0 {
			return 0, 0, fmt.Errorf("stride %d", s)
		}
		if d > 1 {
			if s > (math.MaxInt-last)/(d-1) {
				return 0, 0, fmt.Errorf("shape %v with strides %v reaches beyond 64 bits", l.shape, l.stride)
			}
			last += (d - 1) * s
		}
	}
	if count = l.shape.Len(); count == 0 {
		last = -1
	}
	return count, last, nil
}

// contiguous reports whether the elements lie one after the other in C order.
// The stride of an axis of extent 1 is never used and may be anything.
func (l layout) contiguous() bool {
	want := 1
	for i := len(l.shape) - 1; i >= 0; i-- {
		if l.shape[i] != 1 && l.stride[i] != want {
			return false
		}
		want *= l.shape[i]
	}
	return true
}

// tensor returns the tensor of e, shared with the file if its elements are
// contiguous and copied otherwise.
func (f *file) tensor(e *entry) (*tensor.Tensor, error) {
	n, err := e.bytes(), error(nil)
	var data []byte
	switch {
	case n == 0:
		data = []byte{}
	case !e.strided && e.swap == 0:
		data, err = f.bytes(e.storage, e.offset, n)
	default:
		data, err = f.gather(e)
	}
	if err != nil {
		return nil, err
	}
	t, err := tensor.FromBytes(e.dtype, e.shape, data, f.src.owner())
	if err != nil {
		return nil, &FormatError{Name: f.name, Offset: e.storage.offset + e.offset, Key: e.key, Err: err}
	}
	return t, nil
}

// bytes returns n bytes of s from offset.
func (f *file) bytes(s *storage, offset, n int64) ([]byte, error) {
	if err := inside(offset, n, s.size); err != nil {
		return nil, f.wrap(s.offset, "", "storage too short", err)
	}
	if s.member == nil && s.data != nil {
		return s.data[offset : offset+n : offset+n], nil
	}
	if s.member == nil {
		data, err := f.src.view(s.offset+offset, n)
		if err != nil {
			return nil, f.wrap(s.offset+offset, "", "cannot be read", err)
		}
		return data, nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.data == nil {
		data, err := f.inflate(s.member)
		if err != nil {
			return nil, err
		}
		s.data = data
	}
	return s.data[offset : offset+n : offset+n], nil
}

// gather copies the elements of a view that is not contiguous, or not in this
// machine's byte order, to C order.
func (f *file) gather(e *entry) ([]byte, error) {
	n := e.bytes()
	f.mu.Lock()
	if !e.copied {
		if n > f.limits.Gathered-f.gathered {
			f.mu.Unlock()
			return nil, &LimitError{f.name, "Gathered", f.limits.Gathered,
				fmt.Sprintf("tensor %q, a view, takes %d bytes", clip(e.key), n)}
		}
		f.gathered += n
		e.copied = true
	}
	f.mu.Unlock()
	size := e.dtype.Size()
	_, last, err := layout{0, e.shape, e.stride}.extent()
	if err != nil {
		return nil, f.wrap(-1, "", "", err)
	}
	src, err := f.bytes(e.storage, e.offset, int64(last+1)*int64(size))
	if err != nil {
		return nil, err
	}
	dst := tensor.AlignedBytes(int(n))
	copyStrided(dst, src, e.shape, e.stride, size)
	swapBytes(dst, e.swap)
	return dst, nil
}

// copyStrided writes element (i, j, …) of src to its place in C order in dst;
// there is at least one element.
func copyStrided(dst, src []byte, shape tensor.Shape, stride []int, size int) {
	if len(shape) == 0 { // a scalar
		copy(dst, src[:size])
		return
	}
	inner := len(shape) - 1
	row := shape[inner] * size
	index := make([]int, inner)
	at := 0 // of the row in src, in bytes
	for {
		copyRow(dst[:row], src[at:], stride[inner]*size, size)
		dst = dst[row:]
		axis := inner - 1
		for ; axis >= 0; axis-- { // the next row, in C order
			index[axis]++
			at += stride[axis] * size
			if index[axis] < shape[axis] {
				break
			}
			at -= index[axis] * stride[axis] * size
			index[axis] = 0
		}
		if axis < 0 {
			return
		}
	}
}

// copyRow fills dst with elements of size bytes that lie step bytes apart. A
// loop of its own for each size makes the copy of an element one instruction.
func copyRow(dst, src []byte, step, size int) {
	switch {
	case step == size:
		copy(dst, src)
	case size == 1:
		for i, from := 0, 0; i < len(dst); i, from = i+1, from+step {
			dst[i] = src[from]
		}
	case size == 2:
		for i, from := 0, 0; i < len(dst); i, from = i+2, from+step {
			*(*[2]byte)(dst[i:]) = [2]byte(src[from:])
		}
	case size == 4:
		for i, from := 0, 0; i < len(dst); i, from = i+4, from+step {
			*(*[4]byte)(dst[i:]) = [4]byte(src[from:])
		}
	case size == 8:
		for i, from := 0, 0; i < len(dst); i, from = i+8, from+step {
			*(*[8]byte)(dst[i:]) = [8]byte(src[from:])
		}
	default: // complex128
		for i, from := 0, 0; i < len(dst); i, from = i+16, from+step {
			*(*[16]byte)(dst[i:]) = [16]byte(src[from:])
		}
	}
}
