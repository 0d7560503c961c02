package vision

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

var full = flag.Bool("full", false, "also compare the full-size cases a and c, which take minutes")

// A fullCase is one of testdata/tv0292: detections of the full-size network and samples of its stages.
type fullCase struct {
	Case   string
	Images []string
	Kwargs struct {
		MinSize int `json:"min_size"`
		MaxSize int `json:"max_size"`
	}
	NetShape   []int `json:"net_shape"`
	Stages     map[string]stage
	Detections []shapesCase
}

// TestFullSize compares the full-size network with torchvision, stage by stage and at the end. Case b is compared
// always, a (800×1088 pixels) and c (two pictures padded together) with -full.
func TestFullSize(t *testing.T) {
	cases := []struct {
		name      string
		score     float64
		unmatched int
	}{
		{"b_240x320_min256", 5e-4, 1},
		{"a_480x640_default", 1e-3, 1},
		{"c_batch2_mixed", 1e-3, 2},
	}
	if underRace {
		t.Log("RACE DETECTOR: THE FULL-SIZE CASES ARE NOT COMPARED")
		return
	}
	if !*full {
		t.Log("without -full, cases a and c are not compared")
		cases = cases[:1]
	}
	src := fullSize(t)
	var profile op.Profile
	n := stagedNetwork(t, src, nn.WithProfile(&profile))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var golden fullCase
			readJSON(t, &golden, "tv0292", c.name+".json")
			d := n.detector(golden)
			start := time.Now()
			out, found := n.detect(t, d, golden)
			t.Logf("%v", time.Since(start).Round(time.Millisecond))
			n.compareStages(t, golden, out)
			score, unmatched := 0.0, 0
			for i, want := range golden.Detections {
				s, u := compareUnordered(t, found[i], want)
				score, unmatched = max(score, s), unmatched+u
			}
			if !(score <= c.score) || unmatched > c.unmatched {
				t.Errorf("scores differ by %.2g; %d objects have no match", score, unmatched)
			}
		})
	}
	var table strings.Builder
	if err := profile.WriteOps(&table); err != nil {
		t.Error(err)
	}
	t.Logf("time by operator:\n%s", &table)
}

// staged is the full-size Mask R-CNN with all its stages as outputs.
type staged struct {
	net    *nn.Network
	arch   Architecture
	stages []string // the names of the outputs after the detector's own five
}

func stagedNetwork(t *testing.T, src nn.Source, opts ...nn.Option) *staged {
	t.Helper()
	arch, err := Recognize(src)
	if err != nil {
		t.Fatal(err)
	}
	w := nn.NewWeights(src)
	m := NewMaskRCNN(w, DefaultRCNN())
	if err := w.Err("MaskRCNN"); err != nil {
		t.Fatal(err)
	}
	s := &staged{arch: arch}
	inputs := []tensor.DType{tensor.Uint8, tensor.Int32, tensor.Uint8}
	transform := op.Preprocess{Values: *detectorTransform().values(1)}
	s.net, err = nn.CompileFunc(bg, kernels.CPU(), inputs, func(in ...nn.Value) []nn.Value {
		image, sizes := nn.Preprocess("transform", transform, in[0], in[1], in[2])
		return s.trace(m, image, sizes)
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.net.Close() })
	return s
}

// trace is MaskRCNN.Forward, which names what it passes on the way.
func (s *staged) trace(m *MaskRCNN, image, sizes nn.Value) []nn.Value {
	var stages []nn.Value
	add := func(name string, v nn.Value) nn.Value {
		s.stages, stages = append(s.stages, name), append(stages, v)
		return v
	}
	trunk := m.body.(*Trunk)
	add("backbone.body.bn1", trunk.bn1.Forward(trunk.conv1.Forward(image)))
	x := nn.ReLU(trunk.bn1.Forward(trunk.conv1.Forward(image)))
	add("backbone.body.maxpool", nn.MaxPool2d{Kernel: 3, Stride: 2, Padding: 1}.Forward(x))
	c := trunk.Forward(image)
	for l, v := range c {
		add(fmt.Sprintf("backbone.body.layer%d", l+1), v)
	}
	p := m.fpn.Forward(c[:]...)
	for l, v := range p {
		add(fmt.Sprintf("backbone.%d", l), v)
	}
	objectness, deltas := m.rpn.Head(p)
	for l := range objectness {
		add("rpn.head.cls_logits"+strings.Repeat("'", l), objectness[l])
		add("rpn.head.bbox_pred"+strings.Repeat("'", l), deltas[l])
	}
	proposals, count := nn.Proposals("rpn", m.rpn.proposals, sizes, image, objectness, deltas)
	levels := p[:4]
	x = m.box.Represent(add("roi_heads.box_roi_pool", m.box.Pool(proposals, count, levels)))
	add("roi_heads.box_head", x)
	logits, moves := m.box.Predict(x)
	add("roi_heads.box_predictor.cls_score", logits)
	add("roi_heads.box_predictor.bbox_pred", moves)
	var o Objects
	o.Boxes, o.Labels, o.Scores, o.Count = nn.Detections("roi_heads", m.box.detections, sizes, proposals, count, logits, moves)
	x = m.mask.Represent(add("roi_heads.mask_roi_pool", m.mask.Pool(o, levels)))
	x = m.mask.Predict(add("roi_heads.mask_head", x))
	add("roi_heads.mask_predictor", x)
	masks := nn.MaskSelect("roi_heads", x, o.Labels, o.Count)
	return append([]nn.Value{o.Boxes, o.Labels, o.Scores, o.Count, masks}, stages...)
}

