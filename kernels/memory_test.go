package kernels

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// mappings returns how many pieces of memory outside of Go's heap there are.
func (m *memory) mappings() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.mapped)
}

// TestMemoryIsFreed: what a model has outside of Go's heap goes with it, whether it is closed, dropped or not finished.
func TestMemoryIsFreed(t *testing.T) {
	if mapBytes(minMapped) == nil {
		t.Skip("NOT RUN: all memory is in Go's heap on this system, or with the race detector")
	}
	w := normal(rand.New(rand.NewPCG(31, 32)), 256, 128, 3, 3)
	load := func() *model {
		var b builder
		b.Outputs = []op.Value{b.add("conv", &op.Conv2d{Weight: w, Padding: [2]int{1, 1}}, b.input(tensor.Float32))}
		m := must(CPU().Load(t.Context(), &b.Graph, op.Options{})).(*model)
		for _, size := range []int{64, 80, 96} { // each larger, in the place of the last
			runOn(t, m, must(tensor.New(tensor.Float32, 1, 128, size, size)))
		}
		if n := m.memory.mappings(); n != 2 {
			t.Errorf("%d mappings; want the weights and an arena", n)
		}
		return m
	}
	m := load()
	of := m.memory
	if err := m.Close(); err != nil || of.mappings() != 0 {
		t.Errorf("%d mappings after Close, %v", of.mappings(), err)
	}
	of = load().memory
	for start := time.Now(); of.mappings() != 0; time.Sleep(time.Millisecond) {
		runtime.GC()
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d mappings of a model that nobody has", of.mappings())
		}
	}
}

// TestProgramKeepsItsModel: nobody has the model any more but a run in progress.
func TestProgramKeepsItsModel(t *testing.T) {
	w := normal(rand.New(rand.NewPCG(33, 34)), 256, 128, 3, 3)
	x := normal(rand.New(rand.NewPCG(35, 36)), 1, 128, 80, 80)
	run := func() *tensor.Tensor {
		var b builder
		b.Outputs = []op.Value{b.add("conv", &op.Conv2d{Weight: w, Padding: [2]int{1, 1}}, b.input(tensor.Float32))}
		p := must(must(CPU().Load(t.Context(), &b.Graph, op.Options{})).Program(x.Shape()))
		y := must(tensor.New(tensor.Float32, 1, 256, 80, 80))
		if err := p.RunInto(t.Context(), []*tensor.Tensor{y}, []*tensor.Tensor{x}); err != nil {
			t.Error(err)
		}
		return y
	}
	want := run()
	stop := make(chan struct{})
	var collector sync.WaitGroup
	collector.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	})
	for range 5 {
		sameBits(t, "while the model is collected", run(), want)
	}
	close(stop)
	collector.Wait()
}

// TestMemoryOfAllSizes: zeros, aligned to a cache line, that can be written to the last.
func TestMemoryOfAllSizes(t *testing.T) {
	var m memory
	for _, n := range []int{0, 1, 17, minMapped/4 - 1, minMapped / 4, minMapped/4 + 1, 3 << 20} {
		f := m.floats(n)
		if len(f) != n {
			t.Fatalf("%d floats; want %d", len(f), n)
		}
		for i := range f {
			if f[i] != 0 {
				t.Fatalf("element %d of %d is %v", i, n, f[i])
			}
			f[i] = 1
		}
		m.free(f)
	}
	m.free(nil)
	if n := m.mappings(); n != 0 {
		t.Errorf("%d mappings are left", n)
	}
}
