package vision

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// A stage is what a golden file knows of a tensor: shape, mean, deviation and samples at pseudo-random places.
type stage struct {
	Shape     []int
	Mean, Std float64
	Samples   []float64
	Size      []float32
}

// distance returns the greatest difference from the samples and of mean and deviation, in units of the deviation.
func (s stage) distance(x []float32) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	mean := sum / float64(len(x))
	std := math.Sqrt(squares/float64(len(x)) - mean*mean)
	worst := max(math.Abs(mean-s.Mean), math.Abs(std-s.Std))
	for i, want := range s.Samples {
		at := uint64(i) * 0x9E3779B97F4A7C15 % uint64(len(x))
		if d := math.Abs(float64(x[at]) - want); !(d <= worst) {
			worst = d
		}
	}
	return worst / s.Std
}

type transformGolden struct {
	Sizes    [][8]int
	Detector []struct {
		Picture string
		MinSize int `json:"min_size"`
		MaxSize int `json:"max_size"`
		Article bool
		Input   stage
	}
	Classifier []struct {
		Picture string
		Resize  int
		Input   stage
	}
	Crops []struct {
		Width int
		Row   []int
	}
}

func TestResizeRule(t *testing.T) {
	var golden transformGolden
	readJSON(t, &golden, "transform", "golden.json")
	for _, s := range golden.Sizes {
		h, w := ResizeFloat64.Size(s[0], s[1], s[2], s[3])
		h32, w32 := ResizeFloat32.Size(s[0], s[1], s[2], s[3])
		if got := [4]int{h, w, h32, w32}; got != [4]int(s[4:]) {
			t.Errorf("%v: got %v, want %v", s[:4], got, s[4:])
		}
	}
	for _, c := range [][4]int{{1, 5000, 1, 1333}, {5000, 1, 1333, 1}} {
		if h, w := ResizeFloat64.Size(c[0], c[1], 800, 1333); h != c[2] || w != c[3] {
			t.Errorf("%v: got %d×%d", c, h, w)
		}
	}
}

