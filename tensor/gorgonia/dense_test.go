package gorgonia_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	gt "gorgonia.org/tensor"

	"github.com/argand-go/argand/tensor"
	"github.com/argand-go/argand/tensor/gorgonia"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestShared writes through each side what the other side then reads.
func TestShared(t *testing.T) {
	tested := []tensor.DType{
		shared(t, gt.Float32, float32(1.5), -2.25),
		shared(t, gt.Float64, 1.5, -2.25),
		shared(t, gt.Int64, int64(1)<<40, -7),
		shared(t, gt.Int32, int32(1)<<30, -7),
		shared(t, gt.Uint8, uint8(255), 7),
		shared(t, gt.Bool, true, true),
		shared(t, gt.Int8, int8(-128), 7),
		shared(t, gt.Int16, int16(-1<<15), 7),
		shared(t, gt.Uint16, uint16(1<<16-1), 7),
		shared(t, gt.Uint32, uint32(1<<32-1), 7),
		shared(t, gt.Uint64, uint64(1<<64-1), 7),
		shared(t, gt.Complex64, complex64(1-2i), -3i),
		shared(t, gt.Complex128, 1-2i, -3i),
	}
	for _, d := range tensor.DTypes() {
		if half := d == tensor.Float16 || d == tensor.BFloat16; !half && !slices.Contains(tested, d) {
			t.Errorf("%v is not tested", d)
		}
	}
}

func shared[T tensor.Element](t *testing.T, want gt.Dtype, first, second T) tensor.DType {
	dtype := tensor.TypeOf[T]()
	var zero T
	t.Run(dtype.String(), func(t *testing.T) {
		a := must(tensor.New(dtype, 2, 3))
		d := must(gorgonia.ToDense(a))
		if d.Dtype() != want || !slices.Equal(d.Shape(), []int{2, 3}) {
			t.Fatalf("a Dense of %v %v", d.Dtype(), d.Shape())
		}
		b := must(gorgonia.FromDense(d)) // there and back
		if b.DType() != dtype || !b.Shape().Equal(tensor.Shape{2, 3}) {
			t.Fatalf("a tensor %v", b)
		}
		must(tensor.Data[T](a))[4] = first
		if v := must(d.At(1, 1)); v != any(first) {
			t.Errorf("wrote %v to the tensor, read %v from the Dense", first, v)
		}
		if err := d.SetAt(second, 0, 2); err != nil {
			t.Fatal(err)
		}
		for _, x := range []*tensor.Tensor{a, b} {
			if got := must(tensor.Data[T](x)); !slices.Equal(got, []T{zero, zero, second, zero, first, zero}) {
				t.Errorf("read %v from a tensor", got)
			}
		}

		d = gt.New(gt.Of(want), gt.WithShape(3, 2)) // memory of gorgonia's
		a = must(gorgonia.FromDense(d))
		must(tensor.Data[T](a))[5] = first
		if v := must(d.At(2, 1)); v != any(first) {
			t.Errorf("wrote %v to the tensor, read %v from gorgonia's Dense", first, v)
		}
		if err := d.SetAt(second, 0, 0); err != nil {
			t.Fatal(err)
		}
		if got := must(tensor.Data[T](a)); !slices.Equal(got, []T{second, zero, zero, zero, zero, first}) {
			t.Errorf("read %v from the tensor over gorgonia's Dense", got)
		}
	})
	return dtype
}

func TestInt(t *testing.T) {
	d := gt.New(gt.WithShape(3), gt.WithBacking([]int{1, -2, 3}))
	a := must(gorgonia.FromDense(d))
	if unsafe.Sizeof(0) != 8 {
		if a.DType() != tensor.Int32 {
			t.Fatalf("int became %v", a)
		}
		return
	}
	v := must(tensor.Data[int64](a))
	v[0] = 9
	if !slices.Equal(v, []int64{9, -2, 3}) || !slices.Equal(d.Ints(), []int{9, -2, 3}) {
		t.Errorf("tensor %v, Dense %v", v, d.Ints())
	}
}

func TestScalar(t *testing.T) {
	a := must(tensor.Of([]float32{3}))
	d := must(gorgonia.ToDense(a))
	if !d.IsScalar() || d.ScalarValue() != any(float32(3)) {
		t.Fatalf("a Dense %v %v", d.Shape(), d)
	}
	must(tensor.Data[float32](a))[0] = 4
	if d.ScalarValue() != any(float32(4)) {
		t.Errorf("the Dense has %v", d.ScalarValue())
	}
	if b := must(gorgonia.FromDense(d)); b.String() != "float32 ()" || &b.Bytes()[0] != &a.Bytes()[0] {
		t.Errorf("a tensor %v", b)
	}
	b := must(gorgonia.FromDense(gt.New(gt.FromScalar(int32(5)))))
	if v := must(tensor.Data[int32](b)); b.String() != "int32 ()" || v[0] != 5 {
		t.Errorf("a tensor %v of %v", b, v)
	}
}

