package tensor

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Alignment is the alignment in bytes of the memory that [New] returns: one
// cache line, one AVX-512 register.
const Alignment = 64

// A Tensor is a dense row-major array. Its shape and type never change; its
// elements may, through [Data]. A Tensor may be read by many goroutines.
type Tensor struct {
	dtype DType
	shape Shape
	data  []byte // len(data) = shape.Len()·dtype.Size()
	owner any    // keeps data alive where the garbage collector cannot see it
}

// maxBytes is more than any tensor in memory has: beyond it, asking for memory
// ends the process instead of failing.
const maxBytes = 1 << 40

// New returns a tensor of zeros, aligned to [Alignment]. It returns a
// [*ShapeError] or [*DTypeError] for a shape or type that is not valid, or for
// more than a tebibyte.
func New(dtype DType, shape ...int) (*Tensor, error) {
	s := Shape(shape).Clone()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if !dtype.Valid() {
		return nil, &DTypeError{dtype, "a valid type"}
	}
	if int64(s.Len())*int64(dtype.Size()) > maxBytes {
		return nil, &ShapeError{s, "at most a tebibyte"}
	}
	return &Tensor{dtype: dtype, shape: s, data: AlignedBytes(s.Len() * dtype.Size())}, nil
}

// AlignedBytes returns n zeroed bytes whose address is a multiple of
// [Alignment].
func AlignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	b := make([]byte, n+Alignment-1)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (Alignment - 1))
	return b[skip : skip+n : skip+n]
}

// Of returns a tensor that shares memory with data: (2, 3) for two rows of
// three. It returns a [*ShapeError] unless the shape has len(data) elements.
func Of[T Element](data []T, shape ...int) (*Tensor, error) {
	s := Shape(shape).Clone()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Len() != len(data) {
		return nil, &ShapeError{s, fmt.Sprintf("%d elements", len(data))}
	}
	d := TypeOf[T]()
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*d.Size())
	return &Tensor{dtype: d, shape: s, data: b}, nil
}

// FromBytes returns a tensor that shares memory with data, elements in the
// machine's byte order and without any alignment. It keeps owner reachable for
// as long as the tensor or a view of it is: pass what unmaps a mapped file, or
// nil. It returns an error unless data has exactly the bytes of the shape, and
// for a [Bool] tensor with a byte that is neither 0 nor 1.
func FromBytes(dtype DType, shape Shape, data []byte, owner any) (*Tensor, error) {
	s := shape.Clone()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if !dtype.Valid() {
		return nil, &DTypeError{dtype, "a valid type"}
	}
	if s.Len()*dtype.Size() != len(data) {
		return nil, &ShapeError{s, fmt.Sprintf("%d bytes of %v", len(data), dtype)}
	}
	if dtype == Bool {
		for i, b := range data {
			if b > 1 {
				return nil, fmt.Errorf("tensor: element %d of a bool tensor is %#x, want 0 or 1", i, b)
			}
		}
	}
	return &Tensor{dtype: dtype, shape: s, data: data, owner: owner}, nil
}

// DType returns the type of the elements.
func (t *Tensor) DType() DType { return t.dtype }

// Shape returns the extents. The caller must not change them.
func (t *Tensor) Shape() Shape { return t.shape }

// Len returns the number of elements.
func (t *Tensor) Len() int { return t.shape.Len() }

// Bytes returns the memory of the elements, row-major, in the machine's byte
// order; it is valid for as long as t is reachable.
func (t *Tensor) Bytes() []byte { return t.data }

// String describes t without its elements: "float32 (64, 3, 7, 7)".
func (t *Tensor) String() string { return fmt.Sprintf("%v %v", t.dtype, t.shape) }

// Outline returns a tensor of the type and shape of t that has no elements and
// keeps no memory reachable: what a network remembers of weights that are
// packed. Its Bytes are empty, and what would return elements of it returns a
// [*ShapeError].
func (t *Tensor) Outline() *Tensor { return &Tensor{dtype: t.dtype, shape: t.shape} }

// whole returns an error if t is an outline.
func (t *Tensor) whole() error {
	if len(t.data) == 0 && t.Len() > 0 {
		return &ShapeError{t.shape, "elements, and this is an outline without"}
	}
	return nil
}

// Data returns the elements of t, row-major, without a copy; they are valid
// for as long as t is reachable. It returns a [*DTypeError] if T is not the
// type of t. See [Tensor.Float32s] to convert.
func Data[T Element](t *Tensor) ([]T, error) {
	if d := TypeOf[T](); t.dtype != d {
		return nil, &DTypeError{t.dtype, d.String()}
	}
	return view[T](t), t.whole()
}

