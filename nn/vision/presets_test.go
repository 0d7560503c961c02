package vision

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/picture"
)

// goldenPresets is testdata/presets/golden.json: what torchvision's weights say and its builders do.
type goldenPresets struct {
	Lists map[string]struct {
		Names  int
		SHA256 string
	}
	Presets []goldenPreset
}

type goldenPreset struct {
	Name, Network string
	Task          Task
	Eps           []float64 // of all norms, run with the weights
	BuilderEps    []float64 `json:"builder_eps"` // run without
	Categories    string
	Transform     struct {
		Mean, Std   [3]float64
		MinSize     int `json:"min_size"`
		MaxSize     int `json:"max_size"`
		Fixed       [2]int
		Divisor     int
		Short, Crop int
		Filter      picture.Filter
	}
	Settings struct {
		ScoreThreshold  float64     `json:"score_threshold"`
		NMSThreshold    float64     `json:"nms_threshold"`
		MaxDetections   int         `json:"max_detections"`
		Candidates      int         `json:"candidates"`
		ProposalScore   float64     `json:"proposal_score"`
		ProposalsBefore int         `json:"proposals_before"`
		ProposalsAfter  int         `json:"proposals_after"`
		AnchorSizes     [][]int     `json:"anchor_sizes"`
		AnchorRatios    [][]float64 `json:"anchor_ratios"`
	}
}

func keyFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata, "keys", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatal("no lists of keys", err)
	}
	for i, f := range files {
		files[i] = strings.TrimSuffix(filepath.Base(f), ".txt")
	}
	return files
}

func readPresets(t *testing.T) goldenPresets {
	t.Helper()
	var g goldenPresets
	readJSON(t, &g, "presets", "golden.json")
	return g
}

func TestPresetsAreTorchvisions(t *testing.T) {
	want := readPresets(t).Presets
	got := Presets()
	if len(got) != len(want) {
		t.Fatalf("%d presets, torchvision has %d of these networks", len(got), len(want))
	}
	for i, w := range want {
		p := got[i]
		if p.Name != w.Name || p.Network != w.Network || p.Task != w.Task {
			t.Errorf("preset %d is %s of %s, %s; want %s of %s, %s", i, p.Name, p.Network, p.Task, w.Name, w.Network, w.Task)
			continue
		}
		s := Settings{Eps: -1}
		if p.change != nil {
			p.change(&s)
		}
		if overwritten := !slices.Equal(w.Eps, w.BuilderEps); overwritten != (s.Eps == 0) || overwritten && w.Eps[0] != 0 {
			t.Errorf("%s: eps %v, want %v, and %v without", p.Name, s.Eps, w.Eps, w.BuilderEps)
		}
		if g := s.Transform; w.Task == Classification &&
			(g.Short != w.Transform.Short || g.Crop != w.Transform.Crop || g.Filter != w.Transform.Filter) {
			t.Errorf("%s: %d, %d, %v; want %+v", p.Name, g.Short, g.Crop, g.Filter, w.Transform)
		}
	}
}

// TestSettingsAreTorchvisions compares all numbers with which a network runs with torchvision's, for every published
// set of weights of a network whose keys are in testdata.
func TestSettingsAreTorchvisions(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range keyFiles(t) {
		f, a, _, err := recognize(readKeys(t, file))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, w := range readPresets(t).Presets {
			if seen[w.Name] || (Preset{Name: w.Name, Network: w.Network}).checkpoint() != a.Name {
				continue
			}
			seen[w.Name] = true
			c := newConfig(f.task, a.Name, f.defaults(a), []Option{WithPreset(w.Name)})
			if c.err != nil {
				t.Errorf("%s: %v", file, c.err)
				continue
			}
			w.compare(t, c.settings)
			if names, err := c.names(a); err != nil || digestOf(names) != readPresets(t).Lists[w.Categories].SHA256 {
				t.Errorf("%s: names %.3q, %v; want those of %s", w.Name, names, err, w.Categories)
			}
		}
	}
	t.Logf("compared %d of %d", len(seen), len(Presets()))
	for _, p := range Presets() { // of these two tasks only networks of another depth have no keys
		if p.Task != Classification && !seen[p.Name] && !strings.Contains(p.Network, "resnet101") {
			t.Errorf("%s was not compared", p.Name)
		}
	}
}

