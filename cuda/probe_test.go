//go:build linux && cgo && !nocuda

package cuda_test

import (
	"strings"
	"testing"

	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/cuda/internal/fakedriver/cudnn"
)

func TestProbe(t *testing.T) {
	fake := fakedriver.New(t)
	hidden := fakedriver.New(t)
	hidden.Fail("cuDeviceGetCount", 1, 100)
	old := fakedriver.New(t, "FAKE_VERSION=11020", "FAKE_WITHOUT_GRAPHS")
	for _, test := range []struct{ name, path, want string }{
		{"a device", fake.Path, "NVIDIA's driver for CUDA 12.9: " + fake.Path + "\n" +
			"cuda:0 a GPU that is not there, compute capability 9.0, 4 multiprocessors, 1.1 GB\n"},
		{"no device", hidden.Path, "no GPU: cuDeviceGetCount: no CUDA-capable device is detected (CUDA_ERROR_NO_DEVICE, 100)\n"},
		{"no driver", "/nowhere/libcuda.so.1", "tried /nowhere/libcuda.so.1: cannot open shared object file"},
		{"an old driver", old.Path, "the driver is too old: it knows CUDA 11.2 and lacks cuGraphInstantiateWithFlags; " +
			"CUDA 11.4 is needed"},
	} {
		if got := cuda.Probe(cuda.Options{Driver: test.path}).String(); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s\nwant %s", test.name, got, test.want)
		}
	}
}

// TestProbeLibraries looks for libraries that are named, and for none but these beside a driver that is named.
func TestProbeLibraries(t *testing.T) {
	fake := fakedriver.New(t)
	good, old := cudnn.New(t, fake), cudnn.New(t, fake)
	old.SetVersion(8907)
	device := "cuda:0 a GPU that is not there, compute capability 9.0, 4 multiprocessors, 1.1 GB\n"
	for _, test := range []struct {
		o    cuda.Options
		want string
	}{
		{cuda.Options{}, device},
		{cuda.Options{CUDNN: good.Path}, device + "cuDNN 9.26.0: " + good.Path + "\n"},
		{cuda.Options{CUDNN: good.Path, Engines: cuda.OwnEngines}, device},
		{cuda.Options{CUDNN: old.Path}, device + "no cuDNN, which may be faster for some layers:\n  tried " + old.Path +
			": it is cuDNN 8.9.7; cuDNN 9 is needed\n"},
		{cuda.Options{CUDNN: "/nowhere", CUBLASLt: "/nowhere"}, device +
			"no cuBLASLt, which may be faster for some layers:\n  tried /nowhere: cannot open shared object file: " +
			"No such file or directory\nno cuDNN, which may be faster for some layers:\n  tried /nowhere: cannot open " +
			"shared object file: No such file or directory\n"},
	} {
		test.o.Driver = fake.Path
		if got := cuda.Probe(test.o).String(); !strings.HasSuffix(got, test.want) {
			t.Errorf("%+v: %s\nwant %s", test.o, got, test.want)
		}
	}
}

// TestProbeHere looks at this machine, of which the test cannot know what it has: either there are devices, or it is
// told why not.
func TestProbeHere(t *testing.T) {
	r := cuda.Probe(cuda.Options{})
	t.Log(r)
	if len(r.Devices) == 0 && !strings.Contains(r.String(), "no GPU: ") {
		t.Error("nothing is said of why there is no GPU")
	}
	if r.Driver == "" && len(r.Tried) == 0 {
		t.Error("no place was tried")
	}
}
