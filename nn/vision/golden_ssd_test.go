package vision

import (
	"fmt"
	"image"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
)

// A ssdGolden is a file of testdata/ssd.
type ssdGolden struct {
	Cases        []denseCase
	DefaultBoxes int `json:"default_boxes"`
	Every        int
	SomeBoxes    [][4]float32 `json:"some_boxes"`
}

// TestSSD compares what SSD300 and SSDlite320 find with what torchvision finds, in pictures that are not square.
func TestSSD(t *testing.T) {
	for name, arch := range map[string]string{
		"ssd300":     "ssd300_vgg16, 6 classes, width 8",
		"ssdlite320": "ssdlite320_mobilenet_v3_large, 6 classes",
	} {
		var golden ssdGolden
		readJSON(t, &golden, "ssd", name+".json")
		src, err := procedural.Golden(os.DirFS(testdata), "ssd/"+name+".json")
		if err != nil {
			t.Fatal(err)
		}
		if len(golden.Cases) != 2 {
			t.Fatalf("%s: %d cases", name, len(golden.Cases))
		}
		var imgs []image.Image
		var byDefault *Detections
		for i, want := range golden.Cases {
			var opts []Option
			if i > 0 { // the first has the builder's
				opts = append(opts, WithScoreThreshold(want.Threshold))
			}
			d := ssdDetector(t, src, opts...)
			if got := d.Architecture().String(); got != arch {
				t.Errorf("%s: recognised as %s", name, got)
			}
			imgs = append(imgs, decodePNG(t, readFile(t, "tv0292", want.Picture)))
			found, err := d.DetectTensor(bg, toTensor(t, imgs[i]))
			if err != nil {
				t.Fatal(err)
			}
			want.compare(t, name, found)
			if i == 0 {
				byDefault = found
			}
		}
		// Pictures of any size share a run, and do not change each other's objects.
		together, err := ssdDetector(t, src, WithBatchPadding(true)).DetectBatch(bg, []image.Image{imgs[1], imgs[0], gray(1, 1)})
		if err != nil || fmt.Sprint(together[1]) != fmt.Sprint(byDefault) {
			t.Errorf("%s: together\n%v, %v\nalone\n%v", name, together[1], err, byDefault)
		}
	}
}

