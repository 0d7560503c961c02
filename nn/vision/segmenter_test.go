package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op/optest"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// deepened returns a checkpoint of a ResNet-50 as one of a ResNet-101, which has
// 23 blocks in its third layer.
func deepened(m *memory) *memory {
	for _, k := range slices.Clone(m.keys) {
		if end, ok := strings.CutPrefix(k, "backbone.layer3.5."); ok {
			for block := 6; block < 23; block++ {
				m.set(fmt.Sprintf("backbone.layer3.%d.%s", block, end), m.shapes[k]...)
			}
		}
	}
	return m
}

// TestRecognizeSegmentation recognises and builds every network of segmentation.
func TestRecognizeSegmentation(t *testing.T) {
	trunk := Architecture{Task: Segmentation, Classes: 21, Layers: [4]int{3, 4, 6, 3}, Bottleneck: true, Width: 64,
		Groups: 1, GroupWidth: 64, published: 64}
	mobile := Architecture{Task: Segmentation, Classes: 21, Width: 16, published: 16}
	for _, c := range []struct {
		file, name string
		deep       bool
		want       Architecture
		eps        float64
	}{
		{"fcn_resnet50", "fcn_resnet50", false, trunk, 1e-5},
		{"fcn_resnet50_aux", "fcn_resnet50", false, trunk, 1e-5},
		{"fcn_resnet50_aux", "fcn_resnet101", true, trunk, 1e-5},
		{"deeplabv3_resnet50", "deeplabv3_resnet50", false, trunk, 1e-5},
		{"deeplabv3_resnet50_aux", "deeplabv3_resnet50", false, trunk, 1e-5},
		{"deeplabv3_resnet50", "deeplabv3_resnet101", true, trunk, 1e-5},
		{"deeplabv3_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large", false, mobile, 1e-3},
		{"deeplabv3_mobilenet_v3_large_aux", "deeplabv3_mobilenet_v3_large", false, mobile, 1e-3},
		{"lraspp_mobilenet_v3_large", "lraspp_mobilenet_v3_large", false, mobile, 1e-3},
	} {
		src, want := readKeys(t, c.file), c.want
		if want.Name = c.name; c.deep {
			src, want.Layers[2] = deepened(src), 23
		}
		if got, err := Recognize(src); err != nil || got != want {
			t.Errorf("%s as %s: got %+v, %v", c.file, c.name, got, err)
		}
		s, err := NewSegmenter(bg, &recorder{}, src)
		if err != nil {
			t.Errorf("%s as %s: %v", c.file, c.name, err)
			continue
		}
		if got := s.Settings(); got.Eps != c.eps || got.Transform.MinSize != 520 || got.Transform.MaxSize != 0 {
			t.Errorf("%s: %+v", c.name, got)
		}
		if !slices.Equal(s.Labels(), VOCNames()) {
			t.Errorf("%s: %v", c.name, s.Labels())
		}
	}
}

