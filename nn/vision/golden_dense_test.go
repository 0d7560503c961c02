package vision

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// A denseGolden is a file of testdata/dense.
type denseGolden struct {
	Cases []denseCase
}

// A denseCase is what is found in a picture.
type denseCase struct {
	Picture          string
	Threshold        float64
	Candidates, Most int
	Boxes            [][4]float32
	Labels           []int
	Scores           []float32
}

// detect returns what the network finds in the picture of the case.
func (c denseCase) detect(t *testing.T, src nn.Source) (string, *Detections) {
	t.Helper()
	d, err := NewDetector(bg, kernels.CPU(), src, WithMinSize(256), WithMaxSize(640), WithScoreThreshold(c.Threshold),
		WithCandidates(c.Candidates), WithMaxDetections(c.Most))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	found, err := d.DetectTensor(bg, toTensor(t, decodePNG(t, readFile(t, "tv0292", c.Picture))))
	if err != nil {
		t.Fatal(err)
	}
	return d.Architecture().String(), found
}

// compare checks labels and their order, scores to 1e-4 and boxes to a hundredth of a pixel.
func (c denseCase) compare(t *testing.T, name string, found *Detections) {
	t.Helper()
	if !slices.Equal(found.Labels, c.Labels) {
		t.Fatalf("%s, %s: got %d objects %v\nwant %d objects %v", name, c.Picture, found.Len(), found.Labels,
			len(c.Labels), c.Labels)
	}
	var score, box float64
	for i := range c.Labels {
		score = max(score, math.Abs(float64(found.Scores[i]-c.Scores[i])))
		for k := range 4 {
			box = max(box, math.Abs(float64(found.Boxes[i][k]-c.Boxes[i][k])))
		}
	}
	t.Logf("%s, %s: %d objects, scores differ by %.2g, boxes by %.2g pixels", name, c.Picture, found.Len(), score, box)
	if !(score <= 1e-4) || !(box <= 0.01) {
		t.Errorf("%s, %s: scores differ by %.2g, boxes by %.2g pixels", name, c.Picture, score, box)
	}
}

// TestDense compares what RetinaNets and FCOS find with what torchvision finds. Of the two cases of each network one has
// more than a thousand candidates, the other less.
func TestDense(t *testing.T) {
	for name, arch := range map[string]string{
		"retinanet":    "retinanet_resnet_1_2_1_1_fpn, 6 classes, width 16",
		"retinanet_v2": "retinanet_resnet_1_2_1_1_fpn_v2, 6 classes, width 16",
		"fcos":         "fcos_resnet_1_2_1_1_fpn, 6 classes, width 16",
	} {
		var golden denseGolden
		readJSON(t, &golden, "dense", name+".json")
		src, err := procedural.Golden(os.DirFS(testdata), "dense/"+name+".json")
		if err != nil {
			t.Fatal(err)
		}
		if len(golden.Cases) != 2 {
			t.Fatalf("%s: %d cases", name, len(golden.Cases))
		}
		for _, want := range golden.Cases {
			got, found := want.detect(t, src)
			if got != arch {
				t.Errorf("%s: recognised as %s", name, got)
			}
			want.compare(t, name, found)
		}
	}
}

// oldNames is a checkpoint of a RetinaNet as torchvision named its tensors before 0.13.
type oldNames struct {
	nn.Source
	now map[string]string
}

func renameOld(src nn.Source) *oldNames {
	o := &oldNames{src, map[string]string{}}
	hidden := regexp.MustCompile(`^(head\.\w+\.conv\.)(\d)\.0(\.\w+)$`)
	block := regexp.MustCompile(`^(backbone\.fpn\.\w+_blocks\.\d)\.0(\.\w+)$`)
	for _, key := range src.Keys() {
		old := block.ReplaceAllString(key, "$1$2")
		if m := hidden.FindStringSubmatch(key); m != nil {
			i, _ := strconv.Atoi(m[2])
			old = m[1] + strconv.Itoa(2*i) + m[3]
		}
		o.now[old] = key
	}
	return o
}

func (o *oldNames) Keys() []string {
	var keys []string
	for old := range o.now {
		keys = append(keys, old)
	}
	slices.Sort(keys)
	return keys
}

func (o *oldNames) Tensor(key string) (*tensor.Tensor, error) { return o.Source.Tensor(o.now[key]) }

