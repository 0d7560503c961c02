package gorgonia

import (
	"runtime"

	gt "gorgonia.org/tensor"

	"github.com/argand-go/argand/tensor"
)

// ToDense returns a Dense of t's type and shape that shares t's memory: what
// is written through one is read through the other. The Dense, its views and
// its clones keep t's memory valid; see the package comment. It returns an
// [*Error] for a nil t, for float16 and bfloat16 elements, and for a shape
// without elements, such as (0, 4).
//
// Where t comes from a mapped file, writing to the Dense faults, as writing to
// t does: use ToDense(t.Clone()) for a Dense to be changed in place.
func ToDense(t *tensor.Tensor) (d *gt.Dense, err error) {
	if t == nil {
		return nil, &Error{Op: "ToDense", Reason: Missing}
	}
	e := Error{Op: "ToDense", DType: t.DType().String(), Shape: t.Shape().Clone()}
	defer belt(&err, e)
	var backing any
	switch t.DType() {
	case tensor.Float32:
		backing, err = tensor.Data[float32](t)
	case tensor.Float64:
		backing, err = tensor.Data[float64](t)
	case tensor.Int64:
		backing, err = tensor.Data[int64](t)
	case tensor.Int32:
		backing, err = tensor.Data[int32](t)
	case tensor.Uint8:
		backing, err = tensor.Data[uint8](t)
	case tensor.Bool:
		backing, err = tensor.Data[bool](t)
	case tensor.Int8:
		backing, err = tensor.Data[int8](t)
	case tensor.Int16:
		backing, err = tensor.Data[int16](t)
	case tensor.Uint16:
		backing, err = tensor.Data[uint16](t)
	case tensor.Uint32:
		backing, err = tensor.Data[uint32](t)
	case tensor.Uint64:
		backing, err = tensor.Data[uint64](t)
	case tensor.Complex64:
		backing, err = tensor.Data[complex64](t)
	case tensor.Complex128:
		backing, err = tensor.Data[complex128](t)
	default:
		e.Reason = DType
		return nil, &e
	}
	if err != nil {
		return nil, err
	}
	if t.Len() == 0 {
		e.Reason = Empty
		return nil, &e
	}
	d = gt.New(gt.WithShape(t.Shape()...), gt.WithBacking(backing), gt.WithEngine(keeper{source: t}))
	// Gorgonia takes the slice apart into an address and a length on the way.
	runtime.KeepAlive(t)
	return d, nil
}

// A keeper is gorgonia's standard engine, and keeps the tensor reachable whose
// memory is used. A Dense has no place for an owner, its views know the Dense
// that they are of by a bare address only, and the garbage collector does not
// follow pointers into mapped memory. But gorgonia hands the engine of a Dense
// to every view and clone, so the engine is what holds the memory.
type keeper struct {
	gt.StdEng
	source *tensor.Tensor
}

// FromDense returns a tensor of d's type and shape that shares d's memory, and
// keeps d and its engine reachable. Elements of Go's int become [tensor.Int64]
// or [tensor.Int32], whichever is as wide. Every element of a bool Dense is
// read once, to see that it is 0 or 1.
//
// It returns an [*Error] for a nil d; for elements that a tensor does not have
// (uint, string, pointers, …); for a Dense that is not row-major and
// contiguous: a column or block of a larger one, a transpose that has not been
// carried out, Fortran order; for one with a mask; and for memory that Go
// cannot read, as on a GPU.
func FromDense(d *gt.Dense) (t *tensor.Tensor, err error) {
	if d == nil {
		return nil, &Error{Op: "FromDense", Reason: Missing}
	}
	e := Error{Op: "FromDense", DType: name(d.Dtype()), Shape: tensor.Shape(d.Shape()).Clone()}
	defer belt(&err, e)
	refuse := func(r Reason, cause error) error {
		e.Reason, e.Err = r, cause
		return &e
	}
	dtype := dtypeOf(d.Dtype())
	if !dtype.Valid() {
		return nil, refuse(DType, nil)
	}
	if err := e.Shape.Validate(); err != nil {
		return nil, refuse(Malformed, err)
	}
	if !d.IsNativelyAccessible() {
		return nil, refuse(Inaccessible, nil)
	}
	n := e.Shape.Len()
	// Gorgonia takes any Dense without elements for a masked one.
	if n > 0 && d.IsMasked() {
		return nil, refuse(Masked, nil)
	}
	// The flags of DataOrder say how a Dense came about; the strides say how
	// it lies in memory, so that a whole row is as good as a copy of it.
	if !rowMajor(e.Shape, d.Strides()) || len(d.Raw) < n*dtype.Size() {
		return nil, refuse(Layout, nil)
	}
	data := d.Raw[: n*dtype.Size() : n*dtype.Size()]
	// The engine by itself too: gorgonia.ReturnTensor takes it out of d.
	t, err = tensor.FromBytes(dtype, e.Shape, data, [2]any{d, d.Engine()})
	if err != nil {
		return nil, refuse(Malformed, err)
	}
	return t, nil
}

// dtypeOf returns the tensor's name of gorgonia's type, [tensor.Invalid] if it
// has none.
func dtypeOf(d gt.Dtype) tensor.DType {
	switch d {
	case gt.Float32:
		return tensor.Float32
	case gt.Float64:
		return tensor.Float64
	case gt.Int64:
		return tensor.Int64
	case gt.Int32:
		return tensor.Int32
	case gt.Int:
		if d.Size() == 8 {
			return tensor.Int64
		}
		return tensor.Int32
	case gt.Uint8:
		return tensor.Uint8
	case gt.Bool:
		return tensor.Bool
	case gt.Int8:
		return tensor.Int8
	case gt.Int16:
		return tensor.Int16
	case gt.Uint16:
		return tensor.Uint16
	case gt.Uint32:
		return tensor.Uint32
	case gt.Uint64:
		return tensor.Uint64
	case gt.Complex64:
		return tensor.Complex64
	case gt.Complex128:
		return tensor.Complex128
	}
	return tensor.Invalid
}

func name(d gt.Dtype) string {
	if d.Type == nil {
		return tensor.Invalid.String()
	}
	return d.Type.String()
}

// rowMajor reports whether elements that are strides apart lie in row-major
// order without gaps. The stride of an axis of extent 1 is never used.
func rowMajor(shape tensor.Shape, strides []int) bool {
	if shape.Len() <= 1 {
		return true
	}
	if len(strides) != len(shape) {
		return false // gorgonia gives a vector in Fortran order one stride
	}
	next := 1
	for i := len(shape) - 1; i >= 0; i-- {
		if shape[i] > 1 && strides[i] != next {
			return false
		}
		next *= shape[i]
	}
	return true
}
