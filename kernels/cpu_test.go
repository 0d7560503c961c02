package kernels

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/tensor"
)

// backends returns one backend per tier that this machine can run.
func backends(t testing.TB) []*backend {
	var list []*backend
	for _, tier := range tile.Tiers() {
		if tier.Lacks == "" {
			list = append(list, &backend{tier: &tier})
		} else {
			t.Logf("NOT TESTED: cpu/%s, this machine lacks %s", tier.Name, tier.Lacks)
		}
	}
	return list
}

func TestConformance(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.tier.Name, func(t *testing.T) { optest.Run(t, b) })
	}
}

func TestCPUIsTheFastestTier(t *testing.T) {
	if got, want := CPU().Name(), backends(t)[0].Name(); got != want || !strings.HasPrefix(got, "cpu/") {
		t.Errorf("CPU is %q, want %q", got, want)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func normal(r *rand.Rand, shape ...int) *tensor.Tensor {
	t := must(tensor.New(tensor.Float32, shape...))
	for i := range must(tensor.Data[float32](t)) {
		must(tensor.Data[float32](t))[i] = float32(r.NormFloat64())
	}
	return t
}

// A builder makes graphs of nodes with one result.
type builder struct{ op.Graph }

func (b *builder) value() op.Value {
	b.Values++
	return op.Value(b.Values - 1)
}

func (b *builder) input(d tensor.DType) op.Value {
	b.Inputs = append(b.Inputs, op.Input{Value: b.value(), DType: d})
	return b.Inputs[len(b.Inputs)-1].Value
}

func (b *builder) add(path string, o op.Op, in ...op.Value) op.Value {
	v := b.value()
	b.Nodes = append(b.Nodes, op.Node{Path: path, Op: o, In: in, Out: []op.Value{v}})
	return v
}

// large returns a network whose steps have many items: a stem, a convolution
// by winograd, a pool, a convolution of long sums in several blocks, one in groups, a depthwise one, a transposed one,
// two norms, attention, and a head.
func large() *op.Graph {
	r := rand.New(rand.NewPCG(11, 12))
	w := func(shape ...int) *tensor.Tensor {
		t := normal(r, shape...)
		scale := float32(1 / math.Sqrt(float64(t.Len()/shape[0])))
		for i := range must(tensor.Data[float32](t)) {
			must(tensor.Data[float32](t))[i] *= scale
		}
		return t
	}
	ones := func(n int) *tensor.Tensor {
		t := must(tensor.New(tensor.Float32, n))
		for i := range must(tensor.Data[float32](t)) {
			must(tensor.Data[float32](t))[i] = 1 + float32(i)/8
		}
		return t
	}
	var b builder
	x := b.input(tensor.Float32)
	x = b.add("stem", &op.Conv2d{Weight: w(48, 3, 7, 7), Stride: [2]int{2, 2}, Padding: [2]int{3, 3},
		Epilogue: op.Epilogue{Act: op.ReLU}}, x)
	x = b.add("large", &op.Conv2d{Weight: w(48, 48, 3, 3), Padding: [2]int{1, 1},
		Epilogue: op.Epilogue{Act: op.ReLU, Residual: op.SameResidual}}, x, x)
	x = b.add("pool", &op.MaxPool2d{Kernel: [2]int{3, 3}, Stride: [2]int{2, 2}, Padding: [2]int{1, 1}}, x)
	y := b.add("wide", &op.Conv2d{Weight: w(512, 48, 1, 1)}, x)
	y = b.add("long", &op.Conv2d{Weight: w(48, 512, 3, 3), Padding: [2]int{1, 1},
		Epilogue: op.Epilogue{Residual: op.SameResidual}}, y, x)
	y = b.add("groups", &op.Conv2d{Weight: w(48, 12, 3, 3), Padding: [2]int{1, 1}, Groups: 4}, y)
	y = b.add("depth", &op.Conv2d{Weight: w(48, 1, 3, 3), Padding: [2]int{1, 1}, Groups: 48,
		Epilogue: op.Epilogue{Act: op.ReLU, Residual: op.SameResidual}}, y, x)
	y = b.add("norm", &op.BatchNorm2d{Weight: ones(48), Bias: ones(48), Mean: ones(48), Var: ones(48)}, y)
	y = b.add("sum", &op.Add{}, y, x)
	y = b.add("relu", &op.Activation{Act: op.ReLU}, y)
	y = b.add("layer norm", &op.LayerNorm{Weight: ones(48), Bias: ones(48), Eps: 1e-6}, y)
	y = b.add("attention", &op.Attention{Heads: 2}, b.add("in_proj", &op.Conv2d{Weight: w(144, 48, 1, 1)}, y))
	up := b.add("up", &op.ConvTranspose2d{Weight: w(48, 20, 2, 2), Stride: [2]int{2, 2},
		Epilogue: op.Epilogue{Act: op.Sigmoid}}, y)
	z := b.add("mean", &op.GlobalAvgPool2d{}, y)
	z = b.add("flat", &op.Flatten{}, z)
	z = b.add("fc", &op.Linear{Weight: w(1000, 48)}, z)
	b.Outputs = []op.Value{up, z}
	return &b.Graph
}

// outputs returns new tensors for the results of p.
func outputs(p op.Program) []*tensor.Tensor {
	var out []*tensor.Tensor
	for _, s := range p.(*program).outputs {
		out = append(out, must(tensor.New(s.DType, s.Shape...)))
	}
	return out
}

func runOn(t *testing.T, m op.Model, in ...*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	var shapes []tensor.Shape
	for _, x := range in {
		shapes = append(shapes, x.Shape())
	}
	p := must(m.Program(shapes...))
	out := outputs(p)
	if err := p.RunInto(t.Context(), out, in); err != nil {
		t.Error(err)
	}
	return out
}

func sameBits(t *testing.T, what string, got, want *tensor.Tensor) {
	t.Helper()
	if g, w := got.Bytes(), want.Bytes(); string(g) != string(w) {
		t.Errorf("%s: results differ in their bits", what)
	}
}

// TestBitsDoNotDependOnThreads also runs pictures alone and in a batch, on
// memory full of NaN.
func TestBitsDoNotDependOnThreads(t *testing.T) {
	old := runtime.GOMAXPROCS(7) // more than there may be cores: helpers are goroutines
	defer runtime.GOMAXPROCS(old)
	g := large()
	x := normal(rand.New(rand.NewPCG(13, 14)), 3, 3, 45, 51)
	for _, b := range backends(t) {
		var want []*tensor.Tensor
		for _, threads := range []int{1, 2, 3, 7, 0} {
			m := must(b.Load(t.Context(), g, op.Options{Threads: threads}))
			m.(*model).arenas.poison = true
			for range 2 {
				out := runOn(t, m, x)
				if want == nil {
					want = out
				}
				for i := range out {
					sameBits(t, b.Name(), out[i], want[i])
				}
			}
			for n := range 3 {
				out := runOn(t, m, must(x.Slice(n, n+1)))
				for i := range out {
					sameBits(t, b.Name()+" alone", out[i], must(want[i].Slice(n, n+1)))
				}
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	idle(t, 0)
}

func TestConcurrentRuns(t *testing.T) {
	b := backends(t)[0]
	m := must(b.Load(t.Context(), large(), op.Options{ArenaBytes: 8 << 20}))
	m.(*model).arenas.poison = true
	r := rand.New(rand.NewPCG(15, 16))
	var in, want []*tensor.Tensor
	for i := range 3 {
		in = append(in, normal(r, 1, 3, 30+i, 40))
		want = append(want, runOn(t, m, in[i])[1])
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 6 {
				k := (g + i) % 3
				sameBits(t, "at once", runOn(t, m, in[k])[1], want[k])
			}
		})
	}
	wg.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	idle(t, 0)
}

func TestRunsAllocateNothing(t *testing.T) {
	if raceEnabled {
		t.Log("RACE DETECTOR: ALLOCATIONS ARE NOT COUNTED")
		return
	}
	for _, threads := range []int{1, 2} {
		m := must(CPU().Load(t.Context(), large(), op.Options{Threads: threads}))
		x := normal(rand.New(rand.NewPCG(17, 18)), 1, 3, 45, 51)
		p := must(m.Program(x.Shape()))
		out, in := outputs(p), []*tensor.Tensor{x}
		run := func() {
			if err := p.RunInto(context.Background(), out, in); err != nil {
				t.Error(err)
			}
		}
		for range 5 {
			run()
		}
		// The runtime itself makes a goroutine now and then.
		if n := testing.AllocsPerRun(20, run); n > 0 {
			t.Errorf("%d threads: %v allocations in a run", threads, n)
		}
		shapes := []tensor.Shape{x.Shape()}
		if n := testing.AllocsPerRun(20, func() { must(m.Program(shapes...)) }); n > 0 {
			t.Errorf("asking for a known program: %v allocations", n)
		}
	}
}

// TestWeightsArePackedOnce: a head applied to several levels has one copy.
func TestWeightsArePackedOnce(t *testing.T) {
	w := normal(rand.New(rand.NewPCG(19, 20)), 32, 16, 3, 3)
	graph := func(times int) *op.Graph {
		var b builder
		x := b.input(tensor.Float32)
		for range times {
			b.Outputs = append(b.Outputs, b.add("head", &op.Conv2d{Weight: w}, x))
		}
		return &b.Graph
	}
	once := must(CPU().Load(t.Context(), graph(1), op.Options{})).Bytes()
	five := must(CPU().Load(t.Context(), graph(5), op.Options{})).Bytes()
	if biases := int64(4 * 32 * 4); once < int64(4*w.Len()) || five > once+biases {
		t.Errorf("%d bytes applied once, %d applied five times", once, five)
	}
}

// TestCheckpointIsLetGo: once packed, weights are no longer needed as they were.
func TestCheckpointIsLetGo(t *testing.T) {
	gone := make(chan struct{})
	load := func() op.Model {
		data := make([]byte, 4*32*16*3*3)
		owner := &struct{ data []byte }{data}
		runtime.AddCleanup(owner, func(gone chan struct{}) { close(gone) }, gone)
		var b builder
		w := must(tensor.FromBytes(tensor.Float32, tensor.Shape{32, 16, 3, 3}, data, owner))
		b.Outputs = []op.Value{b.add("conv", &op.Conv2d{Weight: w}, b.input(tensor.Float32))}
		return must(CPU().Load(t.Context(), &b.Graph, op.Options{}))
	}
	m := load()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		select {
		case <-gone:
			runOn(t, m, must(tensor.New(tensor.Float32, 1, 16, 8, 8)))
			return
		default:
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("the model keeps the checkpoint in memory")
		}
	}
}

// TestLinearReadsTheImage: after RoIAlign a Flatten takes no step, and any
// other reader of its result gets it nevertheless.
func TestLinearReadsTheImage(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	const c, size = 40, 3
	graph := func(both bool) *op.Graph {
		var b builder
		boxes, counts, x := b.input(tensor.Float32), b.input(tensor.Int32), b.input(tensor.Float32)
		roi := b.add("roi", &op.RoIAlign{Size: size, Sampling: 2, Scales: []float64{1}, CanonicalScale: 224, CanonicalLevel: 4},
			boxes, counts, x)
		flat := b.add("flat", &op.Flatten{}, roi)
		b.Outputs = []op.Value{b.add("fc", &op.Linear{Weight: normal(rand.New(rand.NewPCG(1, 1)), 7, c*size*size)}, flat)}
		if both {
			b.Outputs = append(b.Outputs, flat)
		}
		return &b.Graph
	}
	in := []*tensor.Tensor{
		must(tensor.Of([]float32{1, 1, 5, 6, 0, 2, 7, 3, 9, 9, 9, 9}, 1, 3, 4)),
		must(tensor.Of([]int32{2}, 1)), normal(r, 1, c, 8, 9),
	}
	steps := func(m op.Model) (n int) {
		for _, s := range must(m.Program(in[0].Shape(), in[1].Shape(), in[2].Shape())).(*program).steps {
			if s.path == "flat" {
				n++
			}
		}
		return n
	}
	alone := must(CPU().Load(t.Context(), graph(false), op.Options{}))
	both := must(CPU().Load(t.Context(), graph(true), op.Options{}))
	if a, b := steps(alone), steps(both); a != 0 || b != 1 {
		t.Errorf("Flatten takes %d steps before a linear layer, %d if its result is an output; want 0 and 1", a, b)
	}
	got, want := runOn(t, alone, in...), runOn(t, both, in...)
	sameBits(t, "linear", got[0], want[0])
	flat, fc := must(tensor.Data[float32](want[1])), must(tensor.Data[float32](want[0]))
	weight := must(tensor.Data[float32](graph(false).Nodes[2].Op.(*op.Linear).Weight))
	for row := range 3 {
		for o := range 7 {
			var sum float64
			for i := range c * size * size {
				sum += float64(flat[row*c*size*size+i]) * float64(weight[o*c*size*size+i])
			}
			if d := math.Abs(sum - float64(fc[row*7+o])); d > 1e-4 {
				t.Errorf("row %d output %d: %v, want %v", row, o, fc[row*7+o], sum)
			}
		}
	}
	for _, v := range append(flat[2*c*size*size:], fc[2*7:]...) {
		if v != 0 {
			t.Fatalf("beyond the counted rows there is %v, not 0", v)
		}
	}
}

// TestNothingTakesNoTime: pictures without pixels are no work, however many.
func TestNothingTakesNoTime(t *testing.T) {
	var b builder
	x := b.input(tensor.Float32)
	b.Outputs = []op.Value{b.add("relu", &op.Activation{Act: op.ReLU}, x)}
	m := must(CPU().Load(t.Context(), &b.Graph, op.Options{}))
	runOn(t, m, must(tensor.New(tensor.Float32, 1<<30, 3, 1, 0)))
}

// TestHugeInputsAreRefused: what no machine can hold is an error, not a panic.
func TestHugeInputsAreRefused(t *testing.T) {
	m := must(CPU().Load(t.Context(), large(), op.Options{}))
	for _, s := range []tensor.Shape{{1 << 30, 3, 1 << 10, 1 << 10}, {1, 3, 1 << 25, 1 << 25}} {
		_, err := m.Program(s)
		if _, ok := errors.AsType[*op.ShapeError](err); !ok {
			t.Errorf("%v: got %v, want a ShapeError", s, err)
		}
	}
}
