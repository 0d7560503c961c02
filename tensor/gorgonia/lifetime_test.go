package gorgonia_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"

	gt "gorgonia.org/tensor"

	"github.com/argand-go/argand/tensor"
	"github.com/argand-go/argand/tensor/gorgonia"
)

// owned returns a (3, 2) tensor over memory that must live for as long as an
// owner does, and a channel that is closed when the owner is collected.
func owned() (*tensor.Tensor, <-chan struct{}) {
	gone := make(chan struct{})
	type mapping struct{ name string }
	owner := &mapping{"a file"}
	runtime.AddCleanup(owner, func(c chan struct{}) { close(c) }, gone)
	// Memory that has no pointer to its owner, as mapped memory has none.
	data := must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)).Bytes()
	return must(tensor.FromBytes(tensor.Float32, tensor.Shape{3, 2}, data, owner)), gone
}

func collected(gone <-chan struct{}, patience time.Duration) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		runtime.GC()
		select {
		case <-gone:
			return true
		case <-time.After(5 * time.Millisecond):
		}
	}
	return false
}

// TestLifetime: what is made of a Dense keeps the memory's owner reachable (a
// clone and a product need not, but do), and nothing else does.
func TestLifetime(t *testing.T) {
	for name, derive := range map[string]func(*gt.Dense) any{
		"Dense":        func(d *gt.Dense) any { return d },
		"view":         func(d *gt.Dense) any { return must(d.Slice(gt.S(1))) },
		"view of view": func(d *gt.Dense) any { return must(must(d.Slice(gt.S(1, 3))).Slice(gt.S(0))) },
		"ShallowClone": func(d *gt.Dense) any { return d.ShallowClone() },
		"Clone":        func(d *gt.Dense) any { return d.Clone() },
		"product": func(d *gt.Dense) any {
			return must(d.MatMul(gt.New(gt.WithBacking([]float32{1, 2}), gt.WithShape(2, 1))))
		},
		"tensor": func(d *gt.Dense) any { return must(gorgonia.FromDense(d)) },
		"tensor of view": func(d *gt.Dense) any {
			return must(gorgonia.FromDense(must(d.Slice(gt.S(1))).(*gt.Dense)))
		},
		"tensor of a returned Dense": func(d *gt.Dense) any {
			a := must(gorgonia.FromDense(d))
			gt.ReturnTensor(d)
			return a
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, gone := owned()
			kept := derive(must(gorgonia.ToDense(a)))
			if collected(gone, 50*time.Millisecond) {
				t.Fatal("the owner was collected too early")
			}
			runtime.KeepAlive(kept)
			if !collected(gone, 10*time.Second) {
				t.Error("the owner is never collected")
			}
		})
	}
}

// TestUnaligned computes on memory at every offset from an aligned address,
// with lengths that reach gonum's vector loops, against plain loops.
func TestUnaligned(t *testing.T) {
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skipf("package tensor does not promise unaligned elements on %s", runtime.GOARCH)
	}
	r := rand.New(rand.NewPCG(3, 4))
	unaligned[float32](t, r)
	unaligned[float64](t, r)
}

func unaligned[T float32 | float64](t *testing.T, r *rand.Rand) {
	dtype := tensor.TypeOf[T]()
	const n = 37
	draw := func(offset, rows, columns int) (*gt.Dense, []T) {
		buffer := tensor.AlignedBytes(rows*columns*dtype.Size() + offset)[offset:]
		values := make([]T, rows*columns)
		for i := range values {
			values[i] = T(r.IntN(9) - 4) // small integers: every sum is exact
		}
		copy(buffer, unsafe.Slice((*byte)(unsafe.Pointer(&values[0])), len(buffer)))
		x := must(tensor.FromBytes(dtype, tensor.Shape{rows, columns}, buffer, nil))
		return must(gorgonia.ToDense(x)), values
	}
	for offset := range 16 {
		a, av := draw(offset, n, n)
		b, bv := draw(15-offset, n, n)
		v, vv := draw(offset*5%16, n, 1)
		if err := v.Reshape(n); err != nil {
			t.Fatal(err)
		}
		product, transposed, applied, sum := make([]T, n*n), make([]T, n*n), make([]T, n), make([]T, n*n)
		for i := range n {
			for j := range n {
				for k := range n {
					product[i*n+j] += av[i*n+k] * bv[k*n+j]
					transposed[i*n+j] += av[i*n+k] * bv[j*n+k]
				}
				applied[i] += av[i*n+j] * vv[j]
				sum[i*n+j] = av[i*n+j] + bv[i*n+j]
			}
		}
		compare := func(what string, got gt.Tensor, want []T) {
			if !slices.Equal(got.Data().([]T), want) {
				t.Errorf("%v, offset %d: %s differs", dtype, offset, what)
			}
		}
		compare("MatMul", must(a.MatMul(b)), product)
		compare("MatVecMul", must(a.MatVecMul(v)), applied)
		compare("Add", must(a.Add(b)), sum)
		if err := b.T(); err != nil {
			t.Fatal(err)
		}
		compare("MatMul of a transpose", must(a.MatMul(b)), transposed)
	}
}
