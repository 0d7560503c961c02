package vision

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// TestResNetLogits: the error of torch in float32 is up to 7e-7.
func TestResNetLogits(t *testing.T) { compareLogits(t, "resnet", 5, 3e-6) }

// TestMobileNetV3Logits: the error of torch in float32 is up to 3e-6.
func TestMobileNetV3Logits(t *testing.T) { compareLogits(t, "mobilenet", 4, 1e-5) }

// TestVGGLogits: the error of torch in float32 is up to 3e-7.
func TestVGGLogits(t *testing.T) { compareNarrow(t, "vgg", 2) }

// TestMobileNetV2Logits: the error of torch in float32 is up to 3e-6.
func TestMobileNetV2Logits(t *testing.T) { compareNarrow(t, "mobilenetv2", 3) }

// TestVGGPictures: of maps that are not 7×7 at the end torchvision takes averages, which are not here.
func TestVGGPictures(t *testing.T) {
	src, err := procedural.Golden(os.DirFS(testdata), "vgg/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	k, err := NewClassifier(bg, &recorder{}, src, WithCrop(256))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Classify(bg, gray(300, 300), 5)
	if e, ok := errors.AsType[*op.ShapeError](err); !ok || e.Path != "classifier.0" {
		t.Errorf("got %v", err)
	}
}

// TestMobileNetV3Eps: what is asked for is taken, and there is a default of its own.
func TestMobileNetV3Eps(t *testing.T) {
	x, err := tensor.New(tensor.Float32, 1, 3, 64, 64)
	if err != nil {
		t.Fatal(err)
	}
	procedural.Fill(floats(t, x), "input64", 2)
	logits := func(opts ...Option) []float32 {
		k, err := NewClassifier(bg, kernels.CPU(), proceduralClassifier(t, "mobilenet_v3_small"), opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		y, err := k.Logits(bg, x)
		if err != nil {
			t.Fatal(err)
		}
		return floats(t, y)
	}
	byDefault := logits()
	if !slices.Equal(byDefault, logits(WithEps(1e-3))) || slices.Equal(byDefault, logits(WithEps(1e-5))) {
		t.Error("the default is not 0.001")
	}
}

// compareLogits compares logits with those that torch computes in float64, in units of the greatest.
func compareLogits(t *testing.T, golds string, cases int, tolerance float64) {
	t.Helper()
	var golden struct {
		Cases []struct {
			Arch   string
			Side   int
			Logits []float32
		}
	}
	readJSON(t, &golden, golds, "golden.json")
	if len(golden.Cases) != cases {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	classifiers := map[string]*Classifier{}
	for _, c := range golden.Cases {
		if underRace && c.Side > 65 {
			t.Logf("RACE DETECTOR: %s at %d pixels NOT COMPARED", c.Arch, c.Side)
			continue
		}
		k := classifiers[c.Arch]
		if k == nil {
			var err error
			if k, err = NewClassifier(bg, kernels.CPU(), proceduralClassifier(t, c.Arch)); err != nil {
				t.Fatal(err)
			}
			defer k.Close()
			classifiers[c.Arch] = k
		}
		x, err := tensor.New(tensor.Float32, 1, 3, c.Side, c.Side)
		if err != nil {
			t.Fatal(err)
		}
		procedural.Fill(floats(t, x), fmt.Sprintf("input%d", c.Side), 2)
		y, err := k.Logits(bg, x)
		if err != nil {
			t.Fatal(err)
		}
		var worst, scale float64
		for i, v := range floats(t, y) {
			worst = max(worst, math.Abs(float64(v)-float64(c.Logits[i])))
			scale = max(scale, math.Abs(float64(c.Logits[i])))
		}
		t.Logf("%s, %d×%d: max error / max |logit| = %.2g", c.Arch, c.Side, c.Side, worst/scale)
		if !(worst <= tolerance*scale) || y.Len() != len(c.Logits) {
			t.Errorf("%s, %d×%d: %d logits differ by %.3g of %.3g", c.Arch, c.Side, c.Side, y.Len(), worst, scale)
		}
	}
}