// TestDetectorInput compares what the network gets with what torchvision's transform makes. Torch 2 interpolates at
// positions in float32, which moves pixels by up to 4e-5.
func TestDetectorInput(t *testing.T) {
	var golden transformGolden
	readJSON(t, &golden, "transform", "golden.json")
	for _, c := range golden.Detector {
		opts := []Option{WithMinSize(c.MinSize), WithMaxSize(c.MaxSize)}
		if c.Article {
			opts = append(opts, WithPreset("beam-article"))
		}
		r := &recorder{}
		d, err := NewDetector(bg, r, readKeys(t, "fasterrcnn_resnet50_fpn_frozen"), opts...)
		if err != nil {
			t.Fatal(err)
		}
		img := decodePNG(t, readFile(t, "tv0292", c.Picture))
		found, err := d.Detect(bg, img)
		if err != nil {
			t.Fatal(err)
		}
		in := transformed(t, r, 0)
		if !in[0].Shape().Equal(c.Input.Shape) || !slices.Equal(floats(t, in[1]), c.Input.Size) {
			t.Errorf("%s: got %v of %v, want %v of %v", c.Picture, in[0].Shape(), floats(t, in[1]), c.Input.Shape, c.Input.Size)
			continue
		}
		if e := c.Input.distance(floats(t, in[0])); !(e <= 1e-4) {
			t.Errorf("%s: differs by %.2g deviations", c.Picture, e)
		}
		if b := img.Bounds(); found.Width != b.Dx() || found.Height != b.Dy() {
			t.Errorf("%s: found in %d×%d", c.Picture, found.Width, found.Height)
		}
		if c.Article {
			continue
		}
		if _, err := d.DetectTensor(bg, toTensor(t, img)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(floats(t, in[0]), floats(t, transformed(t, r, 1)[0])) {
			t.Errorf("%s: DetectTensor gets another image", c.Picture)
		}
	}
}

// transformed returns what the rest of a detector got in a run: an image and the sizes of its pictures.
func transformed(t *testing.T, r *recorder, run int) []*tensor.Tensor {
	t.Helper()
	forward := func(in ...nn.Value) []nn.Value {
		image, scaled := nn.Preprocess("transform", *r.graph.Nodes[0].Op.(*op.Preprocess), in[0], in[1], in[2])
		return []nn.Value{image, scaled}
	}
	net, err := nn.CompileFunc(bg, kernels.CPU(), []tensor.DType{tensor.Uint8, tensor.Int32, tensor.Uint8}, forward)
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	out, err := net.Run(bg, r.inputs[run]...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDetectorInputIsResizeBilinear: what the network gets is what picture.ResizeBilinear makes of each channel, to the
// bit.
func TestDetectorInputIsResizeBilinear(t *testing.T) {
	r := &recorder{}
	d, err := NewDetector(bg, r, readKeys(t, "fasterrcnn_resnet50_fpn_frozen"), WithMinSize(90), WithMaxSize(150))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for run, size := range []image.Point{{61, 47}, {90, 130}, {401, 303}, {1, 1}, {7, 300}, {150, 150}, {90, 90}} {
		p := picture.NewRGB(size.X, size.Y)
		for i := range p.Pix {
			p.Pix[i] = uint8(random.IntN(256))
		}
		if _, err := d.Detect(bg, p); err != nil {
			t.Fatal(err)
		}
		out := transformed(t, r, run)
		got, shape := floats(t, out[0]), out[0].Shape()
		oh, ow := ResizeFloat64.Size(p.H, p.W, 90, 150)
		if s := floats(t, out[1]); s[0] != float32(oh) || s[1] != float32(ow) {
			t.Errorf("%v: scaled to %v", size, s)
		}
		values, n := detectorTransform().values(1), p.W*p.H
		plane, scaled := make([]float32, n), make([]float32, oh*ow)
		for c := range 3 {
			for i := range plane {
				plane[i] = values[c][p.Pix[3*i+c]]
			}
			picture.ResizeBilinear(scaled, oh, ow, plane, p.H, p.W)
			for i := range shape[2] * shape[3] {
				y, x, want := i/shape[3], i%shape[3], float32(0)
				if y < oh && x < ow {
					want = scaled[y*ow+x]
				}
				if g := got[c*shape[2]*shape[3]+i]; g != want {
					t.Fatalf("%v: channel %d, row %d, column %d: got %v, want %v", size, c, y, x, g, want)
				}
			}
		}
	}
}

// TestRoom: there is room for the pixels, and not much more.
func TestRoom(t *testing.T) {
	sizes := map[int]bool{}
	for n := 3; n < 1<<24; n += 1 + n/50 {
		room := sample{pixels: make([]byte, n)}.room()
		if room < n || room > max(n+n/4, 1<<14*((n>>14)+1)) || room%4 != 0 {
			t.Errorf("%d bytes have room of %d", n, room)
		}
		sizes[room] = true
	}
	if len(sizes) > 4*10 {
		t.Errorf("%d sizes", len(sizes))
	}
}

// toTensor is torchvision's ToTensor.
func toTensor(t testing.TB, img image.Image) *tensor.Tensor {
	p := picture.FromImage(img)
	data := make([]float32, len(p.Pix))
	for i, v := range p.Pix {
		data[i%3*p.W*p.H+i/3] = float32(v) / 255
	}
	x, err := tensor.Of(data, 3, p.H, p.W)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestClassifierInput(t *testing.T) {
	var golden transformGolden
	readJSON(t, &golden, "transform", "golden.json")
	for _, c := range golden.Classifier {
		preset := map[int]string{256: "IMAGENET1K_V1", 232: "IMAGENET1K_V2"}[c.Resize]
		r := &recorder{}
		k, err := NewClassifier(bg, r, readKeys(t, "resnet50"), WithPreset(preset))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Classify(bg, decodePNG(t, readFile(t, "tv0292", c.Picture)), 5); err != nil {
			t.Fatal(err)
		}
		if x := r.inputs[0][0]; !x.Shape()[1:].Equal(c.Input.Shape) || !(c.Input.distance(floats(t, x)) <= 1e-6) {
			t.Errorf("%s: %v differs by %.2g deviations", c.Picture, x.Shape(), c.Input.distance(floats(t, x)))
		}
	}
	for _, c := range golden.Crops {
		p := picture.NewRGB(c.Width, 1)
		for i := range p.Pix {
			p.Pix[i] = uint8(i/3 + 1)
		}
		square := centerCrop(p, len(c.Row))
		for x, want := range c.Row {
			if got := square.Pix[3*(2*len(c.Row)+x)]; int(got) != want {
				t.Errorf("crop of %d pixels: column %d is %d, want %d", c.Width, x, got, want)
			}
		}
	}
}

func TestClassify(t *testing.T) {
	r := &recorder{answer: func(in, out []*tensor.Tensor) {
		logits, _ := tensor.Data[float32](out[0])
		for i := range logits {
			logits[i] = -100
		}
		for n := range in[0].Shape()[0] {
			logits[1000*n+7], logits[1000*n+9], logits[1000*n+3] = 1, 2, 1
		}
	}}
	k, err := NewClassifier(bg, r, readKeys(t, "resnet18"))
	if err != nil {
		t.Fatal(err)
	}
	var imgs []image.Image
	for i := range 18 {
		imgs = append(imgs, gray(20+i, 30))
	}
	all, err := k.ClassifyBatch(bg, imgs, 3)
	if err != nil || len(all) != 18 || len(r.runs) != 2 {
		t.Fatalf("%d results of %d runs, %v", len(all), len(r.runs), err)
	}
	e := math.E
	for _, classes := range all {
		want := []Class{{9, "ostrich", float32(e / (e + 2))}, {3, "tiger shark", float32(1 / (e + 2))}, {7, "cock", float32(1 / (e + 2))}}
		for i, w := range want {
			g := classes[i]
			if g.Label != w.Label || g.Name != w.Name || math.Abs(float64(g.Probability-w.Probability)) > 1e-6 {
				t.Errorf("place %d: got %v, want %v", i, g, w)
			}
		}
	}
	for k0, want := range map[int]int{-1: 0, 0: 0, 5000: 1000} {
		if got, err := k.Classify(bg, gray(1, 1), k0); err != nil || len(got) != want {
			t.Errorf("k=%d: %d classes, %v", k0, len(got), err)
		}
	}
	if _, err := k.Classify(bg, gray(2000, 1), 1); err == nil {
		t.Error("a line of pixels was classified")
	}
	x, _ := tensor.New(tensor.Float32, 2, 1, 224, 224)
	if _, err := k.Logits(bg, x); err == nil {
		t.Error("a picture of one channel was classified")
	}
	var _ nn.Module = (*ResNet)(nil)
}
