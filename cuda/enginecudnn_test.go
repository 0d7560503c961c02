//go:build linux && cgo && !nocuda

package cuda_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/internal/fakedriver/cudnn"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// withCUDNN returns a fake driver, a fake cuDNN, and a backend that has both. At the end nothing may be alive.
func withCUDNN(t *testing.T, o cuda.Options) (*fakedriver.Driver, *cudnn.Library, *cuda.Backend) {
	t.Helper()
	fake := fakedriver.New(t)
	dnn := cudnn.New(t, fake)
	t.Cleanup(func() { // after the backend's
		if n := dnn.Alive(); n != 0 {
			t.Errorf("%d descriptors and handles of cuDNN are alive", n)
		}
	})
	o.CUDNN = dnn.Path
	return fake, dnn, openWith(t, fake, o)
}

// TestCUDNN runs a network with cuDNN in it, in every precision, step by step and as a recorded graph, and looks at what is
// said to have computed each layer: what cuDNN does is its, and no engine has run that computes something else.
func TestCUDNN(t *testing.T) {
	x := filled("x", 1, 2, 12, 10, 9)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	for precision, test := range map[op.Precision]struct {
		limit  float64
		engine string
	}{
		op.Float32: {2e-6, "cudnn/eng44_k28="}, op.TensorFloat32: {2e-3, "cudnn/eng"},
		op.BFloat16: {2e-2, "cudnn/eng41_k28="}, op.Float16: {3e-3, "cudnn/eng41_k28="},
	} {
		t.Run(precision.String(), func(t *testing.T) {
			_, dnn, b := withCUDNN(t, cuda.Options{})
			profile := new(op.Profile)
			for _, o := range []op.Options{{Precision: precision}, {Precision: precision, Profile: profile}} {
				for run, got := range compute(t, b, products(), o, x, x, x) {
					if d := worst(got, want); !(d <= test.limit) {
						t.Errorf("run %d: %.2g of the greatest result from float32 on the CPU; want %.2g", run, d, test.limit)
					}
				}
			}
			for _, s := range profile.Steps() {
				if s.Op != "conv2d" && s.Op != "linear" {
					continue
				}
				does := slices.Contains([]string{"relu", "residual", "strided", "wide"}, s.Path)
				if got := strings.HasPrefix(s.Kernel, test.engine); got != does {
					t.Errorf("%s is computed by %s", s.Path, s.Kernel)
				}
			}
			for _, engine := range []int{24, 26, 27, 29, 33, 34, 35} {
				if n := dnn.Ran(engine); n != 0 {
					t.Errorf("engine %d ran %d times", engine, n)
				}
			}
			if n := dnn.Ran(51); precision == op.Float32 && n != 0 {
				t.Errorf("an engine that rounds to TF32 ran %d times", n)
			}
		})
	}
}

// TestCUDNNAnyBatch wants the same bits of a picture in any batch.
func TestCUDNNAnyBatch(t *testing.T) {
	for _, precision := range []op.Precision{op.Float32, op.TensorFloat32, op.BFloat16} {
		_, _, b := withCUDNN(t, cuda.Options{})
		o := op.Options{Precision: precision}
		x := filled("x", 1, 3, 12, 6, 7)
		all := compute(t, b, products(), o, x)[0]
		for i := range 3 {
			one := must(tensor.New(tensor.Float32, 1, 12, 6, 7))
			copy(must(tensor.Data[float32](one)), must(tensor.Data[float32](x))[i*12*6*7:])
			if got := compute(t, b, products(), o, one)[0]; !slices.Equal(got, all[21*i:][:21]) {
				t.Errorf("%v: picture %d differs from itself in a batch", precision, i)
			}
		}
	}
}

// TestCUDNNFails has each of cuDNN's functions fail at every seventh of its first calls, most of which are made while
// engines are looked for and measured: the network is computed nevertheless.
func TestCUDNNFails(t *testing.T) {
	x := filled("x", 1, 2, 12, 6, 7)
	want := compute(t, kernels.CPU(), products(), op.Options{}, x)[0]
	for function, times := range map[string]int{"cudnnSetStream": 8, "cudnnBackendCreateDescriptor": 40,
		"cudnnBackendSetAttribute": 40, "cudnnBackendGetAttribute": 40, "cudnnBackendFinalize": 40,
		"cudnnBackendExecute": 8} { // of these there are few before the network is run
		_, dnn, b := withCUDNN(t, cuda.Options{})
		for n := range times {
			dnn.Fail(function, 1+7*n, 4000)
		}
		if d := worst(compute(t, b, products(), op.Options{}, x)[0], want); !(d <= 2e-6) {
			t.Errorf("%s fails: %.2g of the greatest result from the CPU", function, d)
		}
	}
}

// TestOpenCUDNN opens backends with libraries that are named and cannot be used.
func TestOpenCUDNN(t *testing.T) {
	fake := fakedriver.New(t)
	dnn := cudnn.New(t, fake)
	dnn.SetVersion(8907)
	for path, want := range map[string]string{
		dnn.Path:   "it is cuDNN 8.9.7; cuDNN 9 is needed",
		"/nowhere": "/nowhere: cannot open shared object file",
	} {
		b, err := cuda.Open(cuda.Options{Driver: fake.Path, CUDNN: path})
		if e, ok := errors.AsType[*cuda.LibraryError](err); b != nil || !ok || e.Library != "cuDNN" ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	dnn.SetVersion(92600)
	dnn.Fail("cudnnCreate", 1, 1001)
	_, err := cuda.Open(cuda.Options{Driver: fake.Path, CUDNN: dnn.Path})
	if err == nil || !strings.Contains(err.Error(), "cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED (1001): it was told to fail") {
		t.Errorf("%v", err)
	}
	if n := fake.Alive(); n != 0 {
		t.Errorf("%d things are alive in the driver", n)
	}
}