// TestShapes compares every element under its coordinates, on shapes of up to
// 10 axes (gorgonia's pools end at 8), many of extent 1.
func TestShapes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := make(tensor.Shape, r.IntN(11))
		for i := range s {
			s[i] = 1 + r.IntN(3)
		}
		a := must(tensor.New(tensor.Int32, s...))
		v := must(tensor.Data[int32](a))
		for i := range v {
			v[i] = int32(i)
		}
		d := must(gorgonia.ToDense(a))
		if !slices.Equal(d.Shape(), gt.Shape(s)) {
			t.Fatalf("%v became %v", s, d.Shape())
		}
		at := make([]int, len(s))
		for i := range v {
			for axis, rest := len(s)-1, i; axis >= 0; axis-- {
				at[axis], rest = rest%s[axis], rest/s[axis]
			}
			if len(s) > 0 && must(d.At(at...)) != any(int32(i)) {
				t.Fatalf("%v at %v: %v, want %d", s, at, must(d.At(at...)), i)
			}
		}
		b := must(gorgonia.FromDense(d))
		if !b.Shape().Equal(s) || &b.Bytes()[0] != &a.Bytes()[0] || len(b.Bytes()) != len(a.Bytes()) {
			t.Fatalf("%v came back as %v", a, b)
		}
		// Reshaping the Dense must leave the tensors alone.
		if err := d.Reshape(len(v)); err != nil {
			t.Fatal(err)
		}
		if !b.Shape().Equal(s) || !a.Shape().Equal(s) {
			t.Fatalf("reshaping the Dense changed %v to %v and %v", s, a, b)
		}
	}
}

// TestEmpty: a Dense without elements can be made, but not used.
func TestEmpty(t *testing.T) {
	for _, s := range []tensor.Shape{{0}, {0, 4}, {4, 0}, {2, 0, 3}} {
		a := must(gorgonia.FromDense(gt.New(gt.WithShape(s...), gt.WithBacking([]float32{}))))
		if a.DType() != tensor.Float32 || !a.Shape().Equal(s) || len(a.Bytes()) != 0 {
			t.Errorf("%v became %v", s, a)
		}
	}
}

func TestToDenseErrors(t *testing.T) {
	for _, c := range []struct {
		array  *tensor.Tensor
		reason gorgonia.Reason
		want   string
	}{
		{nil, gorgonia.Missing, "gorgonia: ToDense: there is no array"},
		{new(tensor.Tensor), gorgonia.DType, "ToDense of invalid ()"},
		{must(tensor.New(tensor.Float16, 2, 3)), gorgonia.DType, "ToDense of float16 (2, 3)"},
		{must(tensor.New(tensor.BFloat16, 4)), gorgonia.DType, "ToDense of bfloat16 (4,)"},
		{must(tensor.New(tensor.Float32, 0, 4)), gorgonia.Empty, "ToDense of float32 (0, 4)"},
		{must(tensor.New(tensor.Bool, 0)), gorgonia.Empty, "ToDense of bool (0,)"},
		{must(tensor.New(tensor.Int64, 3, 0, 2)), gorgonia.Empty, "ToDense of int64 (3, 0, 2)"},
	} {
		d, err := gorgonia.ToDense(c.array)
		check(t, d == nil, err, c.reason, c.want)
	}
}

