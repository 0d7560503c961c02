package tensor

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"
	"time"
	"unsafe"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func isShapeError(t *testing.T, what string, err error) {
	t.Helper()
	if _, ok := errors.AsType[*ShapeError](err); !ok {
		t.Errorf("%s: want a ShapeError, got %v", what, err)
	}
}

func isDTypeError(t *testing.T, what string, err error) {
	t.Helper()
	if _, ok := errors.AsType[*DTypeError](err); !ok {
		t.Errorf("%s: want a DTypeError, got %v", what, err)
	}
}

func TestDTypes(t *testing.T) {
	sizes := map[string]int{"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "int32": 4, "uint8": 1, "bool": 1,
		"int8": 1, "int16": 2, "uint16": 2, "uint32": 4, "uint64": 8, "complex64": 8, "complex128": 16}
	for _, d := range DTypes() {
		if size, ok := sizes[d.String()]; !ok || d.Size() != size || !d.Valid() {
			t.Errorf("%v of %d bytes, valid %v", d, d.Size(), d.Valid())
		}
		delete(sizes, d.String())
	}
	if len(sizes) > 0 {
		t.Errorf("not listed: %v", sizes)
	}
	for _, d := range []DType{Invalid, Complex128 + 1, 255} {
		if d.Valid() || d.Size() != 0 || d.String() == "" {
			t.Errorf("%v is valid, or has a size", d)
		}
		_, err := New(d, 2)
		isDTypeError(t, "New", err)
		_, err = FromBytes(d, Shape{0}, nil, nil)
		isDTypeError(t, "FromBytes", err)
	}
}

func TestTypeOf(t *testing.T) {
	got := []DType{TypeOf[float32](), TypeOf[Half](), TypeOf[BHalf](), TypeOf[float64](), TypeOf[int64](), TypeOf[int32](), TypeOf[uint8](), TypeOf[bool](),
		TypeOf[int8](), TypeOf[int16](), TypeOf[uint16](), TypeOf[uint32](), TypeOf[uint64](), TypeOf[complex64](), TypeOf[complex128]()}
	for i, d := range DTypes() {
		if got[i] != d {
			t.Errorf("TypeOf: got %v, want %v", got[i], d)
		}
	}
}

func TestNew(t *testing.T) {
	for _, d := range DTypes() {
		for _, s := range []Shape{{}, {0}, {1}, {3, 5}, {2, 0, 4}, {7, 1, 9, 2}} {
			x, err := New(d, s...)
			if err != nil {
				t.Fatal(err)
			}
			if x.DType() != d || !x.Shape().Equal(s) || x.Len() != s.Len() || len(x.Bytes()) != s.Len()*d.Size() {
				t.Errorf("New(%v, %v) is %v of %d bytes", d, s, x, len(x.Bytes()))
			}
			if at := uintptr(unsafe.Pointer(unsafe.SliceData(x.Bytes()))); x.Len() > 0 && at%Alignment != 0 {
				t.Errorf("New(%v, %v) is at %#x", d, s, at)
			}
			for _, b := range x.Bytes() {
				if b != 0 {
					t.Fatalf("New(%v, %v) is not zero", d, s)
				}
			}
		}
	}
	extents := []int{2, 3}
	x := must(New(Float32, extents...))
	extents[0] = 99
	if !x.Shape().Equal(Shape{2, 3}) {
		t.Error("the shape is shared with the caller's slice")
	}
}

func TestAlignedBytes(t *testing.T) {
	for n := range 200 {
		b := AlignedBytes(n)
		if len(b) != n || cap(b) != n || n > 0 && uintptr(unsafe.Pointer(&b[0]))%Alignment != 0 {
			t.Fatalf("%d bytes: length %d, capacity %d", n, len(b), cap(b))
		}
	}
}

func TestOfSharesMemory(t *testing.T) {
	v := []float32{1, 2, 3, 4, 5, 6}
	x := must(Of(v, 2, 3))
	v[4] = 50
	got := must(Data[float32](x))
	if got[4] != 50 {
		t.Error("the tensor does not see the slice change")
	}
	got[0] = 10
	if v[0] != 10 {
		t.Error("the slice does not see the tensor change")
	}
	_, err := Of(v, 5)
	isShapeError(t, "too many elements", err)
	_, err = Of(v, 2, 4)
	isShapeError(t, "too few elements", err)
	_, err = Of(v, -2, -3)
	isShapeError(t, "negative extents", err)
	_, err = Of([]bool{})
	isShapeError(t, "no element for a scalar", err)
	if x := must(Of([]int64{}, 0, 7)); x.Len() != 0 || len(must(Data[int64](x))) != 0 {
		t.Error("an empty tensor has elements")
	}
}

func TestDataOfAnotherType(t *testing.T) {
	x := must(New(Float16, 3))
	if _, err := Data[Half](x); err != nil {
		t.Error(err)
	}
	_, err := Data[BHalf](x)
	isDTypeError(t, "BHalf", err)
	_, err = Data[float32](x)
	isDTypeError(t, "float32", err)
}

