package main

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// altered is a checkpoint of which one tensor is multiplied.
type altered struct {
	*loaders.Checkpoint
	key  string
	with float32
}

func (a *altered) Tensor(key string) (*tensor.Tensor, error) {
	x, err := a.Checkpoint.Tensor(key)
	if err != nil || key != a.key {
		return x, err
	}
	data, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	scaled := make([]float32, len(data))
	for i, v := range data {
		scaled[i] = v * a.with
	}
	return tensor.Of(scaled, x.Shape()...)
}

// compareShapes compares the shapes network, a tensor of it multiplied, with what torchvision computes.
func compareShapes(t *testing.T, key string, with float32, flags ...string) (status int, v verdict, stderr string) {
	t.Helper()
	c, err := loaders.Open("../../testdata/shapes/model.pth")
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(t.TempDir(), "model.safetensors")
	if err := loaders.SaveSafetensors(model, &altered{c, key, with}); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"compare", "--model", model, "--golden", "testdata/golden.pth", "--json", "--min-size", "192",
		"--max-size", "270"}, flags...)
	status, stdout, stderr := command(t, args...)
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatalf("status %d, stdout %q, stderr %q: %v", status, stdout, stderr, err)
	}
	return status, v, stderr
}

// TestCompare compares with what torchvision computes. A golden made by torchvision is worth nothing if differences are
// not seen: a layer that is off by a thousandth is named, and so is a setting.
func TestCompare(t *testing.T) {
	status, v, stderr := compareShapes(t, "", 0)
	if status != 0 || v.First != "" || !v.Answer.Agrees || !v.Input.Agrees || stderr != "" || v.Hints != nil {
		t.Errorf("status %d, %+v, stderr %q", status, v, stderr)
	}
	if len(v.Stages) != 86 {
		t.Errorf("%d stages", len(v.Stages))
	}
	worst := 0.0
	for _, s := range v.Stages {
		if s.Missing || !s.Agrees {
			t.Errorf("%+v", s)
		}
		worst = max(worst, float64(s.Difference))
	}
	t.Logf("the greatest difference is %.2g of its stage; %s", worst, v.Answer.What)
	if worst > 1e-4 {
		t.Errorf("a difference of %.2g", worst)
	}
	for key, stage := range map[string]string{
		"backbone.body.conv1.weight":                      "backbone.body.bn1",
		"backbone.body.layer2.1.conv2.weight":             "backbone.body.layer2.1.bn2",
		"backbone.fpn.inner_blocks.1.0.bias":              "backbone.fpn.inner_blocks.1.0",
		"rpn.head.bbox_pred.weight":                       "rpn.head.bbox_pred",
		"roi_heads.mask_predictor.mask_fcn_logits.weight": "roi_heads.mask_predictor.mask_fcn_logits",
	} {
		with := float32(1.001)
		if strings.HasPrefix(stage, "roi_heads") || strings.HasSuffix(key, ".bias") {
			with = 1.1 // rows of objects may be further apart, and a bias is small
		}
		if status, v, _ := compareShapes(t, key, with); status != 1 || v.First != stage {
			t.Errorf("%s: status %d, the first that differs is %q, want %q", key, status, v.First, stage)
		}
	}
	nan := float32(math.NaN())
	if status, v, _ := compareShapes(t, "backbone.body.conv1.weight", nan); status != 1 || v.First != "backbone.body.bn1" {
		t.Errorf("a network of NaN: status %d, the first that differs is %q", status, v.First)
	}
	status, v, _ = compareShapes(t, "", 0, "--eps", "0.01")
	if status != 1 || v.First != "backbone.body.bn1" || len(v.Hints) != 1 || v.Hints[0] != "eps is 0.01 here and 1e-05 there" {
		t.Errorf("another eps: status %d, %q, %q", status, v.First, v.Hints)
	}
}

