//go:build linux && cgo && !nocuda

package cuda_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/internal/fakedriver/cublaslt"
	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// withCUBLASLt returns a fake driver, a fake cuBLASLt, and a backend that has both. At the end nothing may be alive.
func withCUBLASLt(t *testing.T, o cuda.Options) (*fakedriver.Driver, *cublaslt.Library, *cuda.Backend) {
	t.Helper()
	fake := fakedriver.New(t)
	lt := cublaslt.New(t, fake)
	t.Cleanup(func() { // after the backend's
		if n := lt.Alive(); n != 0 {
			t.Errorf("%d handles and descriptors of cuBLASLt are alive", n)
		}
		if s := lt.Fault(); s != "" {
			t.Errorf("cuBLASLt: %s", s)
		}
	})
	o.CUBLASLt = lt.Path
	return fake, lt, openWith(t, fake, o)
}

func filled(name string, scale float32, shape ...int) *tensor.Tensor {
	x := must(tensor.New(tensor.Float32, shape...))
	procedural.Fill(must(tensor.Data[float32](x)), name, scale)
	return x
}

// products is a network (N, 12, H, W) → (N, 21) with what cuBLASLt does, and what it does not: 1×1 convolutions without and
// with a residual, with a residual of another size, with an activation, with stride 2, of 3×3, and fully connected layers.
func products() *op.Graph {
	bias := func(n int) []float64 {
		list := make([]float64, n)
		for i := range list {
			list[i] = 0.1 * float64(i%7-3)
		}
		return list
	}
	conv := func(name string, o, c, k int, e op.Epilogue) *op.Conv2d {
		return &op.Conv2d{Weight: filled(name, 0.3, o, c, k, k), Padding: [2]int{k / 2, k / 2}, Epilogue: e}
	}
	strided := conv("d", 37, 20, 1, op.Epilogue{})
	strided.Stride = [2]int{2, 2}
	g := &op.Graph{Inputs: []op.Input{{Value: 0, DType: tensor.Float32}}, Values: 10, Outputs: []op.Value{9}}
	for i, n := range []op.Node{
		{Path: "relu", Op: conv("a", 20, 12, 1, op.Epilogue{Bias: bias(20), Act: op.ReLU}), In: []op.Value{0}},
		{Path: "residual", Op: conv("b", 20, 20, 1, op.Epilogue{Bias: bias(20), Residual: op.SameResidual, Act: op.ReLU}),
			In: []op.Value{1, 1}},
		{Path: "silu", Op: conv("c", 20, 20, 1, op.Epilogue{Act: op.SiLU}), In: []op.Value{2}},
		{Path: "strided", Op: strided, In: []op.Value{3}},
		{Path: "nearest", Op: conv("e", 37, 20, 1, op.Epilogue{Residual: op.NearestResidual}), In: []op.Value{3, 4}},
		{Path: "wide", Op: conv("f", 33, 37, 3, op.Epilogue{Bias: bias(33), Act: op.ReLU}), In: []op.Value{5}},
		{Path: "pool", Op: &op.GlobalAvgPool2d{}, In: []op.Value{6}},
		{Path: "flatten", Op: &op.Flatten{}, In: []op.Value{7}},
		{Path: "fc", Op: &op.Linear{Weight: filled("fc", 0.5, 21, 33), Epilogue: op.Epilogue{Bias: bias(21)}},
			In: []op.Value{8}},
	} {
		n.Out = []op.Value{op.Value(i + 1)}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

// compute runs a graph once for each input, in one model.
func compute(t *testing.T, b op.Backend, g *op.Graph, o op.Options, in ...*tensor.Tensor) [][]float32 {
	t.Helper()
	m, err := b.Load(context.Background(), g, o)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]float32
	for _, x := range in {
		list = append(list, computeOn(t, m, x))
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	return list
}

func computeOn(t *testing.T, m op.Model, x *tensor.Tensor) []float32 {
	t.Helper()
	p, err := m.Program(x.Shape())
	y := must(tensor.New(tensor.Float32, x.Shape()[0], 21))
	if err == nil {
		err = p.RunInto(context.Background(), []*tensor.Tensor{y}, []*tensor.Tensor{x})
	}
	if err != nil {
		t.Error(err) // of any goroutine
	}
	return must(tensor.Data[float32](y))
}

func worst(got, want []float32) float64 {
	var difference, scale float64
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if d != d {
			return d
		}
		difference, scale = max(difference, d), max(scale, math.Abs(float64(w)))
	}
	return difference / scale
}

// TestEngines runs a network with a library in it, in every precision, once step by step and then as a recorded graph, and
// looks at what is said to have computed each layer.
func TestEngines(t *testing.T) {
	x := filled("x", 1, 2, 12, 10, 9)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	for precision, limit := range map[op.Precision]float64{
		op.Float32: 2e-6, op.TensorFloat32: 2e-3, op.BFloat16: 2e-2, op.Float16: 3e-3,
	} {
		t.Run(precision.String(), func(t *testing.T) {
			_, lt, b := withCUBLASLt(t, cuda.Options{})
			profile := new(op.Profile)
			for _, o := range []op.Options{{Precision: precision}, {Precision: precision, Profile: profile}} {
				for run, got := range compute(t, b, products(), o, x, x, x) {
					if d := worst(got, want); !(d <= limit) {
						t.Errorf("run %d: %.2g of the greatest result from float32 on the CPU; want %.2g", run, d, limit)
					}
				}
			}
			if lt.Calls("cublasLtMatmul") == 0 {
				t.Error("cuBLASLt was not called")
			}
			for _, s := range profile.Steps() {
				_, matrix := map[string]bool{"relu": true, "residual": true, "fc": true}[s.Path]
				if s.Op != "conv2d" && s.Op != "linear" {
					continue
				}
				if got := strings.HasPrefix(s.Kernel, "cublaslt/algo21."); got != matrix {
					t.Errorf("%s is computed by %s", s.Path, s.Kernel)
				}
			}
		})
	}
}

// TestChosenOnce looks at how often is measured: once for a product, of layers, models and batches alike.
func TestChosenOnce(t *testing.T) {
	_, lt, b := withCUBLASLt(t, cuda.Options{})
	one := filled("x", 1, 1, 12, 10, 9)
	compute(t, b, products(), op.Options{}, one)
	found, choices := lt.Calls("cublasLtMatmulAlgoGetHeuristic"), b.EngineChoices()
	if found == 0 {
		t.Fatal("nothing was found")
	}
	compute(t, b, products(), op.Options{}, one, filled("x", 1, 3, 12, 10, 9))
	if n := lt.Calls("cublasLtMatmulAlgoGetHeuristic"); n != found {
		t.Errorf("measured %d times; want %d", n, found)
	}
	if n := len(b.EngineChoices()); n != len(choices) {
		t.Errorf("%d choices; want %d", n, len(choices))
	}
	for _, c := range choices {
		if len(c.Trials) == 0 || !slices.ContainsFunc(c.Trials, func(e cuda.EngineTrial) bool {
			return e.Engine == c.Engine && e.Time > 0 && e.Err == nil
		}) {
			t.Errorf("%s is computed by %s, of %v", c.Product, c.Engine, c.Trials)
		}
	}
	compute(t, b, products(), op.Options{}, filled("x", 1, 1, 12, 9, 10))
	if n := lt.Calls("cublasLtMatmulAlgoGetHeuristic"); n <= found {
		t.Error("maps of another size were not measured")
	}
}

// TestAnyBatch wants the same bits of a picture in any batch, with the library's plan repeated for the batch, and where
// that is refused, or sums in another order, run for each picture.
func TestAnyBatch(t *testing.T) {
	for name, c := range map[string]struct {
		lie      cublaslt.Lie
		refuses  bool
		products int // calls for a batch of three: for each product one, or three
	}{
		"repeated": {products: 3}, "refused": {refuses: true, products: 9}, "another order": {lie: cublaslt.Batch, products: 7},
	} {
		t.Run(name, func(t *testing.T) {
			_, lt, b := withCUBLASLt(t, cuda.Options{})
			lt.SetLie(c.lie)
			for i := range 20 {
				if c.refuses {
					lt.Fail("cublasLtMatmulAlgoCheck", 1+i, 15)
				}
			}
			x := filled("x", 1, 3, 12, 6, 7)
			numbers := must(tensor.Data[float32](x))
			compute(t, b, products(), op.Options{}, x)
			before := lt.Calls("cublasLtMatmul")
			all := compute(t, b, products(), op.Options{}, x)[0]
			if n := lt.Calls("cublasLtMatmul") - before; n != c.products {
				t.Errorf("%d calls for a batch; want %d", n, c.products)
			}
			for i := range 3 {
				one := must(tensor.New(tensor.Float32, 1, 12, 6, 7))
				copy(must(tensor.Data[float32](one)), numbers[i*12*6*7:])
				if got := compute(t, b, products(), op.Options{}, one)[0]; !slices.Equal(got, all[21*i:][:21]) {
					t.Errorf("picture %d differs from itself in a batch", i)
				}
			}
		})
	}
}

// TestNotPedantic wants exact products where the library has no pedantic ones.
func TestNotPedantic(t *testing.T) {
	x := filled("x", 1, 1, 12, 6, 7)
	_, lt, b := withCUBLASLt(t, cuda.Options{})
	lt.SetLie(cublaslt.Plain)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	if d := worst(compute(t, b, products(), op.Options{}, x)[0], want); !(d <= 2e-6) {
		t.Errorf("%.2g of the greatest result from the CPU", d)
	}
	if lt.Calls("cublasLtMatmul") == 0 {
		t.Error("the library was not called")
	}
}

// TestNotRecorded has a library that waits for the device, which a stream that is recorded refuses: it is not used, and
// runs of the network are recorded.
func TestNotRecorded(t *testing.T) {
	x := filled("x", 1, 2, 12, 6, 7)
	_, lt, b := withCUBLASLt(t, cuda.Options{})
	lt.SetLie(cublaslt.Waits)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	for run, got := range compute(t, b, products(), op.Options{}, x, x, x) {
		if d := worst(got, want); !(d <= 2e-6) {
			t.Errorf("run %d: %.2g of the greatest result from the CPU", run, d)
		}
	}
	if lt.Calls("cublasLtMatmul") == 0 {
		t.Error("the library was not called")
	}
	for _, c := range b.EngineChoices() {
		if !strings.HasPrefix(c.Engine, "conv2d_") {
			t.Errorf("%s is computed by %s", c.Product, c.Engine)
		}
	}
}

// TestPerBatch wants a choice of its own for each batch, if that is asked for.
func TestPerBatch(t *testing.T) {
	_, _, b := withCUBLASLt(t, cuda.Options{PerBatch: true})
	compute(t, b, products(), op.Options{}, filled("x", 1, 1, 12, 6, 7))
	one := len(b.EngineChoices())
	compute(t, b, products(), op.Options{}, filled("x", 1, 2, 12, 6, 7))
	if n := len(b.EngineChoices()); n != 2*one {
		t.Errorf("%d choices for two batches; want %d", n, 2*one)
	}
}

// TestEnginesTogether plans and runs from several goroutines: what is chosen is shared, and a plan is used by all.
func TestEnginesTogether(t *testing.T) {
	_, _, b := withCUBLASLt(t, cuda.Options{})
	m, err := b.Load(context.Background(), products(), op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for i := range 6 {
		wait.Go(func() {
			x := filled("x", 1, 1+i%3, 12, 6, 7)
			first := slices.Clone(computeOn(t, m, x))
			for range 2 {
				if !slices.Equal(computeOn(t, m, x), first) {
					t.Errorf("%d pictures: another result", 1+i%3)
				}
			}
		})
	}
	wait.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestOwnEngines wants nothing of a library where only our own kernels are wanted, nor where these are faster.
func TestOwnEngines(t *testing.T) {
	x := filled("x", 1, 1, 12, 6, 7)
	_, lt, b := withCUBLASLt(t, cuda.Options{Engines: cuda.OwnEngines})
	compute(t, b, products(), op.Options{}, x)
	if lt.Calls("cublasLtCreate") != 0 {
		t.Error("cuBLASLt was started")
	}
	fake, _, b := withCUBLASLt(t, cuda.Options{})
	fake.SetLibraryTime(1.5)
	compute(t, b, products(), op.Options{}, x)
	for _, c := range b.EngineChoices() {
		if !strings.HasPrefix(c.Engine, "conv2d_") {
			t.Errorf("%s is computed by %s", c.Product, c.Engine)
		}
	}
}

// TestLies has the library compute something else, which must be seen, said and not used.
func TestLies(t *testing.T) {
	x := filled("x", 1, 1, 12, 6, 7)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	for name, lie := range map[string]cublaslt.Lie{"a NaN": cublaslt.NaN, "tf32": cublaslt.Rounded,
		"no residual": cublaslt.NoResidual, "no pixel": cublaslt.NoPixel, "the mask": cublaslt.Overlook} {
		t.Run(name, func(t *testing.T) {
			_, lt, b := withCUBLASLt(t, cuda.Options{})
			lt.SetLie(lie)
			if d := worst(compute(t, b, products(), op.Options{}, x)[0], want); !(d <= 2e-6) {
				t.Errorf("%.2g of the greatest result from the CPU", d)
			}
			wrong := 0
			for _, c := range b.EngineChoices() {
				for _, e := range c.Trials {
					if _, ok := errors.AsType[*cuda.WrongResultError](e.Err); ok {
						wrong++
					}
				}
			}
			if wrong == 0 && lie != cublaslt.Overlook {
				t.Error("nobody said that the library is wrong")
			}
			if lie == cublaslt.Overlook && lt.Calls("cublasLtMatmul") > 0 {
				t.Error("an algorithm that rounds was tried")
			}
		})
	}
}

// TestLibraryFails has each of the library's functions fail, and the device's memory end, at each of the first few calls:
// the network is computed nevertheless, or the error is that of the run.
func TestLibraryFails(t *testing.T) {
	x := filled("x", 1, 2, 12, 6, 7)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	for _, function := range []string{"cublasLtMatmulDescCreate", "cublasLtMatmulDescSetAttribute",
		"cublasLtMatrixLayoutCreate", "cublasLtMatmulPreferenceCreate", "cublasLtMatmulPreferenceSetAttribute",
		"cublasLtMatmulAlgoGetHeuristic", "cublasLtMatmulAlgoCapGetAttribute", "cublasLtMatmulAlgoConfigGetAttribute",
		"cublasLtMatmulAlgoCheck", "cublasLtMatmul"} {
		for n := 1; n <= 3; n++ {
			_, lt, b := withCUBLASLt(t, cuda.Options{})
			lt.Fail(function, n, 14)
			if d := worst(compute(t, b, products(), op.Options{}, x)[0], want); !(d <= 2e-6) {
				t.Errorf("%s fails at call %d: %.2g of the greatest result from the CPU", function, n, d)
			}
		}
	}
}

// TestNoMemoryToMeasure has allocations fail while engines are measured.
func TestNoMemoryToMeasure(t *testing.T) {
	x := filled("x", 1, 2, 12, 6, 7)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	fake, _, b := withCUBLASLt(t, cuda.Options{})
	m, err := b.Load(context.Background(), products(), op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		fake.Fail("cuMemAlloc_v2", 1+2*n, 2)
	}
	if _, err := m.Program(x.Shape()); err != nil {
		t.Fatal(err)
	}
	failed := 0
	for _, c := range b.EngineChoices() {
		for _, e := range c.Trials {
			if _, ok := errors.AsType[*cuda.OOMError](e.Err); ok {
				failed++
			}
		}
	}
	if failed == 0 {
		t.Error("nobody noticed")
	}
	if d := worst(computeOn(t, m, x), want); !(d <= 2e-6) {
		t.Errorf("%.2g of the greatest result from the CPU", d)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestLostWhileMeasuring loses the context while engines are measured: that is an error of planning.
func TestLostWhileMeasuring(t *testing.T) {
	fake := fakedriver.New(t)
	lt := cublaslt.New(t, fake)
	b, err := cuda.Open(cuda.Options{Driver: fake.Path, CUBLASLt: lt.Path})
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Load(context.Background(), products(), op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fake.Fail("cuStreamSynchronize", 3, 700)
	if _, err := m.Program(tensor.Shape{1, 12, 5, 5}); !errors.Is(err, cuda.ErrContextLost) {
		t.Errorf("planned in a lost context: %v", err)
	}
	if err := errors.Join(m.Close(), b.Close()); !errors.Is(err, cuda.ErrContextLost) {
		t.Errorf("closed in a lost context: %v", err)
	}
	if n := lt.Alive(); n != 0 {
		t.Errorf("%d handles and descriptors of cuBLASLt are alive", n)
	}
}

// TestCallFails wants the layer in the error of a library that fails in a run.
func TestCallFails(t *testing.T) {
	_, lt, b := withCUBLASLt(t, cuda.Options{})
	m, err := b.Load(context.Background(), products(), op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	x := filled("x", 1, 1, 12, 6, 7)
	want := slices.Clone(computeOn(t, m, x))
	for run := range 2 { // the second is recorded
		lt.Fail("cublasLtMatmul", 2, 13)
		p := must(m.Program(x.Shape()))
		y := must(tensor.New(tensor.Float32, 1, 21))
		err := p.RunInto(context.Background(), []*tensor.Tensor{y}, []*tensor.Tensor{x})
		step, ok := errors.AsType[*op.StepError](err)
		if !ok || step.Path != "residual" {
			t.Errorf("run %d: %v; want an error of the layer residual", run, err)
		}
	}
	if got := computeOn(t, m, x); !slices.Equal(got, want) {
		t.Error("the next run differs")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestLibraryOfAnotherMajor wants a library that is asked for by its path to be there and to be the right one.
func TestLibraryOfAnotherMajor(t *testing.T) {
	fake := fakedriver.New(t)
	old := cublaslt.New(t, fake)
	old.SetVersion(110502)
	for path, want := range map[string]string{
		old.Path:                     "this is cuBLASLt 11.5.2; 12 or 13 is needed",
		"/nowhere/libcublasLt.so.13": "/nowhere/libcublasLt.so.13: cannot open",
	} {
		_, err := cuda.Open(cuda.Options{Driver: fake.Path, CUBLASLt: path})
		if _, ok := errors.AsType[*cuda.LibraryError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want a LibraryError with %q", path, err, want)
		}
	}
	if n := fake.Alive(); n != 0 {
		t.Errorf("%d things are alive", n)
	}
}
