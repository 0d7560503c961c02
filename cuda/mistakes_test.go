//go:build linux && cgo && !nocuda

package cuda_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/kernel"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// varied is a network that uses arguments of all kinds: sides that differ, a residual, parts of a map.
func varied() *op.Graph {
	g := small()
	up := op.ConvTranspose2d{Weight: normal(4, 3, 2, 2), Stride: [2]int{2, 2}, Epilogue: op.Epilogue{Act: op.ReLU}}
	first := op.Node{Path: "up", Op: &up, In: []op.Value{6}, Out: []op.Value{0}}
	narrow := op.Conv2d{Weight: normal(4, 3, 3, 3), Stride: [2]int{2, 1}, Padding: [2]int{1, 0}}
	g.Nodes = append([]op.Node{{Path: "narrow", Op: &narrow, In: []op.Value{7}, Out: []op.Value{6}}, first}, g.Nodes...)
	g.Inputs[0].Value, g.Values = 7, 8
	return g
}

// twice runs the varied network on two inputs, the second time in another way, with a driver that makes a mistake.
func twice(fake *fakedriver.Driver, profile *op.Profile) (got [2][]float32, err error) {
	b, err := cuda.Open(cuda.Options{Driver: fake.Path})
	if err != nil {
		return got, err
	}
	defer b.Close() // with an error, if the mistake led to one
	m, err := b.Load(bg, varied(), op.Options{Profile: profile})
	if err != nil {
		return got, err
	}
	defer m.Close()
	for i := range got {
		x, out := normal(2, 3, 6, 5), must(tensor.New(tensor.Float32, 2, 5))
		must(tensor.Data[float32](x))[7*i] += float32(i)
		p, err := m.Program(x.Shape())
		if err == nil {
			err = p.RunInto(bg, []*tensor.Tensor{out}, []*tensor.Tensor{x})
		}
		if err != nil {
			return got, err
		}
		got[i] = must(tensor.Data[float32](out))
	}
	return got, nil
}

// TestCallMistakes has mistakes in what is asked of the driver, each of which must be seen in results or as an error.
func TestCallMistakes(t *testing.T) {
	right := fakedriver.New(t)
	want := must(twice(right, nil))
	check := func(t *testing.T, fake *fakedriver.Driver, what string) {
		t.Helper()
		got, err := twice(fake, nil)
		switch {
		case err != nil:
			t.Logf("%s: %.120v", what, err)
		case slices.Equal(got[0], want[0]) && slices.Equal(got[1], want[1]):
			t.Errorf("%s: nobody saw it", what)
		default:
			t.Logf("%s: other results", what)
		}
	}
	type mistake struct {
		name, source string
		try          func(t *testing.T)
	}
	for _, m := range []mistake{
		{"a copy that is left out", "run.go", func(t *testing.T) {
			for _, copies := range []string{"cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2"} {
				for n := range right.Calls(copies) {
					fake := fakedriver.New(t)
					fake.Skip(copies, n+1)
					check(t, fake, fmt.Sprintf("call %d of %s", n+1, copies))
				}
			}
		}},
		{"a wait that is left out", "run.go", func(t *testing.T) {
			for n := 2; n <= right.Calls("cuStreamSynchronize"); n++ { // the weights' stream is waited for where it ends
				fake := fakedriver.New(t)
				fake.Skip("cuStreamSynchronize", n)
				check(t, fake, fmt.Sprintf("wait %d", n))
			}
		}},
		{"a launch that is left out", "run.go", func(t *testing.T) {
			for n := range right.Calls("cuLaunchKernel") {
				fake := fakedriver.New(t)
				fake.Skip("cuLaunchKernel", n+1)
				check(t, fake, fmt.Sprintf("launch %d", n+1))
			}
		}},
		{"two arguments of a launch swapped", "conv2d.go", func(t *testing.T) {
			for name, sizes := range launched(t) {
				for n := range len(sizes) - 1 {
					swapped(t, name, n, want)
				}
			}
		}},
		{"the n-th allocation fails", "arena.go", func(t *testing.T) {
			for n := range right.Calls("cuMemAlloc_v2") {
				fake := fakedriver.New(t)
				fake.Fail("cuMemAlloc_v2", n+1, 2)
				if _, err := twice(fake, nil); !isOOM(err) || fake.Alive() != 0 {
					t.Errorf("allocation %d: %v, %d are alive", n+1, err, fake.Alive())
				}
			}
		}},
	} {
		t.Run(m.source+"/"+m.name, m.try)
	}
}

func isOOM(err error) bool {
	_, ok := errors.AsType[*cuda.OOMError](err)
	return ok
}

// launched returns the kernels that the varied network launches, and the sizes of their arguments.
func launched(t *testing.T) map[string][]int {
	t.Helper()
	var profile op.Profile
	must(twice(fakedriver.New(t), &profile))
	all := make(map[string][]int)
	for _, s := range profile.Steps() {
		name, _, _ := strings.Cut(s.Kernel, "/") // in how many parts
		for _, u := range must(kernel.ReadManifest()).Units {
			if sizes, ok := u.Parameters[name]; ok {
				all[name] = sizes
			}
		}
	}
	return all
}

// swapped has argument n of a kernel and the next one change places, if that changes a launch of the varied network.
func swapped(t *testing.T, name string, n int, want [2][]float32) {
	t.Helper()
	fake := fakedriver.New(t)
	fake.Swap(name, n)
	got, err := twice(fake, nil)
	if fake.Swaps() == 0 {
		return
	}
	if err != nil || !slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1]) {
		t.Logf("%s, arguments %d and %d", name, n, n+1)
		return
	}
	t.Errorf("%s, arguments %d and %d: nobody saw it", name, n, n+1)
}
