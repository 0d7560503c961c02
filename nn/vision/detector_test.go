package vision

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

var bg = context.Background()

// TestKeyNames builds detectors from every set of key names there has been.
func TestKeyNames(t *testing.T) {
	frozen, norm := readKeys(t, "maskrcnn_resnet50_fpn_frozen"), readKeys(t, "maskrcnn_resnet50_fpn_bn")
	old := frozen.renamed(`(fpn\.(inner|layer)_blocks\.\d)\.0`, "$1").renamed(`rpn\.head\.conv\.0\.0`, "rpn.head.conv")
	for i := range 4 {
		old = old.renamed(fmt.Sprintf(`mask_head\.%d\.0`, i), fmt.Sprintf("mask_head.mask_fcn%d", i+1))
	}
	if slices.Contains(old.keys, "roi_heads.mask_head.0.0.weight") || !slices.Contains(old.keys, "rpn.head.conv.bias") {
		t.Fatal("keys were not renamed")
	}
	for name, src := range map[string]*memory{"frozen": frozen, "batch norm": norm, "old": old} {
		r := &recorder{}
		d, err := NewDetector(bg, r, src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := len(r.graph.Outputs); n != 5 || d.Architecture().Classes != 91 || d.Labels()[90] != "toothbrush" {
			t.Errorf("%s: %d outputs, %v", name, n, d.Architecture())
		}
	}
	r := &recorder{}
	if _, err := NewDetector(bg, r, readKeys(t, "fasterrcnn_resnet50_fpn_frozen")); err != nil || len(r.graph.Outputs) != 4 {
		t.Errorf("Faster R-CNN: %v", err)
	}
}

// TestFused checks that a compiled detector has nothing left that could be fused.
func TestFused(t *testing.T) {
	r := &recorder{}
	if _, err := NewDetector(bg, r, readKeys(t, "maskrcnn_resnet50_fpn_frozen")); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, n := range r.graph.Nodes {
		count[n.Op.Name()]++
	}
	want := map[string]int{
		"conv2d":     53 + 8 + 3*5 + 4 + 1, // trunk, pyramid, five levels of the RPN, mask head and logits
		"max_pool2d": 2, "linear": 4, "flatten": 1, "conv_transpose2d": 1,
		"preprocess": 1, "proposals": 1, "roi_align": 2, "detections": 1, "mask_select": 1,
	}
	for name, n := range want {
		if count[name] != n {
			t.Errorf("%s: %d, want %d", name, count[name], n)
		}
	}
	if len(count) != len(want) {
		t.Errorf("got %v, want %v", count, want)
	}
}

// TestStateDictErrors checks that all that is wrong is reported at once, in torch's words.
func TestStateDictErrors(t *testing.T) {
	src := readKeys(t, "maskrcnn_resnet50_fpn_frozen")
	src.set("roi_heads.box_predictor.bbox_pred.weight", 20, 1024)
	src.remove("backbone.body.layer3.4.conv2.weight")
	src.remove("rpn.head.conv.0.0.bias")
	src.set("ema.decay", 1)
	_, err := NewDetector(bg, &recorder{}, src)
	e, ok := errors.AsType[*nn.StateDictError](err)
	if !ok {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Error(s) in loading state_dict for MaskRCNN:",
		`Missing key(s) in state_dict: "backbone.body.layer3.4.conv2.weight", "rpn.head.conv.0.0.bias". `,
		`Unexpected key(s) in state_dict: "ema.decay". `,
		"size mismatch for roi_heads.box_predictor.bbox_pred.weight: copying a param with shape torch.Size([20, 1024]) " +
			"from checkpoint, the shape in current model is torch.Size([364, 1024]).",
	} {
		if !strings.Contains(e.Error(), want) {
			t.Errorf("%q is not in\n%v", want, e)
		}
	}
	_, err = NewDetector(bg, &recorder{}, readKeys(t, "maskrcnn_resnet50_fpn_frozen"), WithClasses(5))
	if e, ok = errors.AsType[*nn.StateDictError](err); !ok || len(e.Mismatch) != 6 || !strings.Contains(e.Error(),
		"size mismatch for roi_heads.box_predictor.cls_score.weight: copying a param with shape torch.Size([91, 1024]) "+
			"from checkpoint, the shape in current model is torch.Size([5, 1024]).") {
		t.Errorf("wrong number of classes: %v", err)
	}
	_, err = NewClassifier(bg, &recorder{}, readKeys(t, "resnet18"), WithClasses(10))
	if e, ok = errors.AsType[*nn.StateDictError](err); !ok || len(e.Mismatch) != 2 || e.Network != "ResNet" {
		t.Errorf("wrong number of classes: %v", err)
	}
}

func TestOptions(t *testing.T) {
	src := readKeys(t, "fasterrcnn_resnet50_fpn_frozen")
	for name, o := range map[string]Option{
		"WithEps(-1)": WithEps(-1), "WithEps(NaN)": WithEps(math.NaN()), "WithMinSize": WithMinSize(0),
		"WithMaxSize": WithMaxSize(-1), "WithPreset": WithPreset("coco"), "WithResizeRule": WithResizeRule(7),
		"WithScoreThreshold": WithScoreThreshold(1.5), "WithNMSThreshold": WithNMSThreshold(math.NaN()),
		"WithMaxDetections": WithMaxDetections(0), "WithThreads": WithThreads(-1), "WithArenaBytes": WithArenaBytes(-1),
		"WithLabels": WithLabels([]string{"a", "b"}), "WithClasses": WithClasses(-1),
		"WithAnchors none":   WithAnchors(nil, nil),
		"WithAnchors level":  WithAnchors([][]int{{32}, {64}}, []float64{0.5, 1, 2}),
		"WithAnchors number": WithAnchors([][]int{{32}, {64}, {128}, {256}, {512}}, []float64{1}),
		"WithAnchors zero":   WithAnchors([][]int{{0}, {64}, {128}, {256}, {512}}, []float64{0.5, 1, 2}),
		"WithPreset role":    WithPreset("IMAGENET1K_V1"),
	} {
		_, err := NewDetector(bg, &recorder{}, src, o)
		e, ok := errors.AsType[*OptionError](err)
		if want, _, _ := strings.Cut(name, " "); !ok || !strings.HasPrefix(want, e.Option) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewClassifier(bg, &recorder{}, readKeys(t, "resnet18"), WithMinSize(800)); err == nil {
		t.Error("a classifier takes WithMinSize")
	}
	// Mobile nets have three sizes on every level.
	r := &recorder{}
	many := readKeys(t, "fasterrcnn_resnet50_fpn_frozen")
	many.set("rpn.head.cls_logits.weight", 6, 256, 1, 1)
	many.set("rpn.head.cls_logits.bias", 6)
	many.set("rpn.head.bbox_pred.weight", 24, 256, 1, 1)
	many.set("rpn.head.bbox_pred.bias", 24)
	sizes := [][]int{{32, 40}, {64, 80}, {128, 160}, {256, 320}, {512, 640}}
	if _, err := NewDetector(bg, r, many, WithAnchors(sizes, []float64{0.5, 1, 2})); err != nil {
		t.Error(err)
	}
	r = &recorder{}
	if _, err := NewDetector(bg, r, src, WithPreset("COCO_V1"), WithThreads(1), WithScoreThreshold(0.3), nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range r.graph.Nodes {
		if d, ok := n.Op.(*op.Detections); ok && (d.ScoreThreshold != 0.3 || d.Max != 100 || d.Weights[0] != 10) {
			t.Errorf("got %+v", d)
		}
	}
}

func TestEps(t *testing.T) {
	scale := func(opts ...Option) float64 {
		src := readKeys(t, "fasterrcnn_resnet50_fpn_frozen")
		src.fill = func(key string, dst []float32) {
			if strings.HasPrefix(key, "backbone.body.bn1.") {
				for i := range dst {
					dst[i] = 1
				}
			}
		}
		r := &recorder{}
		if _, err := NewDetector(bg, r, src, opts...); err != nil {
			t.Fatal(err)
		}
		return r.graph.Nodes[1].Op.(*op.Conv2d).Scale[0] // behind the transform
	}
	for want, got := range map[float64]float64{
		1 / math.Sqrt(1+1e-5): scale(), 1: scale(WithPreset("COCO_V1")), 0.5: scale(WithEps(3)),
	} {
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// TestAnchors has the numbers that torchvision prints.
func TestAnchors(t *testing.T) {
	c := DefaultRCNN()
	want := [][4]float32{{-23, -11, 23, 11}, {-16, -16, 16, 16}, {-11, -23, 11, 23}, {-45, -23, 45, 23}, {-32, -32, 32, 32},
		{-23, -45, 23, 45}, {-91, -45, 91, 45}, {-64, -64, 64, 64}, {-45, -91, 45, 91}, {-181, -91, 181, 91},
		{-128, -128, 128, 128}, {-91, -181, 91, 181}, {-362, -181, 362, 181}, {-256, -256, 256, 256}, {-181, -362, 181, 362}}
	if got := slices.Concat(CellAnchors(c.AnchorSizes, c.AnchorRatios)...); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	many := CellAnchors([][]int{{32, 64}}, []float64{0.5, 1})[0]
	if want := [][4]float32{{-23, -11, 23, 11}, {-45, -23, 45, 23}, {-16, -16, 16, 16}, {-32, -32, 32, 32}}; !slices.Equal(many, want) {
		t.Errorf("ratio-major: got %v, want %v", many, want)
	}
}

// answering makes objects that tell where they come from: as many as a
// picture's height, modulo the places, in its units.
func answering(in, out []*tensor.Tensor) {
	boxes, _ := tensor.Data[float32](out[0])
	labels, _ := tensor.Data[int64](out[1])
	scores, _ := tensor.Data[float32](out[2])
	counts, _ := tensor.Data[int32](out[3])
	masks, _ := tensor.Data[float32](out[4])
	sizes, _ := tensor.Data[int32](in[1])
	places, area := out[0].Shape()[1], out[4].Shape()[2:].Len()
	for n := range counts {
		h, w := sizes[5*n+2], sizes[5*n+3]
		counts[n] = h % 5
		for i := range int(counts[n]) {
			at := n*places + i
			copy(boxes[4*at:], []float32{1, 2, float32(w), float32(h)})
			labels[at], scores[at] = int64(i+1), 1/float32(i+1)
			for k := range area {
				masks[at*area+k] = float32(i) / 10
			}
		}
	}
}

func gray(w, h int) image.Image { return image.NewGray(image.Rect(3, 4, 3+w, 4+h)) }

// TestDetectBatch checks that pictures of all sizes get their own results, alone, in batches, and from many goroutines.
func TestDetectBatch(t *testing.T) {
	sizes := []image.Point{{64, 48}, {1, 1}, {48, 64}, {64, 48}, {100, 1}, {1, 100}, {2000, 1}, {60, 46}, {33, 17}, {1, 5000}}
	imgs := make([]image.Image, len(sizes))
	for i, s := range sizes {
		imgs[i] = gray(s.X, s.Y)
	}
	r := &recorder{answer: answering}
	d, err := NewDetector(bg, r, readKeys(t, "maskrcnn_resnet50_fpn_frozen"), WithMinSize(40), WithMaxSize(90))
	if err != nil {
		t.Fatal(err)
	}
	together, err := d.DetectBatch(bg, imgs)
	if err != nil {
		t.Fatal(err)
	}
	runs := len(r.runs)
	if runs >= len(imgs) || !r.runs[0][0].Equal(tensor.Shape{5, 16384}) || !r.runs[0][2].Equal(tensor.Shape{1, 0, 64, 64}) {
		t.Errorf("%d runs, the first of %v", runs, r.runs[0])
	}
	for i, img := range imgs {
		alone, err := d.Detect(bg, img)
		if err != nil {
			t.Fatal(err)
		}
		got := together[i]
		canvas := r.runs[len(r.runs)-1][2]
		size, err := tensor.Data[int32](r.inputs[len(r.runs)-1][1])
		if err != nil {
			t.Fatal(err)
		}
		size = size[2:]
		if got.Width != sizes[i].X || got.Height != sizes[i].Y || got.Len() != int(size[0])%5 || len(got.Masks) != got.Len() {
			t.Errorf("%v: got %d×%d, %d objects", sizes[i], got.Width, got.Height, got.Len())
		}
		if canvas[2]%32 != 0 || canvas[3]%32 != 0 || canvas[2] < int(size[0]) || canvas[3] < int(size[1]) {
			t.Errorf("%v: image %v for %v", sizes[i], canvas, size)
		}
		if fmt.Sprint(alone) != fmt.Sprint(got) {
			t.Errorf("%v: alone %v, together %v", sizes[i], alone, got)
		}
		for k, b := range got.Boxes {
			if math.Abs(float64(b[2])-float64(sizes[i].X)) > 1e-3 || math.Abs(float64(b[3])-float64(sizes[i].Y)) > 1e-3 {
				t.Errorf("%v: box %v", sizes[i], b)
			}
			if m := got.Masks[k]; m.Size != 28 || len(m.Probs) != 784 || m.Box != b || m.Probs[0] != float32(k)/10 {
				t.Errorf("%v: mask %d: %v of %d", sizes[i], k, m.Box, len(m.Probs))
			}
			if got.Names[k] != COCONames()[k+1] || got.Labels[k] != k+1 {
				t.Errorf("%v: %v %v", sizes[i], got.Labels, got.Names)
			}
		}
	}
	padded, err := NewDetector(bg, r, readKeys(t, "maskrcnn_resnet50_fpn_frozen"), WithMinSize(40), WithMaxSize(90),
		WithBatchPadding(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := padded.DetectBatch(bg, imgs); err != nil {
		t.Fatal(err)
	}
	if got := r.runs[len(r.runs)-1]; !got[0].Equal(tensor.Shape{10, 16384}) || !got[2].Equal(tensor.Shape{1, 0, 96, 96}) {
		t.Errorf("padded together: %v", got)
	}
	pair, err := NewDetector(bg, r, readKeys(t, "maskrcnn_resnet50_fpn_frozen"), WithMinSize(40), WithMaxSize(90),
		WithBatchPixels(2*64*64+1))
	if err != nil {
		t.Fatal(err)
	}
	runs = len(r.runs)
	if _, err := pair.DetectBatch(bg, slices.Repeat(imgs[:1], 5)); err != nil {
		t.Fatal(err)
	}
	var each []int
	for _, shapes := range r.runs[runs:] {
		each = append(each, shapes[0][0])
	}
	if !slices.Equal(each, []int{2, 2, 1}) {
		t.Errorf("five pictures, of which two share a run: %v", each)
	}
	if none, err := d.DetectBatch(bg, nil); err != nil || len(none) != 0 {
		t.Errorf("no pictures: %v, %v", none, err)
	}
}

func TestAbove(t *testing.T) {
	d := &Detections{Boxes: make([][4]float32, 3), Labels: []int{1, 2, 3}, Names: []string{"a", "b", "c"},
		Scores: []float32{0.9, 0.5, 0.2}}
	for score, want := range map[float32]int{0: 3, 0.2: 3, 0.21: 2, 0.5: 2, 0.95: 0} {
		a := d.Above(score)
		if a.Len() != want || len(a.Names) != want || len(a.Instances()) != want || a.Masks != nil {
			t.Errorf("Above(%v): %+v", score, a)
		}
	}
	if in := d.Instances(); in[1].Name != "b" || in[1].Score != 0.5 || in[1].Mask != nil {
		t.Errorf("got %+v", in)
	}
}

func TestDetectErrors(t *testing.T) {
	d, err := NewDetector(bg, &recorder{answer: answering}, readKeys(t, "maskrcnn_resnet50_fpn_frozen"))
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range []image.Image{nil, gray(0, 5), gray(5, 0)} {
		_, err := d.DetectBatch(bg, []image.Image{gray(2, 2), img})
		if e, ok := errors.AsType[*PictureError](err); !ok || e.Index != 1 {
			t.Errorf("%v: %v", img, err)
		}
	}
	f64, _ := tensor.New(tensor.Float64, 3, 4, 4)
	flat, _ := tensor.New(tensor.Float32, 3, 4)
	empty, _ := tensor.New(tensor.Float32, 3, 0, 4)
	for _, x := range []*tensor.Tensor{nil, f64, flat, empty} {
		if _, err := d.DetectTensor(bg, x); !errors.As(err, new(*PictureError)) {
			t.Errorf("%v: %v", x, err)
		}
	}
	done, cancel := context.WithCancel(bg)
	cancel()
	if _, err := d.Detect(done, gray(2, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := NewDetector(done, &recorder{}, readKeys(t, "maskrcnn_resnet50_fpn_frozen")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := NewDetector(bg, &recorder{}, readKeys(t, "resnet18")); !errors.As(err, new(*UnsupportedArchitectureError)) {
		t.Errorf("a classifier as detector: %v", err)
	}
	if _, err := NewClassifier(bg, &recorder{}, readKeys(t, "maskrcnn_resnet50_fpn_bn")); !errors.As(err, new(*UnsupportedArchitectureError)) {
		t.Errorf("a detector as classifier: %v", err)
	}
}

// TestDetectConcurrently is for the race detector.
func TestDetectConcurrently(t *testing.T) {
	r := &recorder{answer: answering}
	d, err := NewDetector(bg, &locked{recorder: r}, readKeys(t, "maskrcnn_resnet50_fpn_frozen"), WithMinSize(40))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			found, err := d.Detect(bg, gray(20+i, 30))
			if err != nil || found.Width != 20+i {
				t.Errorf("%v, %v", found, err)
			}
		})
	}
	wg.Wait()
}

// locked is a recorder for many goroutines.
type locked struct {
	*recorder
	mu sync.Mutex
}

func (l *locked) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	_, err := l.recorder.Load(ctx, g, o)
	return l, err
}

func (l *locked) Program(in ...tensor.Shape) (op.Program, error) {
	_, err := l.recorder.Program(in...)
	return l, err
}

func (l *locked) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.recorder.RunInto(ctx, out, in)
}
