package vision

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// An rcnnCase is what one of the networks of testdata/rcnn finds in a picture.
type rcnnCase struct {
	Picture  string
	Settings struct {
		MinSize         int     `json:"min_size"`
		MaxSize         int     `json:"max_size"`
		ProposalsBefore int     `json:"rpn_pre_nms_top_n_test"`
		ProposalsAfter  int     `json:"rpn_post_nms_top_n_test"`
		ScoreThreshold  float64 `json:"box_score_thresh"`
	}
	Labels      []int
	Boxes       [][4]float32
	Scores      []float32
	MaskArea    []float64      `json:"mask_area"`
	MaskSamples [][]float32    `json:"mask_samples"`
	Keypoints   [][][3]float32 // x, y and score
}

// option makes the settings those of torchvision's arguments.
func (c *rcnnCase) option() Option {
	return func(to *config) {
		s := &to.settings
		s.Transform.MinSize, s.Transform.MaxSize = c.Settings.MinSize, c.Settings.MaxSize
		if c.Settings.ProposalsBefore > 0 {
			s.ProposalsBefore = c.Settings.ProposalsBefore
		}
		if c.Settings.ProposalsAfter > 0 {
			s.ProposalsAfter = c.Settings.ProposalsAfter
		}
		if c.Settings.ScoreThreshold > 0 {
			s.ScoreThreshold = c.Settings.ScoreThreshold
		}
	}
}

// TestRCNN compares R-CNNs with torchvision's. On these weights torch in float32 is up to 0.007 pixels and a score of
// 2e-5 from itself in float64.
func TestRCNN(t *testing.T) {
	const trunk = "resnet_1_1_1_1"
	detector := Architecture{Task: Detection, published: 64, Layers: [4]int{1, 1, 1, 1}, Bottleneck: true, Width: 64,
		Groups: 1, GroupWidth: 16, Pyramid: 32, Anchors: 3}
	for file, want := range map[string]struct {
		name      string
		classes   int
		masks     bool
		keypoints int
	}{
		"keypointrcnn":      {"keypointrcnn_" + trunk + "_fpn", 2, false, 17},
		"fasterrcnn_v2":     {"fasterrcnn_" + trunk + "_fpn_v2", 7, false, 0},
		"maskrcnn_v2":       {"maskrcnn_" + trunk + "_fpn_v2", 7, true, 0},
		"fasterrcnn_mobile": {"fasterrcnn_mobilenet_v3_large_fpn", 7, false, 0},
	} {
		t.Run(file, func(t *testing.T) {
			src, err := procedural.Golden(os.DirFS(testdata), "rcnn/"+file+".json")
			if err != nil {
				t.Fatal(err)
			}
			var golden struct{ Cases []rcnnCase }
			readJSON(t, &golden, "rcnn", file+".json")
			if len(golden.Cases) < 2 {
				t.Fatalf("%d cases", len(golden.Cases))
			}
			for _, c := range golden.Cases {
				how := c.option()
				if c.Settings.MinSize == 320 {
					how = WithPreset("FasterRCNN_MobileNet_V3_Large_320_FPN_Weights.COCO_V1")
				}
				d, err := NewDetector(bg, kernels.CPU(), src, how)
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				a := detector
				if strings.Contains(want.name, "mobilenet") {
					a = Architecture{Task: Detection, published: 16, Width: 16, Pyramid: 32, Anchors: 15}
				}
				a.Name, a.Classes, a.Masks, a.Keypoints = want.name, want.classes, want.masks, want.keypoints
				if d.Architecture() != a {
					t.Errorf("got %+v, want %+v", d.Architecture(), a)
				}
				found, err := d.DetectTensor(bg, toTensor(t, decodePNG(t, readFile(t, "tv0292", c.Picture))))
				if err != nil {
					t.Fatal(err)
				}
				c.compare(t, found)
			}
		})
	}
}

