package loaders

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/nlpodyssey/gopickle/types"

	"github.com/argand-go/argand/tensor"
)

// numpyTypes has NumPy's names of the types that a tensor can hold.
var numpyTypes = map[string]string{
	"f2": "float16", "f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128", "b1": "bool",
	"i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
	"u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
}

// A numpyType is a numpy.dtype.
type numpyType struct {
	typ *elementType // nil for what is not a number
	big bool         // big-endian
}

// numpyTypeOf is numpy.dtype("f4", align, copy).
func numpyTypeOf(_ *file, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("a NumPy type without name")
	}
	name, _ := args[0].(string)
	return &numpyType{typ: elementTypes[numpyTypes[name]]}, nil
}

// PySetState takes (version, byte order, subtype, …).
func (t *numpyType) PySetState(state any) error {
	s, ok := state.(*types.Tuple)
	if !ok || len(*s) < 3 {
		return errors.New("a NumPy type of an unknown state")
	}
	t.big = (*s)[1] == ">"
	if (*s)[2] != nil {
		t.typ = nil
	}
	return nil
}

// An array is a numpy.ndarray. Its elements are in the pickle.
type array struct {
	file *file
	view *view // nil while it has no state, or if no tensor can hold it
}

// newArray is numpy.core.multiarray._reconstruct(class, shape, type): an array
// that gets its state later.
func newArray(f *file, _ []any) (any, error) { return &array{file: f}, nil }

// PySetState takes (version, shape, type, Fortran order, bytes).
func (a *array) PySetState(state any) error {
	s, ok := state.(*types.Tuple)
	if !ok || len(*s) != 5 {
		return errors.New("a NumPy array of an unknown state")
	}
	return a.set((*s)[4], (*s)[2], (*s)[1], (*s)[3] == true || (*s)[3] == 1)
}

// arrayOfBuffer is numpy.core.numeric._frombuffer(bytes, type, shape, order).
func arrayOfBuffer(f *file, args []any) (any, error) {
	if len(args) != 4 {
		return nil, fmt.Errorf("a NumPy array of %d arguments", len(args))
	}
	a := &array{file: f}
	return a, a.set(args[0], args[1], args[2], args[3] == "F")
}

// set gives an array its elements. An array of objects has a list of them, and
// no view.
func (a *array) set(data, dtype, shape any, fortran bool) error {
	t, ok := dtype.(*numpyType)
	if !ok {
		return errors.New("a NumPy array without type")
	}
	a.view = nil
	b, ok, err := a.file.bytesOf(data)
	if err != nil || !ok || t.typ == nil {
		return err
	}
	extents, err := a.file.ints(shape)
	if err != nil {
		return fmt.Errorf("shape of a NumPy array: %w", err)
	}
	l := layout{0, extents, contiguousStrides(extents)}
	if fortran {
		slices.Reverse(extents)
		l.stride = contiguousStrides(extents)
		slices.Reverse(extents)
		slices.Reverse(l.stride)
	}
	s := &storage{offset: -1, size: int64(len(b)), data: b}
	a.view = whole(t.typ, s).view(t.typ, l)
	a.view.swap = t.big
	if n, _, err := l.extent(); err == nil && n*t.typ.width != len(b) {
		a.view.err = fmt.Errorf("a NumPy array of shape %v and type %s in %d bytes", extents, t.typ.name, len(b))
	}
	return nil
}

// bytesOf returns the bytes of a value that has some; Python 2 wrote strings.
func (f *file) bytesOf(v any) ([]byte, bool, error) {
	switch x := v.(type) {
	case []byte:
		return x, true, nil
	case *types.ByteArray:
		return *x, true, nil
	case string:
		return []byte(x), true, f.spend(len(x))
	}
	return nil, false, nil
}

// numpyScalar returns the number of numpy.core.multiarray.scalar(type, bytes)
// in Go's type of the same name, a [tensor.Half] for a float16; nil if it is
// not a number.
func numpyScalar(args []any) any {
	if len(args) != 2 {
		return nil
	}
	t, ok := args[0].(*numpyType)
	var b []byte
	var wide [16]byte
	switch x := args[1].(type) { // which may be long, and is not copied whole
	case []byte:
		b = x
	case string:
		b = []byte(x[:min(len(x), len(wide)+1)])
	}
	if !ok || t.typ == nil || len(b) != t.typ.width {
		return nil
	}
	b = wide[:copy(wide[:], b)]
	if t.big {
		swapBytes(b, t.typ.part())
	}
	lo, hi := binary.LittleEndian.Uint64(wide[:]), binary.LittleEndian.Uint64(wide[8:])
	single := func(bits uint64) float32 { return math.Float32frombits(uint32(bits)) }
	switch t.typ.dtype {
	case tensor.Float16:
		return tensor.Half(lo)
	case tensor.Float32:
		return single(lo)
	case tensor.Float64:
		return math.Float64frombits(lo)
	case tensor.Complex64:
		return complex(single(lo), single(lo>>32))
	case tensor.Complex128:
		return complex(math.Float64frombits(lo), math.Float64frombits(hi))
	case tensor.Bool:
		return lo != 0
	case tensor.Int8:
		return int8(lo)
	case tensor.Int16:
		return int16(lo)
	case tensor.Int32:
		return int32(lo)
	case tensor.Int64:
		return int64(lo)
	case tensor.Uint8:
		return uint8(lo)
	case tensor.Uint16:
		return uint16(lo)
	case tensor.Uint32:
		return uint32(lo)
	}
	return lo
}

// swapBytes reverses the bytes of each part of so many bytes.
func swapBytes(b []byte, part int) {
	for ; part > 1 && len(b) >= part; b = b[part:] {
		slices.Reverse(b[:part])
	}
}