func TestFromBytes(t *testing.T) {
	memory := AlignedBytes(33)
	for offset := range 9 { // at any address
		b := memory[offset : offset+24]
		for _, c := range []struct {
			d DType
			s Shape
		}{{Float32, Shape{2, 3}}, {Float64, Shape{3}}, {Float16, Shape{12}}, {Int64, Shape{1, 3}}, {Bool, Shape{24}}} {
			x, err := FromBytes(c.d, c.s, b, nil)
			if err != nil {
				t.Fatal(err)
			}
			if &x.Bytes()[0] != &b[0] {
				t.Fatal("the bytes were copied")
			}
		}
		x := must(FromBytes(Float32, Shape{6}, b, nil))
		v := must(Data[float32](x))
		v[5] = 1.5
		if got := must(x.Float32s()); got[5] != 1.5 {
			t.Errorf("at offset %d: got %v", offset, got)
		}
		clear(b)
	}
	for _, s := range []Shape{{2, 4}, {5}, {}, {0}, {-6}, {1 << 62}} {
		_, err := FromBytes(Float32, s, memory[:24], nil)
		isShapeError(t, s.String(), err)
	}
	if _, err := FromBytes(Bool, Shape{3}, []byte{0, 1, 2}, nil); err == nil {
		t.Error("a bool of 2 was taken")
	}
}

// TestFromBytesKeepsOwner: what unmaps a file must not run while a view is
// reachable.
func TestFromBytesKeepsOwner(t *testing.T) {
	type mapping struct{ data []byte }
	gone := make(chan struct{})
	view := func() *Tensor {
		m := &mapping{make([]byte, 16)}
		runtime.AddCleanup(m, func(int) { close(gone) }, 0)
		x := must(FromBytes(Float32, Shape{4}, m.data, m))
		return must(must(must(x.Reshape(2, 2)).Index(1)).Slice(0, 1))
	}()
	for range 5 {
		runtime.GC()
	}
	select {
	case <-gone:
		t.Fatal("the owner was collected while a view of a view was in use")
	default:
	}
	runtime.KeepAlive(view)
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Error("the owner is never collected, so that this test could not have failed")
}

func TestFloat32s(t *testing.T) {
	big := int64(1)<<24 + 1 // a tie between two float32 numbers
	for _, c := range []struct {
		x    *Tensor
		want []float32
	}{
		{must(Of([]float32{1, -2.5}, 2)), []float32{1, -2.5}},
		{must(Of([]Half{HalfOf(1), HalfOf(-2.5)}, 2)), []float32{1, -2.5}},
		{must(Of([]BHalf{BHalfOf(1), BHalfOf(-2.5)}, 2)), []float32{1, -2.5}},
		{must(Of([]float64{0.1, 1e300}, 2)), []float32{0.1, float32(math.Inf(1))}},
		{must(Of([]int64{big, -big - 2}, 2)), []float32{1 << 24, -(1<<24 + 4)}},
		{must(Of([]int32{7, -8}, 2)), []float32{7, -8}},
		{must(Of([]uint8{255}, 1)), []float32{255}},
		{must(Of([]int8{-128, 127}, 2)), []float32{-128, 127}},
		{must(Of([]int16{-1 << 15, 5}, 2)), []float32{-1 << 15, 5}},
		{must(Of([]uint16{1<<16 - 1}, 1)), []float32{1<<16 - 1}},
		{must(Of([]uint32{1<<32 - 1}, 1)), []float32{1 << 32}},
		{must(Of([]uint64{1<<64 - 1, 3}, 2)), []float32{1 << 64, 3}},
		{must(Of([]float64{}, 0)), []float32{}},
	} {
		got, err := c.x.Float32s()
		if err != nil || len(got) != len(c.want) {
			t.Fatalf("%v: %v, %v", c.x, got, err)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v: element %d is %v, want %v", c.x, i, got[i], c.want[i])
			}
		}
		piece := make([]float32, 1)
		for from := range got {
			if err := c.x.ConvertFloat32(piece, from); err != nil || piece[0] != c.want[from] {
				t.Errorf("%v: piece %d is %v, %v", c.x, from, piece, err)
			}
		}
	}
	shared := must(Of([]float32{1, 2}, 2))
	must(shared.Float32s())[0] = 9
	if must(Data[float32](shared))[0] != 9 {
		t.Error("float32 elements were copied")
	}
	_, err := must(New(Bool, 2)).Float32s()
	isDTypeError(t, "bool", err)
	_, err = must(Of([]complex64{1i}, 1)).Float32s()
	isDTypeError(t, "complex64", err)
	for _, c := range [][2]int{{-1, 1}, {0, 4}, {2, 2}, {4, 0}, {math.MaxInt, 1}} {
		isShapeError(t, fmt.Sprint(c), must(New(Float16, 3)).ConvertFloat32(make([]float32, c[1]), c[0]))
	}
	if err := must(New(Float16, 3)).ConvertFloat32(nil, 3); err != nil {
		t.Errorf("nothing at the end: %v", err)
	}
}