func view[T Element](t *Tensor) []T {
	if len(t.data) == 0 {
		return []T{}
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.data))), t.Len())
}

// Float32s returns the elements as float32: shared with t if that is their
// type (valid for as long as t is reachable), converted to a new slice if they
// are of another type of real numbers. It returns a [*DTypeError] for [Bool] and
// for complex numbers.
func (t *Tensor) Float32s() ([]float32, error) {
	if t.dtype == Float32 {
		return view[float32](t), t.whole()
	}
	out := make([]float32, t.Len())
	return out, t.ConvertFloat32(out, 0)
}

// ConvertFloat32 writes elements from, from+1, … to dst as float32, so that a
// tensor in half precision can be read piece by piece. Float64 and integer
// elements are rounded to nearest even. It returns a [*DTypeError] for [Bool]
// and complex numbers, and a [*ShapeError] if t has fewer elements.
func (t *Tensor) ConvertFloat32(dst []float32, from int) error {
	if from < 0 || from > t.Len() || len(dst) > t.Len()-from {
		return &ShapeError{t.shape, fmt.Sprintf("elements %d to %d", from, from+len(dst))}
	}
	if err := t.whole(); err != nil {
		return err
	}
	switch t.dtype {
	case Float32:
		copy(dst, view[float32](t)[from:])
	case Float16:
		for i, v := range view[Half](t)[from : from+len(dst)] {
			dst[i] = v.Float32()
		}
	case BFloat16:
		for i, v := range view[BHalf](t)[from : from+len(dst)] {
			dst[i] = v.Float32()
		}
	case Float64:
		convert(dst, view[float64](t)[from:])
	case Int64:
		convert(dst, view[int64](t)[from:])
	case Int32:
		convert(dst, view[int32](t)[from:])
	case Uint8:
		convert(dst, view[uint8](t)[from:])
	case Int8:
		convert(dst, view[int8](t)[from:])
	case Int16:
		convert(dst, view[int16](t)[from:])
	case Uint16:
		convert(dst, view[uint16](t)[from:])
	case Uint32:
		convert(dst, view[uint32](t)[from:])
	case Uint64:
		convert(dst, view[uint64](t)[from:])
	default:
		return &DTypeError{t.dtype, "a real number"}
	}
	runtime.KeepAlive(t) // and with it a mapped file: the loops above know only its address
	return nil
}

func convert[T float64 | int64 | int32 | int16 | int8 | uint64 | uint32 | uint16 | uint8](dst []float32, src []T) {
	for i := range dst {
		dst[i] = float32(src[i])
	}
}

// Reshape returns a view of t with another shape of the same length. It
// returns a [*ShapeError] if the lengths differ.
func (t *Tensor) Reshape(shape ...int) (*Tensor, error) {
	s := Shape(shape).Clone()
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if s.Len() != t.Len() {
		return nil, &ShapeError{s, fmt.Sprintf("%d elements", t.Len())}
	}
	return &Tensor{t.dtype, s, t.data, t.owner}, nil
}

// Slice returns a view of rows lo to hi-1 along the first axis:
// (N, …) → (hi-lo, …). It returns a [*ShapeError] if t has no such rows.
func (t *Tensor) Slice(lo, hi int) (*Tensor, error) {
	if len(t.shape) == 0 || lo < 0 || hi < lo || hi > t.shape[0] {
		return nil, &ShapeError{t.shape, fmt.Sprintf("rows %d to %d", lo, hi)}
	}
	if err := t.whole(); err != nil {
		return nil, err
	}
	s := t.shape.Clone()
	s[0] = hi - lo
	row := t.shape[1:].Len() * t.dtype.Size()
	return &Tensor{t.dtype, s, t.data[lo*row : hi*row : hi*row], t.owner}, nil
}

// Index returns a view of row i along the first axis: (N, …) → (…). It
// returns a [*ShapeError] if t has no such row.
func (t *Tensor) Index(i int) (*Tensor, error) {
	v, err := t.Slice(i, i+1)
	if err != nil {
		return nil, err
	}
	v.shape = v.shape[1:]
	return v, nil
}

// Clone returns a copy of t in memory of its own, aligned to [Alignment].
func (t *Tensor) Clone() *Tensor {
	data := AlignedBytes(len(t.data))
	copy(data, t.data)
	runtime.KeepAlive(t) // until here, and with it a mapped file
	return &Tensor{dtype: t.dtype, shape: t.shape, data: data}
}