// TestOldRetinaNet reads the published checkpoint's names.
func TestOldRetinaNet(t *testing.T) {
	var golden denseGolden
	readJSON(t, &golden, "dense", "retinanet.json")
	src, err := procedural.Golden(os.DirFS(testdata), "dense/retinanet.json")
	if err != nil {
		t.Fatal(err)
	}
	old := renameOld(src)
	if keys := old.Keys(); !slices.Contains(keys, "head.regression_head.conv.6.bias") ||
		!slices.Contains(keys, "backbone.fpn.layer_blocks.2.weight") || slices.Contains(keys, "head.regression_head.conv.1.0.bias") {
		t.Fatalf("not the old names: %v", keys)
	}
	c := golden.Cases[1]
	if _, found := c.detect(t, old); !slices.Equal(found.Labels, c.Labels) {
		t.Errorf("got %v, want %v", found.Labels, c.Labels)
	}
}

// TestDenseFullSize: the published networks' tensors are all read, with frozen batch norms and plain ones.
func TestDenseFullSize(t *testing.T) {
	counted := func(m *memory) *memory {
		for _, key := range slices.Clone(m.keys) {
			if norm, ok := strings.CutSuffix(key, "running_var"); ok {
				m.set(norm + "num_batches_tracked")
			}
		}
		return m
	}
	for _, model := range []string{"retinanet_resnet50_fpn_frozen", "retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn_frozen"} {
		for what, src := range map[string]nn.Source{
			"": readKeys(t, model), ", counted": counted(readKeys(t, model)), ", old": renameOld(readKeys(t, model)),
		} {
			if what == ", old" && model != "retinanet_resnet50_fpn_frozen" {
				continue
			}
			b := &recorder{}
			d, err := NewDetector(bg, b, src)
			if err != nil {
				t.Errorf("%s%s: %v", model, what, err)
				continue
			}
			if _, err := d.Detect(bg, gray(90, 60)); err != nil {
				t.Errorf("%s%s: %v", model, what, err)
			}
		}
		src := readKeys(t, model)
		src.remove("head.regression_head.bbox_reg.bias")
		src.set("head.extra", 1)
		src.set("backbone.fpn.extra_blocks.p7.weight", 1, 2, 3, 3)
		_, err := NewDetector(bg, &recorder{}, src)
		e, ok := err.(*nn.StateDictError)
		if !ok || len(e.Missing) != 1 || len(e.Unexpected) != 1 || len(e.Mismatch) != 1 {
			t.Errorf("%s: %v", model, err)
		}
		if _, err := NewDetector(bg, &recorder{}, readKeys(t, model), WithAnchors([][]int{{1}, {2}}, []float64{1})); err == nil {
			t.Errorf("%s: anchors for two levels", model)
		}
	}
}

func TestAnchorsOfRetinaNet(t *testing.T) {
	s := DefaultRetinaNet()
	want := "[[32 40 50] [64 80 101] [128 161 203] [256 322 406] [512 645 812]]"
	if got := fmt.Sprint(s.AnchorSizes); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestDenseOddShapes checks that no shapes in a checkpoint make the package panic.
func TestDenseOddShapes(t *testing.T) {
	for _, shape := range []tensor.Shape{{}, {0}, {1}, {3, 0}, {0, 0, 0, 0}, {5, 7, 1, 1}, {1 << 40, 0}, {math.MaxInt / 16, 0, 1, 1}} {
		for _, model := range []string{"retinanet_resnet50_fpn_v2", "fcos_resnet50_fpn_frozen"} {
			for _, key := range []string{
				"backbone.fpn.inner_blocks.0.0.weight", "backbone.fpn.extra_blocks.p6.weight",
				"head.classification_head.cls_logits.weight", "head.regression_head.bbox_reg.weight",
				"head.regression_head.bbox_ctrness.weight", "head.classification_head.conv.0.1.weight",
				"head.classification_head.conv.1.weight",
			} {
				src := readKeys(t, model)
				if _, ok := src.shapes[key]; !ok {
					continue
				}
				src.set(key, shape...)
				if _, err := NewDetector(bg, &recorder{}, src); err == nil {
					t.Errorf("%s: %s %v: no error", model, key, shape)
				}
			}
		}
	}
}

// TestDenseOfNothing: without settings and without a checkpoint there are no networks, and no panics.
func TestDenseOfNothing(t *testing.T) {
	for _, w := range []nn.Weights{{}, nn.NewWeights(&memory{})} {
		for _, m := range []finder{NewRetinaNet(w, Settings{}), NewFCOS(w, Settings{})} {
			types := []tensor.DType{tensor.Float32, tensor.Float32}
			_, err := nn.CompileFunc(bg, &recorder{}, types, func(in ...nn.Value) []nn.Value {
				return []nn.Value{m.Forward(in[0], in[1]).Boxes}
			})
			if err == nil {
				t.Errorf("%T compiles", m)
			}
		}
	}
}
