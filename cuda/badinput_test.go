//go:build linux && cgo && !nocuda

package cuda_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/internal/fakedriver/cublaslt"
	"github.com/argand-go/argand/cuda/internal/fakedriver/cudnn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// is reports whether an error is a T, or wraps one.
func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// TestBadInput has everything go wrong that a program meets: each is a typed error that says what to do, and another
// backend, or a smaller batch on the same, can go on.
func TestBadInput(t *testing.T) {
	with := func(change func(*fakedriver.Driver), macros ...string) cuda.Options {
		fake := fakedriver.New(t, macros...)
		change(fake)
		return cuda.Options{Driver: fake.Path}
	}
	limited := with(func(*fakedriver.Driver) {})
	limited.MemoryBytes = 100_000
	little := limited
	little.MemoryBytes = 100
	fake := fakedriver.New(t)
	oldBLAS, oldDNN := cublaslt.New(t, fake), cudnn.New(t, fake)
	oldBLAS.SetVersion(110502)
	oldDNN.SetVersion(8907)
	for _, test := range []struct {
		name  string
		o     cuda.Options
		shape tensor.Shape
		typed func(error) bool
		want  string // what to do
		again bool   // a smaller picture goes
	}{
		{"no driver", cuda.Options{Driver: "/nowhere/libcuda.so.1"}, nil, is[*cuda.NoDeviceError], "install NVIDIA's driver", false},
		{"driver too old", with(func(*fakedriver.Driver) {}, "FAKE_VERSION=11020", "FAKE_WITHOUT_GRAPHS"), nil,
			is[*cuda.OldDriverError], "install a newer driver", false},
		{"no device", with(func(d *fakedriver.Driver) { d.Fail("cuDeviceGetCount", 1, 100) }), nil,
			is[*cuda.NoDeviceError], "no CUDA-capable device", false},
		{"cuBLASLt of another major", cuda.Options{Driver: fake.Path, CUBLASLt: oldBLAS.Path}, nil, is[*cuda.LibraryError],
			"12 or 13 is needed", false},
		{"cuDNN of another major", cuda.Options{Driver: fake.Path, CUDNN: oldDNN.Path}, nil, is[*cuda.LibraryError],
			"cuDNN 9 is needed", false},
		{"device too old", with(func(*fakedriver.Driver) {}, "FAKE_MAJOR=6"), nil, is[*cuda.TooOldError],
			"use another device or the CPU", false},
		{"no memory for a context", with(func(d *fakedriver.Driver) { d.Fail("cuDevicePrimaryCtxRetain", 1, 2) }), nil,
			is[*cuda.OOMError], "fewer models", false},
		{"no memory for weights", with(func(d *fakedriver.Driver) { d.SetMemory(100) }), nil, is[*cuda.OOMError],
			"fewer models", false},
		{"no memory for weights within the limit", little, nil, is[*cuda.OOMError], "limit, which could be raised", false},
		{"no memory for a run", with(func(d *fakedriver.Driver) { d.Fail("cuMemAlloc_v2", 2, 2) }), tensor.Shape{2, 3, 6, 5},
			is[*cuda.OOMError], "smaller batches or pictures", true},
		{"no memory for a graph", with(func(d *fakedriver.Driver) { d.Fail("cuGraphInstantiateWithFlags", 1, 2) }),
			tensor.Shape{2, 3, 6, 5}, is[*cuda.OOMError], "smaller batches or pictures", true},
		{"picture too large", with(func(d *fakedriver.Driver) { d.SetMemory(100_000) }), tensor.Shape{1, 3, 300, 300},
			is[*cuda.ArenaError], "smaller batches or pictures", true},
		{"picture too large for the limit", limited, tensor.Shape{1, 3, 300, 300}, is[*cuda.ArenaError],
			"the limit leaves", true},
		{"context lost", with(func(d *fakedriver.Driver) { d.Fail("cuLaunchKernel", 1, 700) }), tensor.Shape{2, 3, 6, 5},
			func(err error) bool { return errors.Is(err, cuda.ErrContextLost) && is[*cuda.DriverError](err) },
			"other devices and the CPU can go on", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := cuda.Open(test.o)
			if err == nil {
				var m op.Model
				if m, err = b.Load(bg, small(), op.Options{}); err == nil {
					run := func(s tensor.Shape) error {
						p, err := m.Program(s)
						for range 2 { // the second is recorded
							if err == nil {
								err = p.RunInto(bg, []*tensor.Tensor{must(tensor.New(tensor.Float32, s[0], 5))},
									[]*tensor.Tensor{normal(s...)})
							}
						}
						return err
					}
					err = run(test.shape)
					if smaller := run(tensor.Shape{1, 3, 5, 5}); test.again && smaller != nil {
						t.Errorf("a smaller picture: %v", smaller)
					}
					_ = m.Close()
				}
				_ = b.Close()
			}
			if !test.typed(err) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%v; want %s", err, test.want)
			}
			t.Log(err)
		})
	}
	if _, err := use(open(t, fakedriver.New(t)), op.Options{}); err != nil {
		t.Errorf("another backend: %v", err)
	}
}

// needs returns how many bytes the small network's weights take, and its arena for an input.
func needs(t *testing.T, fake *fakedriver.Driver, in tensor.Shape) (weights, arena int64) {
	t.Helper()
	for _, limit := range []*int64{nil, &weights} {
		o := cuda.Options{Driver: fake.Path}
		if limit != nil {
			o.MemoryBytes = *limit
		}
		b := must(cuda.Open(o))
		m := must(b.Load(bg, small(), op.Options{}))
		weights = m.Bytes()
		_, err := m.Program(in)
		if e, ok := errors.AsType[*cuda.ArenaError](err); ok {
			arena = e.Bytes
		}
		if err := errors.Join(m.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return weights, arena
}

// TestMemoryLimit has two models run at once from many goroutines within a limit that has room for the arena of one run:
// runs wait for each other, whichever model is theirs, and nothing fails.
func TestMemoryLimit(t *testing.T) {
	fake := fakedriver.New(t)
	weights, arena := needs(t, fake, tensor.Shape{1, 3, 20, 20})
	limit := 2*weights + 3*arena/2
	b := must(cuda.Open(cuda.Options{Driver: fake.Path, MemoryBytes: limit}))
	models := []op.Model{must(b.Load(bg, small(), op.Options{})), must(b.Load(bg, small(), op.Options{}))}
	var working sync.WaitGroup
	for _, m := range models {
		p := must(m.Program(tensor.Shape{1, 3, 20, 20}))
		for range 4 {
			working.Go(func() {
				for range 5 {
					err := p.RunInto(bg, []*tensor.Tensor{must(tensor.New(tensor.Float32, 1, 5))},
						[]*tensor.Tensor{normal(1, 3, 20, 20)})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	working.Wait()
	_, err := models[0].Program(tensor.Shape{4, 3, 20, 20})
	if e, ok := errors.AsType[*cuda.ArenaError](err); !ok || !e.Limited || e.Have != limit-weights {
		t.Errorf("four pictures: %v", err)
	}
	for _, m := range models {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := b.Close(); err != nil || fake.Alive() != 0 {
		t.Errorf("%v, %d are alive", err, fake.Alive())
	}
}