func TestViews(t *testing.T) {
	v := make([]int32, 24)
	for i := range v {
		v[i] = int32(i)
	}
	x := must(Of(v, 4, 3, 2))
	rows := must(x.Slice(1, 3))
	if !rows.Shape().Equal(Shape{2, 3, 2}) || must(Data[int32](rows))[0] != 6 || rows.Len() != 12 {
		t.Errorf("rows 1 to 2 are %v %v", rows, must(Data[int32](rows)))
	}
	row := must(x.Index(3))
	if !row.Shape().Equal(Shape{3, 2}) || must(Data[int32](row))[5] != 23 {
		t.Errorf("row 3 is %v %v", row, must(Data[int32](row)))
	}
	flat := must(rows.Reshape(12))
	must(Data[int32](flat))[0] = 99
	if v[6] != 99 {
		t.Error("a view of a view does not share memory")
	}
	if cap(rows.Bytes()) != len(rows.Bytes()) {
		t.Error("appending to a view's bytes would write behind it")
	}
	clone := rows.Clone()
	must(Data[int32](clone))[0] = 1
	if v[6] != 99 || !clone.Shape().Equal(rows.Shape()) || clone.DType() != Int32 {
		t.Error("a clone shares memory, or is of another shape")
	}
	for _, lohi := range [][2]int{{-1, 2}, {2, 1}, {0, 5}, {5, 5}} {
		_, err := x.Slice(lohi[0], lohi[1])
		isShapeError(t, fmt.Sprint("Slice", lohi), err)
	}
	if empty := must(x.Slice(4, 4)); empty.Len() != 0 || !empty.Shape().Equal(Shape{0, 3, 2}) {
		t.Errorf("no rows are %v", empty)
	}
	for _, i := range []int{-1, 4, math.MaxInt, math.MinInt} {
		_, err := x.Index(i)
		isShapeError(t, fmt.Sprint("Index ", i), err)
	}
	scalar := must(Of([]float32{3}))
	_, err := scalar.Slice(0, 1)
	isShapeError(t, "Slice of a scalar", err)
	_, err = scalar.Index(0)
	isShapeError(t, "Index of a scalar", err)
	_, err = x.Reshape(5, 5)
	isShapeError(t, "Reshape", err)
	_, err = x.Reshape(-4, -6)
	isShapeError(t, "Reshape", err)
	if y := must(must(New(Float32, 3, 0)).Index(2)); !y.Shape().Equal(Shape{0}) {
		t.Errorf("an empty row is %v", y)
	}
}

func TestErrorsNameTheShape(t *testing.T) {
	_, err := must(New(Float32, 2, 3)).Reshape(4)
	if got, want := err.Error(), "tensor: shape (4,), want 6 elements"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	_, err = Data[int64](must(New(Float32, 2)))
	if got, want := err.Error(), "tensor: elements of type float32, want int64"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzFromBytes: whatever a file says, there is a tensor of exactly its bytes
// or an error.
func FuzzFromBytes(f *testing.F) {
	f.Add(uint8(Float32), 2, 1, []byte("12345678"))
	f.Add(uint8(Bool), 2, 1, []byte{1, 0})
	f.Add(uint8(Int64), math.MaxInt, 2, []byte{})
	f.Add(uint8(Complex64), 1, 1, []byte("12345678"))
	f.Fuzz(func(t *testing.T, d uint8, a, b int, data []byte) {
		x, err := FromBytes(DType(d), Shape{a, b}, data, nil)
		if err != nil {
			return
		}
		if x.Len()*x.DType().Size() != len(data) || !bytes.Equal(x.Bytes(), data) {
			t.Fatalf("%v of %d bytes", x, len(data))
		}
		v, err := x.Float32s()
		real := x.DType() != Bool && x.DType() != Complex64 && x.DType() != Complex128
		if (err == nil) != real || err == nil && len(v) != x.Len() {
			t.Fatalf("%v: %d numbers, %v", x, len(v), err)
		}
	})
}

func Example() {
	x, err := Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		fmt.Println(err)
		return
	}
	row, err := x.Index(1)
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := Data[float32](row)
	fmt.Println(x, row, v, err)
	// Output: float32 (2, 3) float32 (3,) [4 5 6] <nil>
}

func TestOutline(t *testing.T) {
	x, err := Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	o := x.Outline()
	if o.DType() != Float32 || !o.Shape().Equal(x.Shape()) || o.Len() != 6 || len(o.Bytes()) != 0 {
		t.Errorf("the outline of %v is %v with %d bytes", x, o, len(o.Bytes()))
	}
	_, data := Data[float32](o)
	_, floats := o.Float32s()
	_, slice := o.Slice(0, 1)
	_, index := o.Index(1)
	for i, err := range []error{data, floats, slice, index, o.ConvertFloat32(make([]float32, 2), 0)} {
		if _, ok := errors.AsType[*ShapeError](err); !ok {
			t.Errorf("access %d: got %v, want a ShapeError", i, err)
		}
	}
	if _, err := Data[float32](x); err != nil {
		t.Errorf("the tensor itself: %v", err)
	}
	empty, err := New(Float32, 0, 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := empty.Outline().Float32s(); err != nil {
		t.Errorf("an outline of nothing lacks nothing, but: %v", err)
	}
}