func TestFromDenseErrors(t *testing.T) {
	matrix := func() *gt.Dense {
		return gt.New(gt.WithShape(3, 4), gt.WithBacking([]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
	}
	slice := func(d *gt.Dense, s ...gt.Slice) *gt.Dense { return must(d.Slice(s...)).(*gt.Dense) }
	transposed := matrix()
	if err := transposed.T(); err != nil {
		t.Fatal(err)
	}
	vector := gt.New(gt.WithShape(5), gt.WithBacking(make([]float32, 5)))
	masked := gt.New(gt.WithShape(2), gt.WithBacking([]float64{1, 2}, []bool{true, false}))
	far := gt.New(gt.WithShape(2), gt.WithBacking([]float32{1, 2}), gt.WithEngine(elsewhere{}))
	bad := []byte{0, 1, 2}
	bools := gt.New(gt.WithShape(3), gt.WithBacking(unsafe.Slice((*bool)(unsafe.Pointer(&bad[0])), 3)))
	short := matrix()
	short.Raw = short.Raw[:47]
	negative := matrix()
	negative.Shape()[0] = -3
	for _, c := range []struct {
		name   string
		array  *gt.Dense
		reason gorgonia.Reason
		want   string
	}{
		{"nil", nil, gorgonia.Missing, "gorgonia: FromDense: there is no array"},
		{"zero", new(gt.Dense), gorgonia.DType, "FromDense of invalid ()"},
		{"uint", gt.New(gt.Of(gt.Uint), gt.WithShape(2, 3)), gorgonia.DType, "FromDense of uint (2, 3)"},
		{"uint", gt.New(gt.Of(gt.Uint), gt.WithShape(2)), gorgonia.DType, "FromDense of uint (2,)"},
		{"string", gt.New(gt.WithBacking([]string{"a", "b"})), gorgonia.DType, "FromDense of string (2,)"},
		{"column", slice(matrix(), nil, gt.S(1)), gorgonia.Layout, "FromDense of float32 (3,)"},
		{"block", slice(matrix(), gt.S(0, 2), gt.S(1, 3)), gorgonia.Layout, "FromDense of float32 (2, 2)"},
		{"step", slice(vector, gt.S(0, 5, 2)), gorgonia.Layout, "FromDense of float32 (2,)"},
		{"transposed", transposed, gorgonia.Layout, "FromDense of float32 (4, 3)"},
		{"Fortran", gt.New(gt.WithShape(3, 2), gt.AsFortran(make([]float32, 6))), gorgonia.Layout, "float32 (3, 2)"},
		{"Fortran vector", gt.New(gt.WithShape(3, 1), gt.AsFortran(make([]float32, 3))), gorgonia.Layout, "(3, 1)"},
		{"short", short, gorgonia.Layout, "FromDense of float32 (3, 4)"},
		{"masked", masked, gorgonia.Masked, "FromDense of float64 (2,)"},
		{"elsewhere", far, gorgonia.Inaccessible, "FromDense of float32 (2,)"},
		{"bools", bools, gorgonia.Malformed, "element 2 of a bool tensor is 0x2"},
		{"negative", negative, gorgonia.Malformed, "no negative extent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := gorgonia.FromDense(c.array)
			check(t, a == nil, err, c.reason, c.want)
		})
	}
	var shape *tensor.ShapeError
	if _, err := gorgonia.FromDense(negative); !errors.As(err, &shape) {
		t.Errorf("%v is no ShapeError", err)
	}
}

// elsewhere is an engine whose memory Go cannot read.
type elsewhere struct{ gt.StdEng }

func (elsewhere) AllocAccessible() bool { return false }

func check(t *testing.T, nothing bool, err error, reason gorgonia.Reason, want string) {
	t.Helper()
	var e *gorgonia.Error
	if !errors.As(err, &e) || e.Reason != reason || !strings.Contains(err.Error(), want) || !nothing {
		t.Errorf("%q, want %q with %q", err, reason, want)
	}
}

// TestViews: a view that lies row-major shares its memory, and the others do
// once gorgonia has moved them.
func TestViews(t *testing.T) {
	d := gt.New(gt.WithShape(3, 4), gt.WithBacking([]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}))
	rows := must(d.Slice(gt.S(1, 3))).(*gt.Dense)
	a := must(gorgonia.FromDense(rows))
	if !a.Shape().Equal(tensor.Shape{2, 4}) || &a.Bytes()[0] != &d.Raw[16] || len(a.Bytes()) != 32 {
		t.Errorf("rows became %v", a)
	}
	row := must(gorgonia.FromDense(must(d.Slice(gt.S(1))).(*gt.Dense)))
	if v := must(tensor.Data[int32](row)); !slices.Equal(v, []int32{4, 5, 6, 7}) {
		t.Errorf("row 1 is %v %v", row, v)
	}
	column := must(gorgonia.FromDense(must(d.Slice(nil, gt.S(1))).Materialize().(*gt.Dense)))
	if v := must(tensor.Data[int32](column)); !slices.Equal(v, []int32{1, 5, 9}) {
		t.Errorf("column 1 is %v %v", column, v)
	}
	if err := errors.Join(d.T(), d.Transpose()); err != nil {
		t.Fatal(err)
	}
	a = must(gorgonia.FromDense(d))
	if v := must(tensor.Data[int32](a)); !a.Shape().Equal(tensor.Shape{4, 3}) ||
		!slices.Equal(v, []int32{0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11}) {
		t.Errorf("the transpose is %v %v", a, v)
	}
}

// TestConcurrent: one tensor may be lent many times at once.
func TestConcurrent(t *testing.T) {
	a := must(tensor.Of([]float32{1, 2, 3, 4}, 2, 2))
	var g sync.WaitGroup
	for range 8 {
		g.Go(func() {
			for range 50 {
				d := must(gorgonia.ToDense(a))
				p := must(gorgonia.FromDense(must(d.MatMul(d))))
				if v := must(p.Float32s()); !slices.Equal(v, []float32{7, 10, 15, 22}) {
					t.Errorf("the square is %v", v)
				}
			}
		})
	}
	g.Wait()
}