// TestCompareTable: the first that differs is told in words too.
func TestCompareTable(t *testing.T) {
	model := writeTemp(t, t.TempDir(), "model.pth", shapes.Model())
	status, stdout, _ := command(t, "compare", "--model", model, "--golden", "testdata/golden.pth")
	for _, want := range []string{
		"STAGE ", "differs: [1 16 400 400] here", "settings: the short side is 800 here and 192 there",
		"The first that differs is backbone.body.bn1.",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if status != 1 {
		t.Errorf("status %d", status)
	}
}

// TestCompareMistakes has what is no golden, and what is no comparison.
func TestCompareMistakes(t *testing.T) {
	dir := t.TempDir()
	model := writeTemp(t, dir, "model.pth", shapes.Model())
	whole, err := os.ReadFile("testdata/golden.pth")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--model", model}, 2, "--golden"},
		{[]string{"--golden", "testdata/golden.pth"}, 2, "--model"},
		{[]string{"--model", model, "--golden", "testdata/golden.pth", "--tolerance", "0"}, 2, "--tolerance 0"},
		{[]string{"--model", model, "--golden", model}, 1, `no dump of dump_golden.py`},
		{[]string{"--model", model, "--golden", filepath.Join(dir, "none")}, 1, "no such file"},
		{[]string{"--model", model, "--golden", writeTemp(t, dir, "cut.pth", whole[:len(whole)/2])}, 1, "cut.pth"},
		{[]string{"--model", "testdata/golden.pth", "--golden", "testdata/golden.pth"}, 1, "no known network"},
		{[]string{"x"}, 2, "compare takes 0 arguments"},
	} {
		status, stdout, stderr := command(t, append([]string{"compare"}, c.args...)...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, stdout %q, stderr %q, want %d and %q", c.args, status, stdout, stderr, c.status, c.want)
		}
	}
}

// someTensors are those of a file.
type someTensors map[string]*tensor.Tensor

func (s someTensors) Keys() []string { return slices.Sorted(maps.Keys(s)) }

func (s someTensors) Info(key string) (loaders.Info, bool) {
	return loaders.Info{Key: key, DType: s[key].DType(), Shape: s[key].Shape()}, true
}

func (s someTensors) Tensor(key string) (*tensor.Tensor, error) { return s[key], nil }

// TestCompareLines: detectors of one stage find boxes that are clipped to a line, several in one place. They overlap with
// nothing, but are the same objects here and there if they have the same scores.
func TestCompareLines(t *testing.T) {
	boxes := []float32{10, 0, 20, 0, 10, 0, 20, 0, 30, 30, 60, 70}
	scores := []float32{0.9, 0.8, 0.7}
	file := filepath.Join(t.TempDir(), "golden.safetensors")
	ts := someTensors{}
	for name, of := range map[string]func() (*tensor.Tensor, error){
		"boxes":  func() (*tensor.Tensor, error) { return tensor.Of(boxes, 3, 4) },
		"scores": func() (*tensor.Tensor, error) { return tensor.Of(scores, 3) },
		"labels": func() (*tensor.Tensor, error) { return tensor.Of([]int64{1, 1, 2}, 3) },
	} {
		x, err := of()
		if err != nil {
			t.Fatal(err)
		}
		ts[name] = x
	}
	if err := loaders.SaveSafetensors(file, ts); err != nil {
		t.Fatal(err)
	}
	c, err := loaders.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	found := &vision.Detections{
		Boxes:  [][4]float32{{10, 0, 20, 0}, {10, 0, 20, 0}, {30, 30, 60, 70}},
		Labels: []int{1, 1, 2}, Scores: scores,
	}
	g := &dump{file: c}
	if a, err := g.compareObjects(found); err != nil || !a.Agrees || !strings.HasPrefix(a.What, "3 of 3 objects") {
		t.Errorf("%+v, %v", a, err)
	}
	found.Boxes[1][0] = 12
	if a, err := g.compareObjects(found); err != nil || a.Agrees || !strings.HasPrefix(a.What, "2 of 3 objects") {
		t.Errorf("a line elsewhere: %+v, %v", a, err)
	}
}