// compare holds what is found to the golden data, object by object.
func (c *rcnnCase) compare(t *testing.T, found *Detections) {
	t.Helper()
	if !slices.Equal(found.Labels, c.Labels) {
		t.Errorf("labels %v, want %v", found.Labels, c.Labels)
		return
	}
	if len(found.Masks) != len(c.MaskArea) || len(found.Keypoints) != len(c.Keypoints) {
		t.Fatalf("%d masks and keypoints of %d", len(found.Masks), len(found.Keypoints))
	}
	worst := map[string]float64{}
	differ := func(what string, got, want float32) {
		worst[what] = max(worst[what], math.Abs(float64(got)-float64(want)))
	}
	for i := range c.Labels {
		differ("scores", found.Scores[i], c.Scores[i])
		for k, v := range c.Boxes[i] {
			differ("boxes", found.Boxes[i][k], v)
		}
	}
	for i, m := range found.Masks {
		differ("areas", float32(m.Area(0.5)), float32(c.MaskArea[i]))
		for k, v := range c.MaskSamples[i] {
			differ("masks", m.Probs[97*k], v)
		}
	}
	for i, points := range found.Keypoints {
		if len(points) != len(c.Keypoints[i]) {
			t.Fatalf("%d keypoints", len(points))
		}
		for k, p := range points {
			differ("keypoints", p.X, c.Keypoints[i][k][0])
			differ("keypoints", p.Y, c.Keypoints[i][k][1])
			differ("keypoints' scores", p.Score, c.Keypoints[i][k][2])
		}
	}
	t.Logf("%s, %d objects: greatest differences %v", c.Picture, found.Len(), worst)
	for what, tolerance := range map[string]float64{
		"scores": 1e-4, "boxes": 0.02, "areas": 2, "masks": 1e-3, "keypoints": 0.02, "keypoints' scores": 2e-3,
	} {
		if !(worst[what] <= tolerance) {
			t.Errorf("%s differ by %.2g", what, worst[what])
		}
	}
}

// TestRCNNKeys builds networks of the keys of torchvision's own, of both ages, and misses what is taken from
// their heads.
func TestRCNNKeys(t *testing.T) {
	renames := [][2]string{{`(_blocks\.\d)\.0\.`, "$1."}, {`rpn\.head\.conv\.0\.0\.`, "rpn.head.conv."}}
	for _, model := range []string{
		"fasterrcnn_resnet50_fpn_frozen", "keypointrcnn_resnet50_fpn_frozen", "fasterrcnn_mobilenet_v3_large_320_fpn_frozen",
		"fasterrcnn_resnet50_fpn_v2", "maskrcnn_resnet50_fpn_v2",
	} {
		src := readKeys(t, model)
		d, err := NewDetector(bg, &recorder{}, src)
		if err != nil {
			t.Errorf("%s: %v", model, err)
			continue
		}
		if _, err := d.Detect(bg, gray(40, 30)); err != nil {
			t.Errorf("%s: %v", model, err)
		}
		if !strings.HasSuffix(model, "_v2") { // which is younger than the names
			old := src
			for _, r := range renames {
				old = old.renamed(r[0], r[1])
			}
			if o, err := NewDetector(bg, &recorder{}, old); err != nil || o.Architecture() != d.Architecture() {
				t.Errorf("%s, old names: %v", model, err)
			}
		}
		for _, key := range src.keys {
			if !strings.HasPrefix(key, "roi_heads") || !strings.HasSuffix(key, "weight") {
				continue
			}
			less := readKeys(t, model)
			less.remove(key)
			_, err := NewDetector(bg, &recorder{}, less)
			if e, ok := errors.AsType[*nn.StateDictError](err); !ok || !slices.Contains(e.Missing, key) && len(e.Unexpected) == 0 {
				t.Errorf("%s without %s: %v", model, key, err)
			}
		}
	}
}

// TestRCNNOddShapes: no shapes in a checkpoint make the package panic, or are taken.
func TestRCNNOddShapes(t *testing.T) {
	for model, keys := range map[string][]string{
		"keypointrcnn_resnet50_fpn_frozen": {"keypoint_head.0", "keypoint_head.14", "keypoint_predictor.kps_score_lowres"},
		"maskrcnn_resnet50_fpn_v2":         {"box_head.0.0", "box_head.3.0", "box_head.5", "mask_head.0.0"},
		"fasterrcnn_mobilenet_v3_large_320_fpn_frozen": {"backbone.body.0.0", "backbone.body.16.0",
			"backbone.body.13.block.0.0", "backbone.fpn.inner_blocks.0.0", "backbone.fpn.inner_blocks.1.0"},
	} {
		for _, key := range keys {
			if !strings.HasPrefix(key, "backbone") {
				key = "roi_heads." + key
			}
			for _, shape := range []tensor.Shape{
				{}, {0}, {1}, {3, 0}, {0, 0, 0, 0}, {5, 7, 1, 1}, {1, 1, 1, 1, 1}, {1 << 40, 0}, {math.MaxInt / 16, 0, 1, 1},
			} {
				src := readKeys(t, model)
				if _, ok := src.shapes[key+".weight"]; !ok {
					t.Fatalf("%s has no %s.weight", model, key)
				}
				src.set(key+".weight", shape...)
				if _, err := NewDetector(bg, &recorder{}, src); err == nil {
					t.Errorf("%s: %s %v: no error", model, key, shape)
				}
			}
		}
	}
}