// detector is one that runs the staged network.
func (s *staged) detector(c fullCase) *Detector {
	size := detectorTransform()
	if c.Kwargs.MinSize > 0 {
		size.MinSize, size.MaxSize = c.Kwargs.MinSize, c.Kwargs.MaxSize
	}
	return &Detector{net: s.net, arch: s.arch, names: COCONames(), settings: Settings{Transform: size}, padding: true}
}

// detect returns all outputs of one run over the pictures, and the objects.
func (s *staged) detect(t *testing.T, d *Detector, c fullCase) ([]*tensor.Tensor, []*Detections) {
	t.Helper()
	var samples []sample
	for _, name := range c.Images {
		pixels, h, w, err := d.settings.Transform.checkTensor(toTensor(t, decodePNG(t, readFile(t, "tv0292", name))))
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, d.settings.Transform.sample(pixels, 4, h, w, h, w))
	}
	b := d.batches(samples)[0]
	if got := []int{len(b.samples), 3, b.h, b.w}; !slices.Equal(got, c.NetShape) {
		t.Fatalf("image %v, want %v", got, c.NetShape)
	}
	out, err := d.run(bg, b, samples)
	if err != nil {
		t.Fatal(err)
	}
	var found []*Detections
	for i := range samples {
		f, err := d.read(out[:5], i, samples[i])
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, f)
	}
	return out[5:], found
}

// compareStages compares samples. Up to the logits of the RPN they agree to 2e-4 of a stage's deviation. Behind it the
// order of proposals of nearly equal score may differ, and with it every sample: there the stages' statistics must
// agree to a hundredth.
func (s *staged) compareStages(t *testing.T, c fullCase, out []*tensor.Tensor) {
	t.Helper()
	if len(out) != len(c.Stages) || len(out) != 28 {
		t.Errorf("%d stages, want %d", len(out), len(c.Stages))
	}
	for i, name := range s.stages {
		want, ok := c.Stages[name]
		if !ok {
			t.Errorf("%s: not in the golden file", name)
			continue
		}
		x := floats(t, out[i])
		rows, wantRows := out[i].Shape()[0], want.Shape[0]
		x = x[:len(x)/rows*wantRows] // without unused places
		if got := tensor.Shape(want.Shape).Len(); got != len(x) {
			t.Errorf("%s: %v, want %v", name, out[i].Shape(), want.Shape)
			continue
		}
		distance := want.distance(x)
		t.Logf("%-40s %.2g", name, distance)
		tolerance := 2e-4
		if strings.HasPrefix(name, "roi_heads") {
			want.Samples, tolerance = nil, 1e-2
			distance = want.distance(x)
		}
		if !(distance <= tolerance) {
			t.Errorf("%s: differs by %.2g of its deviation", name, distance)
		}
	}
}

// compareUnordered pairs objects of the same label that overlap by nine tenths, checks boxes to 0.2 pixels, and returns
// the greatest difference of scores of pairs and how many of want have none.
func compareUnordered(t *testing.T, found *Detections, want shapesCase) (score float64, unmatched int) {
	t.Helper()
	if found.Len() != len(want.Labels) {
		t.Errorf("%d objects, want %d", found.Len(), len(want.Labels))
	}
	used := make([]bool, found.Len())
	box, moved, pixels, area := 0.0, 0, 0.0, 0
	for i, label := range want.Labels {
		best, overlap := -1, 0.9
		for j := range used {
			if iou := intersection(found.Boxes[j], want.Boxes[i]); !used[j] && found.Labels[j] == label && iou > overlap {
				best, overlap = j, iou
			}
		}
		if best < 0 {
			unmatched++
			continue
		}
		used[best] = true
		if best != i {
			moved++
		}
		score = max(score, math.Abs(float64(found.Scores[best]-want.Scores[i])))
		for k := range 4 {
			box = max(box, math.Abs(float64(found.Boxes[best][k]-want.Boxes[i][k])))
		}
		pixels += math.Abs(float64(found.Masks[best].Area(0.5) - want.MaskArea[i]))
		area += want.MaskArea[i]
	}
	t.Logf("%d objects, %d in another place, %d without match: scores differ by %.2g, boxes by %.2g pixels, "+
		"masks by %v pixels of %d", found.Len(), moved, unmatched, score, box, pixels, area)
	if !(box <= 0.2) || !(pixels <= 0.005*float64(area)) {
		t.Errorf("boxes differ by %.2g pixels, masks by %v pixels of %d", box, pixels, area)
	}
	return score, unmatched
}

// intersection is the intersection over union of two boxes.
func intersection(a, b [4]float32) float64 {
	area := func(b [4]float32) float64 { return float64(b[2]-b[0]) * float64(b[3]-b[1]) }
	both := area([4]float32{max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])})
	if a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1] {
		return 0
	}
	return both / (area(a) + area(b) - both)
}
