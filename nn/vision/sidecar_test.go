package vision

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/picture"
)

func TestSidecarName(t *testing.T) {
	for checkpoint, want := range map[string]string{
		"model.pth": "model.json", "a.b/model": "a.b/model.json", "a/b.c.safetensors": "a/b.c.json", `a\b.c\d`: `a\b.c\d.json`,
		"model.safetensors.index.json": "", "gs://bucket/model.pth": "gs://bucket/model.json",
	} {
		if got := SidecarName(checkpoint); got != want {
			t.Errorf("%s: %q, want %q", checkpoint, got, want)
		}
	}
}

// applied returns what the options of a side-car make of a network's settings.
func applied(t *testing.T, task Task, network, text string, more ...Option) config {
	t.Helper()
	opts, err := ParseSidecar([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return newConfig(task, network, DefaultRCNN(), append(opts, more...))
}

func TestSidecar(t *testing.T) {
	c := applied(t, Detection, "maskrcnn_resnet50_fpn", `{
		"eps": 0.5, "preset": "COCO_V1", "categories": ["background", "круг"],
		"mean": [0.1, 0.2, 0.3], "std": [1, 2, 3], "min_size": 320, "max_size": 640, "resize_rule": "float32",
		"fixed_size": [300, 200], "anchors": {"sizes": [[1, 2], [3, 4]], "ratios": [0.5, 1]},
		"default_boxes": {"scales": [1, 2, 3, 4, 5, 6, 7], "steps": [8, 9, 10, 11, 12, 13]},
		"score_threshold": 0.25, "nms_threshold": 0.75, "max_detections": 7, "candidates": 9,
		"proposals": {"before": 11, "after": 5}, "proposal_score": 0.125
	}`, WithMaxDetections(8))
	want := Settings{
		Transform: Transform{Mean: [3]float32{0.1, 0.2, 0.3}, Std: [3]float32{1, 2, 3}, MinSize: 320, MaxSize: 640,
			Rule: ResizeFloat32, Fixed: [2]int{300, 200}, Divisor: 32},
		Eps: 0.5, AnchorSizes: [][]int{{1, 2}, {3, 4}}, AnchorRatios: []float64{0.5, 1},
		BoxScales: []float64{1, 2, 3, 4, 5, 6, 7}, BoxSteps: []float64{8, 9, 10, 11, 12, 13},
		ScoreThreshold: 0.25, NMSThreshold: 0.75, MaxDetections: 8, Candidates: 9,
		ProposalScore: 0.125, ProposalsBefore: 11, ProposalsAfter: 5,
	}
	if c.err != nil || !reflect.DeepEqual(c.settings, want) || !reflect.DeepEqual(c.labels, []string{"background", "круг"}) {
		t.Errorf("got %+v, %q, %v; want %+v", c.settings, c.labels, c.err, want)
	}
	c = applied(t, Classification, "vit_b_16", `{"resize": 300, "preset": "IMAGENET1K_SWAG_E2E_V1", "filter": "lanczos"}`)
	if x := c.settings.Transform; c.err != nil || x.Short != 300 || x.Crop != 384 || x.Filter != picture.Lanczos {
		t.Errorf("got %+v, %v", x, c.err)
	}
	if c = applied(t, Segmentation, "fcn_resnet50", `{"crop": 1}`); c.err == nil {
		t.Error("a segmenter has a crop")
	}
	if c = applied(t, Segmentation, "", " {}\n"); c.err != nil {
		t.Error(c.err)
	}
}

func TestSidecarMistakes(t *testing.T) {
	for text, want := range map[string]string{
		``:                             "the JSON is cut off",
		`[]`:                           "want a JSON object",
		`"a"`:                          "want a JSON object",
		`{"eps": 1`:                    "the JSON is cut off",
		`{"eps": }`:                    "invalid character",
		`{"eps" 1}`:                    "expected colon",
		`{} {}`:                        "goes on after its object",
		`{"eps": 1, "eps": 1}`:         "eps: is there twice",
		`{"Eps": 1}`:                   "Eps: there is no such field",
		`{"a\nb": 1}`:                  `a\nb: there is no such field`,
		`{"eps": null}`:                "eps: got null, want a number",
		`{"eps": "1"}`:                 `eps: got "1", want a number`,
		`{"min_size": 1.5}`:            "min_size: got 1.5, want a whole number",
		`{"mean": [1, 2]}`:             "mean: got [1, 2], want an array of 3 numbers",
		`{"mean": [1, 2, 3, 4]}`:       "want an array of 3 numbers",
		`{"std": [1, 2, 1e99]}`:        "want an array of 3 numbers",
		`{"anchors": {"size": [[1]]}}`: `anchors: got {"size": [[1]]}, want {"sizes"`,
		`{"filter": "cubic"}`:          `filter: got "cubic", want the name of a filter`,
		`{"resize_rule": "float16"}`:   `resize_rule: got "float16", want "float64" or "float32"`,
		`{"categories": "names.txt"}`:  "categories: got",
		`{"preset": ` + longText + `}`: "want a string",
		`{"` + strings.Repeat("é", 200) + `": "1"}`: "…: there is no such field",
	} {
		_, err := ParseSidecar([]byte(text))
		wrong, ok := errors.AsType[*SidecarError](err)
		if !ok || !strings.Contains(wrong.Error(), want) || len(wrong.Error()) > 300 {
			t.Errorf("%.100s: %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		`{"min_size": 0}`:                       "vision: side-car: min_size: got 0, want 1 to 65536 pixels",
		`{"max_size": 65537}`:                   "max_size: got 65537",
		`{"std": [1, 0, 1]}`:                    "std: got [1 0 1], want 3 finite numbers above 0",
		`{"fixed_size": [0, 1]}`:                "fixed_size: got [0 1]",
		`{"anchors": {}}`:                       "anchors: got",
		`{"proposals": {"before": 1}}`:          "proposals: got [1 0]",
		`{"candidates": -1}`:                    "candidates: got -1",
		`{"proposal_score": 2}`:                 "proposal_score: got 2",
		`{"preset": "x"}`:                       `preset: got "x", want MaskRCNN_ResNet50_FPN_Weights.COCO_V1`,
		`{"crop": 224}`:                         "crop: got a detector, want a classifier",
		`{"resize": 224, "filter": "bilinear"}`: "resize: got a detector, want a classifier",
	} {
		c := applied(t, Detection, "maskrcnn_resnet50_fpn", text)
		if wrong, ok := errors.AsType[*OptionError](c.err); !ok || !strings.Contains(c.err.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", text, c.err, wrong, want)
		}
	}
}

var longText = `[ "` + strings.Repeat("é", 200) + `"]`

// TestSidecarDocumented holds docs/sidecar.md to the fields that there are, and its examples to the parser.
func TestSidecarDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/sidecar.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllSubmatch(text, -1) {
		documented[string(row[1])] = true
	}
	for name := range sidecarFields() {
		if !documented[name] {
			t.Errorf("docs/sidecar.md has no row of %s", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/sidecar.md has a row of %s, which there is not", name)
	}
	examples := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllSubmatch(text, -1)
	if len(examples) < 2 {
		t.Errorf("%d examples", len(examples))
	}
	for _, e := range examples {
		if _, err := ParseSidecar(e[1]); err != nil {
			t.Errorf("%s: %v", e[1], err)
		}
	}
}

// FuzzParseSidecar wants errors to be typed and short, and what is taken to be usable whatever the network.
func FuzzParseSidecar(f *testing.F) {
	f.Add([]byte(`{"preset": "COCO_V1", "mean": [1, 2, 3], "anchors": {"sizes": [[1]], "ratios": [1]}, "filter": "box"}`))
	f.Add([]byte(`{"eps": 1e-5, "proposals": {"before": 3, "after": 2}, "fixed_size": [1, 2]} `))
	f.Add([]byte(`{"resize_rule": "float32", "categories": ["a", "b"]}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		opts, err := ParseSidecar(data)
		if err != nil {
			if wrong, ok := errors.AsType[*SidecarError](err); !ok || opts != nil || len(wrong.Error()) > 600 {
				t.Fatalf("%d options, %v", len(opts), err)
			}
			return
		}
		for _, task := range []Task{Classification, Detection, Segmentation} {
			c := newConfig(task, "", Settings{}, opts)
			if _, ok := errors.AsType[*OptionError](c.err); c.err != nil && !ok {
				t.Fatal(c.err)
			}
			if s := c.settings; c.err == nil && (s.Transform.MinSize < 0 || s.Eps < 0 || s.Transform.Crop > 1<<13) {
				t.Fatalf("took %+v", s)
			}
		}
	})
}