// TestRefusedSegmentation: what cannot be run is refused by name, and what is
// missing is told of.
func TestRefusedSegmentation(t *testing.T) {
	basic := readKeys(t, "resnet34").renamed("^", "backbone.")
	basic.set("classifier.0.weight", 128, 512, 3, 3)
	basic.set("classifier.4.weight", 21, 128, 1, 1)
	small := readKeys(t, "lraspp_mobilenet_v3_large")
	for _, k := range slices.Clone(small.keys) {
		if strings.HasPrefix(k, "backbone.15.") {
			small.remove(k)
		}
	}
	many := readKeys(t, "fcn_resnet50")
	many.set("classifier.4.weight", 257, 512, 1, 1)
	for name, src := range map[string]*memory{
		"fcn_resnet34": basic, "lraspp_mobilenet_v3_large": small, "fcn_resnet50": many,
		"resnet18": readKeys(t, "resnet18"),
	} {
		_, err := NewSegmenter(bg, &recorder{}, src)
		if e, ok := errors.AsType[*UnsupportedArchitectureError](err); !ok || e.Name != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := NewDetector(bg, &recorder{}, readKeys(t, "fcn_resnet50"))
	if err == nil || !strings.Contains(err.Error(), "fcn_resnet50") {
		t.Errorf("a detector of it: %v", err)
	}
	for _, file := range []string{
		"fcn_resnet50", "deeplabv3_resnet50", "deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large",
	} {
		src := readKeys(t, file)
		key := src.keys[len(src.keys)/2]
		src.remove(key)
		src.set("classifier.9.weight", 1)
		if _, err := NewSegmenter(bg, &recorder{}, src); err == nil || !strings.Contains(err.Error(), key) ||
			!strings.Contains(err.Error(), "classifier.9.weight") {
			t.Errorf("%s without %s: %v", file, key, err)
		}
		if _, err := NewSegmenter(bg, &recorder{}, readKeys(t, file), WithClasses(3)); err == nil {
			t.Errorf("%s with 3 classes", file)
		}
	}
	if _, err := NewSegmenter(bg, &recorder{}, readKeys(t, "fcn_resnet50"), WithCrop(224)); err == nil {
		t.Error("a crop of a segmenter")
	}
}

// TestSegmentPhoto compares with what torchvision makes of a photo: its
// transform, its map of the size that the network sees, and that map scaled to
// the size of the photo.
func TestSegmentPhoto(t *testing.T) {
	var golden struct {
		Photo   string
		Shape   tensor.Shape
		Step    int
		Samples []float64
	}
	readJSON(t, &golden, "segmentation", "photo.json")
	photo := decodePNG(t, readFile(t, "tv0292", golden.Photo))
	s := segmentationGolden(t, "lraspp_mobilenet_v3_large")
	_, x, err := s.load(bg, []image.Image{photo}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !x.Shape().Equal(golden.Shape) {
		t.Fatalf("the transform makes %v, want %v", x.Shape(), golden.Shape)
	}
	data := floats(t, x)
	for i, want := range golden.Samples {
		if got := float64(data[i*golden.Step]); math.Abs(got-want) > 1e-6 {
			t.Errorf("element %d of the network's input is %v, want %v", i*golden.Step, got, want)
		}
	}
	if underRace {
		t.Skip("RACE DETECTOR: the photo is NOT SEGMENTED")
	}
	m, err := s.Segment(bg, photo)
	if err != nil {
		t.Fatal(err)
	}
	for file, m := range map[string]*ClassMap{"photo.png": m, "photo_network.png": m.Resized(m.NetworkSize())} {
		want := decodePNG(t, readFile(t, "segmentation", file))
		if want.Bounds() != image.Rect(0, 0, m.Width, m.Height) {
			t.Fatalf("%s: %v, want %v", file, image.Rect(0, 0, m.Width, m.Height), want.Bounds())
		}
		differ := otherClasses(m.Classes, want.(*image.Gray).Pix)
		t.Logf("%s: %d of %d pixels are of another class", file, differ, len(m.Classes))
		if differ > len(m.Classes)/1000 { // torchvision scales twice to the size of the photo, we once
			t.Errorf("%s: %d of %d pixels are of another class", file, differ, len(m.Classes))
		}
	}
}

// segmenterOf returns a segmenter whose logits are what the recorder answers.
func segmenterOf(t *testing.T, answer func(in, out []*tensor.Tensor), opts ...Option) (*Segmenter, *recorder) {
	t.Helper()
	r := &recorder{answer: answer}
	s, err := NewSegmenter(bg, r, readKeys(t, "lraspp_mobilenet_v3_large"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s, r
}

// random fills the logits with what hangs on nothing but their place.
func random(in, out []*tensor.Tensor) {
	v, _ := tensor.Data[float32](out[0])
	seed := uint32(len(v))
	for i := range v {
		seed = seed*1664525 + 1013904223
		v[i] = float32(seed>>8)/(1<<22) - 2
	}
}

// bilinear returns maps scaled by the operator.
func bilinear(t *testing.T, maps *tensor.Tensor, height, width int) *tensor.Tensor {
	t.Helper()
	forward := func(in ...nn.Value) []nn.Value { return []nn.Value{nn.UpsampleBilinear(in[0], in[1])} }
	net, err := nn.CompileFunc(bg, optest.Reference(), []tensor.DType{tensor.Float32, tensor.Float32}, forward)
	if err != nil {
		t.Fatal(err)
	}
	like, err := tensor.New(tensor.Float32, 1, 0, height, width)
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Run(bg, maps, like)
	if err != nil {
		t.Fatal(err)
	}
	return out[0]
}

// TestClassMap holds the map to the greatest of the logits as the operators of
// the package op scale them, and probabilities to their softmax.
func TestClassMap(t *testing.T) {
	s, _ := segmenterOf(t, random, WithMinSize(64))
	for _, size := range []image.Point{{64, 64}, {100, 64}, {64, 100}, {13, 9}, {200, 150}, {1, 1}} {
		img := picture.NewRGB(size.X, size.Y)
		m, err := s.Segment(bg, img)
		if err != nil {
			t.Fatal(err)
		}
		if m.Width != size.X || m.Height != size.Y || len(m.Classes) != size.X*size.Y || len(m.Names) != 21 {
			t.Fatalf("%v: a map of %d×%d", size, m.Width, m.Height)
		}
		coarse, err := tensor.New(tensor.Float32, 1, m.logits.classes, m.logits.h, m.logits.w)
		if err != nil {
			t.Fatal(err)
		}
		random(nil, []*tensor.Tensor{coarse})
		full := bilinear(t, coarse, size.Y, size.X)
		logits, pixels := floats(t, full), size.X*size.Y
		probabilities := m.Probabilities()
		some := m.Probabilities(20, 99, 3)
		counts := make([]int, 21)
		for at := range pixels {
			best, sum := 0, 0.0
			for c := range 21 {
				if logits[c*pixels+at] > logits[best*pixels+at] {
					best = c
				}
				sum += math.Exp(float64(logits[c*pixels+at]))
			}
			counts[best]++
			if got := m.At(at%size.X, at/size.X); got != best {
				if d := logits[best*pixels+at] - logits[got*pixels+at]; d > 1e-5 {
					t.Fatalf("%v: pixel %d is of class %d, want %d, which has %v more", size, at, got, best, d)
				}
				counts[best]--
				counts[got]++
			}
			for c := range 21 {
				want := math.Exp(float64(logits[c*pixels+at])) / sum
				if got := float64(probabilities[c][at]); math.Abs(got-want) > 1e-5 {
					t.Fatalf("%v: pixel %d is of class %d with probability %v, want %v", size, at, c, got, want)
				}
			}
			if some[0][at] != probabilities[20][at] || some[1][at] != 0 || some[2][at] != probabilities[3][at] {
				t.Fatalf("%v: pixel %d: %v %v %v", size, at, some[0][at], some[1][at], some[2][at])
			}
		}
		for c, share := range m.Shares() {
			if want := float64(counts[c]) / float64(pixels); share != want {
				t.Errorf("%v: %v of class %d, want %v", size, share, c, want)
			}
		}
		if lm := m.Map(); lm.W != size.X || lm.H != size.Y || !slices.Equal(lm.Pix, m.Classes) {
			t.Errorf("%v: a label map of %d×%d", size, lm.W, lm.H)
		}
		if m.At(-1, 0) != 0 || m.At(0, size.Y) != 0 || m.At(size.X, 0) != 0 {
			t.Errorf("%v: a class outside", size)
		}
	}
}

// TestEmptyClassMap: no size and no map makes a method panic.
func TestEmptyClassMap(t *testing.T) {
	s, _ := segmenterOf(t, random)
	m, err := s.Segment(bg, picture.NewRGB(20, 10))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []*ClassMap{m.Resized(0, 5), m.Resized(-1, -5), {}} {
		if len(m.Classes) != 0 || m.At(0, 0) != 0 || len(m.Shares()) != len(m.Names) || m.Map().At(0, 0) != 0 {
			t.Errorf("%d×%d: %d pixels", m.Width, m.Height, len(m.Classes))
		}
		for _, p := range m.Probabilities(1) {
			if len(p) != 0 {
				t.Errorf("%d×%d: %d probabilities", m.Width, m.Height, len(p))
			}
		}
	}
	if m := (&ClassMap{}).Resized(3, 2); len(m.Classes) != 6 || len(m.Probabilities(0)[0]) != 6 {
		t.Errorf("%+v", m)
	}
}

// TestSegmentBatch: pictures of one size share runs, and come back in order.
func TestSegmentBatch(t *testing.T) {
	sizes := []image.Point{{40, 30}, {80, 60}, {30, 40}, {40, 30}, {41, 30}, {41, 30}, {41, 30}}
	var imgs []image.Image
	for i, size := range sizes {
		p := picture.NewRGB(size.X, size.Y)
		for at := range p.Pix {
			p.Pix[at] = uint8(i)
		}
		imgs = append(imgs, p)
	}
	// The class of a picture is what its pixels say.
	answer := func(in, out []*tensor.Tensor) {
		x, _ := tensor.Data[float32](in[0])
		y, _ := tensor.Data[float32](out[0])
		n := in[0].Shape()[0]
		for i := range n {
			red := x[i*len(x)/n]*0.229 + 0.485
			class := int(math.Round(float64(red) * 255))
			size := len(y) / n / 21
			for at := range size {
				y[i*len(y)/n+class*size+at] = 1
			}
		}
	}
	s, r := segmenterOf(t, answer, WithMinSize(60))
	found, err := s.SegmentBatch(bg, imgs)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range found {
		if m.Width != sizes[i].X || m.Height != sizes[i].Y || m.At(0, 0) != i || m.Shares()[i] != 1 {
			t.Errorf("picture %d: %d×%d, %v", i, m.Width, m.Height, m.Shares())
		}
	}
	var runs []string
	for _, shapes := range r.runs {
		runs = append(runs, shapes[0].String())
	}
	want := []string{"(2, 3, 60, 80)", "(1, 3, 80, 60)", "(1, 3, 60, 80)", "(3, 3, 60, 82)"}
	if !slices.Equal(runs, want) {
		t.Errorf("runs of %v, want %v", runs, want)
	}
	if found, err := s.SegmentBatch(bg, nil); err != nil || len(found) != 0 {
		t.Errorf("no pictures: %v, %v", found, err)
	}
}

// TestSegmentErrors: a picture that cannot be looked at is told of with its place.
func TestSegmentErrors(t *testing.T) {
	s, r := segmenterOf(t, nil)
	good := picture.NewRGB(8, 8)
	for i, bad := range []image.Image{nil, picture.NewRGB(0, 5), picture.NewRGB(331, 10), picture.NewRGB(1, 5000)} {
		_, err := s.SegmentBatch(bg, []image.Image{good, bad})
		if e, ok := errors.AsType[*PictureError](err); !ok || e.Index != 1 {
			t.Errorf("%d: %v", i, err)
		}
	}
	if len(r.runs) != 0 {
		t.Errorf("%d runs", len(r.runs))
	}
	if _, err := s.Segment(bg, picture.NewRGB(320, 10)); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(bg)
	cancel()
	if _, err := s.Segment(ctx, good); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	x, err := tensor.New(tensor.Float32, 1, 4, 8, 8)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Logits(bg, x); err == nil {
		t.Error("logits of four channels")
	}
}
