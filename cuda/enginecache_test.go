//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/internal/fakedriver/cublaslt"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestPlansGo plans for more sizes than choices are remembered for: the plans of those that are forgotten must go, but not
// those that a program has.
func TestPlansGo(t *testing.T) {
	fake := fakedriver.New(t)
	lt := cublaslt.New(t, fake)
	b, err := Open(Options{Driver: fake.Path, CUBLASLt: lt.Path})
	if err != nil {
		t.Fatal(err)
	}
	b.engines.chosen.most = 3
	w, err := tensor.New(tensor.Float32, 8, 8, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	m, err := b.Load(context.Background(), &op.Graph{Inputs: []op.Input{{DType: tensor.Float32}}, Values: 2,
		Nodes:   []op.Node{{Path: "a", Op: &op.Conv2d{Weight: w}, In: []op.Value{0}, Out: []op.Value{1}}},
		Outputs: []op.Value{1}}, op.Options{})
	if err != nil {
		t.Fatal(err)
	}
	plan := func(size int) op.Program {
		p, err := m.Program(tensor.Shape{1, 8, size, size})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	kept := plan(1)
	const sizes = op.MostPrograms + 20
	for size := 2; size <= sizes; size++ {
		plan(size)
	}
	if n := len(b.EngineChoices()); n != 3 {
		t.Errorf("%d choices are remembered; want 3", n)
	}
	before, size := lt.Alive(), sizes
	for deadline := time.Now().Add(10 * time.Second); lt.Alive() >= before && time.Now().Before(deadline); {
		runtime.GC()
		time.Sleep(time.Millisecond) // in which cleanups run
		size++
		plan(size)
	}
	if n := lt.Alive(); n >= before {
		t.Errorf("%d descriptors of cuBLASLt are alive, and were %d before garbage was collected", n, before)
	}
	x, err := tensor.New(tensor.Float32, 1, 8, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.RunInto(context.Background(), []*tensor.Tensor{x}, []*tensor.Tensor{x}); err != nil {
		t.Errorf("a program that is not remembered: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if n := lt.Alive(); n != 0 {
		t.Errorf("%d handles and descriptors are alive", n)
	}
	if s := lt.Fault(); s != "" {
		t.Error(s)
	}
}