func ssdDetector(t *testing.T, src nn.Source, opts ...Option) *Detector {
	t.Helper()
	d, err := NewDetector(bg, kernels.CPU(), src, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// TestDefaultBoxes compares default boxes with those that torchvision lays, to the bit.
func TestDefaultBoxes(t *testing.T) {
	narrow := []float64{2}
	both := []float64{2, 3}
	for name, c := range map[string]struct {
		settings Settings
		ratios   [][]float64
		sides    []int // of the maps
	}{
		"ssd300":     {DefaultSSD(), [][]float64{narrow, both, both, both, narrow, narrow}, []int{38, 19, 10, 5, 3, 1}},
		"ssdlite320": {DefaultSSDLite(), [][]float64{both, both, both, both, both, both}, []int{20, 10, 5, 3, 2, 1}},
	} {
		var golden ssdGolden
		readJSON(t, &golden, "ssd", name+".json")
		o := (&SSD{}).detections
		o.DefaultBoxes, o.Steps = DefaultBoxes(c.settings.BoxScales, c.ratios), c.settings.BoxSteps
		n := 0
		for l, side := range c.sides {
			for i := range side * side {
				for a := range o.DefaultBoxes[l] {
					got := o.Box(l, a, i/side, i%side, [2]int{side, side}, c.settings.Transform.Fixed)
					if n%golden.Every == 0 && got != golden.SomeBoxes[n/golden.Every] {
						t.Errorf("%s: box %d is %v, want %v", name, n, got, golden.SomeBoxes[n/golden.Every])
					}
					n++
				}
			}
		}
		if n != golden.DefaultBoxes || len(golden.SomeBoxes) != (n+golden.Every-1)/golden.Every {
			t.Errorf("%s: %d default boxes, want %d", name, n, golden.DefaultBoxes)
		}
	}
	if got := DefaultBoxes([]float64{0.5}, [][]float64{narrow}); len(got) != 0 {
		t.Errorf("without a scale for the level after the last: %v", got)
	}
}

// TestSSDOptions: what an SSD has no use for is refused, and what others have no use for.
func TestSSDOptions(t *testing.T) {
	scales, steps := []float64{.1, .2, .3, .4, .5, .6, .7}, []float64{8, 16, 32, 64, 100, 300}
	for _, c := range []struct {
		model  string
		option Option
		want   string // "" for no error
	}{
		{"ssd300_vgg16", WithDefaultBoxes(scales, steps), ""},
		{"ssdlite320_mobilenet_v3_large", WithDefaultBoxes(scales, nil), ""},
		{"ssd300_vgg16", WithFixedSize(320, 300), ""},
		{"ssd300_vgg16", WithMinSize(300), "ssd300_vgg16 has a fixed one"},
		{"ssd300_vgg16", WithMaxSize(300), "ssd300_vgg16 has a fixed one"},
		{"ssd300_vgg16", WithAnchors([][]int{{3}}, []float64{1}), "ssd300_vgg16 has default boxes"},
		{"ssd300_vgg16", WithDefaultBoxes(scales[1:], steps), "7 positive scales"},
		{"ssd300_vgg16", WithDefaultBoxes(scales, steps[1:]), "6 positive steps or none"},
		{"ssd300_vgg16", WithDefaultBoxes(scales, []float64{8, 16, 32, 0, 100, 300}), "6 positive steps or none"},
		{"ssd300_vgg16", WithDefaultBoxes([]float64{.1, .2, .3, .4, .5, .6, math.NaN()}, nil), "7 positive scales"},
		{"maskrcnn_resnet50_fpn_frozen", WithDefaultBoxes(scales, steps), "has anchors"},
		{"maskrcnn_resnet50_fpn_frozen", WithFixedSize(300, 300), ""},
	} {
		b := &recorder{}
		d, err := NewDetector(bg, b, readKeys(t, c.model), c.option)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.model, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.model, err)
			continue
		}
		if _, err := d.Detect(bg, gray(40, 30)); err != nil {
			t.Errorf("%s: %v", c.model, err)
		}
	}
}

// TestSSDOfOtherHeads: nobody knows the default boxes of other SSDs than torchvision's.
func TestSSDOfOtherHeads(t *testing.T) {
	for _, model := range []string{"ssd300_vgg16", "ssdlite320_mobilenet_v3_large"} {
		last := ".weight"
		if model != "ssd300_vgg16" {
			last = ".1.weight"
		}
		head := "head.regression_head.module_list."
		for what, change := range map[string]func(m *memory){
			"8 boxes":    func(m *memory) { m.set(head+"2"+last, 32, 9, 1, 1) },
			"no boxes":   func(m *memory) { m.set(head+"2"+last, 0) },
			"7 levels":   func(m *memory) { m.set(head+"6"+last, 16, 9, 1, 1) },
			"4 levels":   func(m *memory) { m.remove(head + "4" + last); m.remove(head + "5" + last) },
			"half a box": func(m *memory) { m.set(head+"2"+last, 18, 9, 1, 1) },
		} {
			src := readKeys(t, model)
			change(src)
			_, err := NewDetector(bg, &recorder{}, src)
			if _, ok := err.(*UnsupportedArchitectureError); !ok || !strings.Contains(err.Error(), "4 or 6 default boxes") {
				t.Errorf("%s with %s: %v", model, what, err)
			}
		}
	}
	src := readKeys(t, "ssdlite320_mobilenet_v3_large").renamed(`features\.1\.2\.block`, "features.1.4.block")
	if _, err := NewDetector(bg, &recorder{}, src); err == nil || !strings.Contains(err.Error(), "11 or 15 blocks") {
		t.Errorf("a block less: %v", err)
	}
}
