package vision

import (
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// procedural fills dst with scale·u(name, i), numbers that the scripts in testdata make too.
func procedural(dst []float32, name string, scale float32) {
	seed := uint64(0xCBF29CE484222325) // FNV-1a
	for _, b := range []byte(name) {
		seed = (seed ^ uint64(b)) * 0x100000001B3
	}
	for i := range dst {
		z := seed + uint64(i+1)*0x9E3779B97F4A7C15 // splitmix64
		z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
		z = (z ^ (z >> 27)) * 0x94D049BB133111EB
		z ^= z >> 31
		dst[i] = (float32(z>>40)*(1.0/(1<<23)) - 1) * scale
	}
}

func add(dst []float32, v float32) {
	for i := range dst {
		dst[i] += v
	}
}

// fullSize returns the checkpoint of testdata/tv0292/make_golden.py's golden_model.
func fullSize(t testing.TB) *memory {
	t.Helper()
	var calibration struct{ Scales map[string]float64 }
	readJSON(t, &calibration, "tv0292", "calib.json")
	vectors, err := loaders.Open(filepath.Join(testdata, "tv0292", "calib.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*tensor.Tensor{}
	for _, key := range vectors.Keys() {
		if known[key], err = vectors.Tensor(key); err != nil {
			t.Fatal(err)
		}
	}
	src := readKeys(t, "maskrcnn_resnet50_fpn_frozen")
	src.fill = func(key string, dst []float32) {
		scale, calibrated := calibration.Scales[key]
		switch {
		case calibrated:
			procedural(dst, key, float32(scale))
		case known[key] != nil:
			if err := known[key].ConvertFloat32(dst, 0); err != nil {
				t.Error(err)
			}
		case strings.HasSuffix(key, "bn3.weight"):
			procedural(dst, key, 0.0625)
			add(dst, 0.25)
		case strings.HasSuffix(key, ".weight"):
			procedural(dst, key, 0.125)
			add(dst, 1)
		default:
			procedural(dst, key, 0.125)
		}
	}
	return src
}

// proceduralResNet returns the checkpoint of testdata/resnet/make_golden.py.
func proceduralResNet(t testing.TB, model string) *memory {
	src := readKeys(t, model)
	src.fill = func(key string, dst []float32) {
		shape := src.shapes[key]
		switch {
		case len(shape) > 1:
			procedural(dst, key, float32(math.Sqrt(6/float64(shape[1:].Len()))))
		case strings.HasSuffix(key, "running_var"):
			procedural(dst, key, 0.25)
			add(dst, 1)
		case strings.HasSuffix(key, "bn3.weight"):
			procedural(dst, key, 0.0625)
			add(dst, 0.25)
		case strings.HasSuffix(key, ".weight"):
			procedural(dst, key, 0.125)
			add(dst, 1)
		default:
			procedural(dst, key, 0.125)
		}
	}
	return src
}

// TestProcedural has numbers that the Python scripts print.
func TestProcedural(t *testing.T) {
	dst := make([]float32, 3)
	procedural(dst, "input64", 2)
	want := []float32{0.76712084, -0.28139067, 0.64632154}
	if !slices.Equal(dst, want) {
		t.Errorf("got %v, want %v", dst, want)
	}
	if keys := slices.Collect(maps.Keys(fullSize(t).shapes)); len(keys) != 307 {
		t.Errorf("%d keys", len(keys))
	}
}
