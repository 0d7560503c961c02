package procedural

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/argand-go/argand/tensor"
)

var testdata = os.DirFS("../../testdata")

// TestFill has numbers that the Python scripts print.
func TestFill(t *testing.T) {
	dst := make([]float32, 3)
	Fill(dst, "input64", 2)
	want := []float32{0.76712084, -0.28139067, 0.64632154}
	if !slices.Equal(dst, want) {
		t.Errorf("got %v, want %v", dst, want)
	}
}

func TestNetworks(t *testing.T) {
	m, err := MaskRCNN(testdata)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Classifier(testdata, "resnet50")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name             string
		src              *Checkpoint
		keys, parameters int
	}{
		{"Mask R-CNN", m, 307, 44_401_393 + 106_240}, // parameters and batch norms
		{"ResNet-50", r, 320, 25_557_032 + 53_120 + 53},
	} {
		n := 0
		for _, key := range c.src.Keys() {
			n += c.src.shapes[key].Len()
		}
		if len(c.src.Keys()) != c.keys {
			t.Errorf("%s: %d keys, want %d", c.name, len(c.src.Keys()), c.keys)
		}
		t.Logf("%s: %d numbers", c.name, n)
		if n != c.parameters {
			t.Errorf("%s: %d numbers, want %d", c.name, n, c.parameters)
		}
	}
	x, err := r.Tensor("layer1.0.bn1.running_var")
	if err != nil {
		t.Fatal(err)
	}
	v, err := tensor.Data[float32](x)
	if err != nil {
		t.Fatal(err)
	}
	if lo, hi := slices.Min(v), slices.Max(v); len(v) != 64 || lo < 0.75 || hi > 1.25 || hi-lo < 0.3 {
		t.Errorf("%d variances from %v to %v, want 64 spread over 0.75 to 1.25", len(v), lo, hi)
	}
}

func TestMistakes(t *testing.T) {
	if _, err := Classifier(testdata, "resnet51"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an unknown model: %v", err)
	}
	if _, err := MaskRCNN(fstest.MapFS{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
	for _, line := range []string{"fc.weight", "fc.weight\t[3, x]"} {
		tree := fstest.MapFS{"keys/net.txt": {Data: []byte(line)}}
		if _, err := Classifier(tree, "net"); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
	r, err := Classifier(testdata, "resnet18")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tensor("fc.wait"); err == nil {
		t.Error("an unknown key: no error")
	}
}

// TestGolden compares with a tensor that testdata/procedural.py makes:
// random("a.weight", (3,), 0.5, 1).
func TestGolden(t *testing.T) {
	file := func(text string) fs.FS { return fstest.MapFS{"x/golden.json": {Data: []byte(text)}} }
	src, err := Golden(file(`{"state_dict": {"a.weight": [[3], 0.5, 1.0]}, "cases": []}`), "x/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	x, err := src.Tensor("a.weight")
	if err != nil {
		t.Fatal(err)
	}
	v, err := tensor.Data[float32](x)
	if want := []float32{1.1705317, 0.7291694, 1.4033339}; err != nil || !slices.Equal(v, want) {
		t.Errorf("got %v, want %v, error %v", v, want, err)
	}
	for _, text := range []string{"", "{}", `{"state_dict": {"a": [[3], "x"]}}`, `{"state_dict": {"a": 1}}`} {
		if _, err := Golden(file(text), "x/golden.json"); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
	if _, err := Golden(file("{}"), "y"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