// compare reports what of s is not as torchvision has it.
func (w *goldenPreset) compare(t *testing.T, s Settings) {
	t.Helper()
	x, g, wt := w.Settings, s.Transform, w.Transform
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s is %v, want %v", w.Name, what, got, want)
		}
	}
	if len(w.Eps) > 0 {
		check("eps", s.Eps, slices.Max(w.Eps))
	}
	for c := range 3 {
		if math.Abs(float64(g.Mean[c])-wt.Mean[c]) > 1e-7 || math.Abs(float64(g.Std[c])-wt.Std[c]) > 1e-7 {
			t.Errorf("%s: mean %v, std %v; want %v, %v", w.Name, g.Mean, g.Std, wt.Mean, wt.Std)
		}
	}
	check("filter", g.Filter, wt.Filter)
	check("short side and crop", [2]int{g.Short, g.Crop}, [2]int{wt.Short, wt.Crop})
	check("fixed size", g.Fixed, wt.Fixed)
	check("min size", g.MinSize, wt.MinSize)
	check("max size", g.MaxSize, wt.MaxSize)
	if w.Task != Detection {
		return
	}
	check("divisor", g.Divisor, wt.Divisor)
	check("score threshold", s.ScoreThreshold, x.ScoreThreshold)
	check("NMS threshold", s.NMSThreshold, x.NMSThreshold)
	check("most detections", s.MaxDetections, x.MaxDetections)
	check("candidates", s.Candidates, x.Candidates)
	check("proposals' score", s.ProposalScore, x.ProposalScore)
	check("proposals before NMS", s.ProposalsBefore, x.ProposalsBefore)
	check("proposals after NMS", s.ProposalsAfter, x.ProposalsAfter)
	if x.AnchorSizes == nil {
		return // SSD computes its boxes
	}
	check("anchors' sizes", s.AnchorSizes, x.AnchorSizes)
	for _, ratios := range x.AnchorRatios {
		check("anchors' ratios", s.AnchorRatios, ratios)
	}
}

func digestOf(names []string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}

func TestNamesAreTorchvisions(t *testing.T) {
	lists := map[string][]string{"COCO": COCONames(), "ImageNet": ImageNetNames(), "VOC": VOCNames(),
		"person": PersonNames(), "keypoints": PersonKeypointNames()}
	want := readPresets(t).Lists
	if len(want) != len(lists) {
		t.Errorf("%d lists, want %d", len(lists), len(want))
	}
	for name, w := range want {
		if got := lists[name]; len(got) != w.Names || digestOf(got) != w.SHA256 {
			t.Errorf("%s: %d names with other letters than torchvision's %d", name, len(got), w.Names)
		}
	}
}

func TestWithPreset(t *testing.T) {
	mask := DefaultRCNN()
	for _, c := range []struct {
		task          Task
		network, name string
		want          string // in the error; "" for none
	}{
		{Detection, "maskrcnn_resnet50_fpn", "COCO_V1", ""},
		{Detection, "maskrcnn_resnet50_fpn", "MaskRCNN_ResNet50_FPN_Weights.COCO_V1", ""},
		{Detection, "maskrcnn_resnet50_fpn", "beam-article", ""},
		{Detection, "", "COCO_LEGACY", ""},
		{Detection, "maskrcnn_resnet50_fpn", "FasterRCNN_ResNet50_FPN_Weights.COCO_V1",
			"want MaskRCNN_ResNet50_FPN_Weights.COCO_V1, or beam-article"},
		{Detection, "maskrcnn_resnet50_fpn", "COCO_LEGACY", "want MaskRCNN_ResNet50_FPN_Weights.COCO_V1, or beam-article"},
		{Detection, "maskrcnn_resnet101_fpn", "COCO_V1", "want none, as torchvision has no weights of maskrcnn_resnet101_fpn"},
		{Detection, "", "coco_v1", "want the name of torchvision's weights of a detector"},
		{Detection, "", "IMAGENET1K_V1", "want the name of torchvision's weights of a detector"},
		{Classification, "", "beam-article", "want the name of torchvision's weights of a classifier"},
		{Classification, "resnet18", "IMAGENET1K_V2", "want ResNet18_Weights.IMAGENET1K_V1"},
		{Classification, "resnet50", "", "want ResNet50_Weights.IMAGENET1K_V1, ResNet50_Weights.IMAGENET1K_V2"},
		{Segmentation, "fcn_resnet50", "COCO_WITH_VOC_LABELS_V1", ""},
	} {
		got := newConfig(c.task, c.network, mask, []Option{WithPreset(c.name)})
		switch wrong, ok := errors.AsType[*OptionError](got.err); {
		case c.want == "" && got.err != nil, c.want != "" && !ok:
			t.Errorf("%s of %q: %v", c.name, c.network, got.err)
		case ok && !strings.Contains(wrong.Error(), c.want):
			t.Errorf("%s of %q: %v, want %q", c.name, c.network, wrong, c.want)
		}
	}
}

// TestPresetsOfOneCheckpoint tells apart the two Faster R-CNNs with MobileNetV3, whose checkpoints are alike.
func TestPresetsOfOneCheckpoint(t *testing.T) {
	const network = "fasterrcnn_mobilenet_v3_large_fpn"
	s := DefaultRCNN()
	short := newConfig(Detection, network, s, []Option{WithPreset("COCO_V1")})
	small := newConfig(Detection, network, s, []Option{WithPreset("FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1")})
	if short.err != nil || !reflect.DeepEqual(short.settings, s) {
		t.Errorf("COCO_V1: %+v, %v; want nothing changed", short.settings, short.err)
	}
	if small.err != nil || small.settings.Transform.MinSize != 320 || small.settings.ProposalsAfter != 150 {
		t.Errorf("320: %+v, %v", small.settings, small.err)
	}
}
