package vision

import (
	"strings"

	"github.com/argand-go/argand/nn"
)

// DefaultRCNN returns what torchvision's builders of R-CNNs on the pyramid of a
// ResNet use.
func DefaultRCNN() Settings {
	return Settings{
		Transform:       detectorTransform(),
		Eps:             nn.DefaultEps,
		AnchorSizes:     [][]int{{32}, {64}, {128}, {256}, {512}},
		AnchorRatios:    []float64{0.5, 1, 2},
		ScoreThreshold:  0.05,
		NMSThreshold:    0.5,
		MaxDetections:   100,
		ProposalsBefore: 1000,
		ProposalsAfter:  1000,
	}
}

// Objects is what a detector finds in a batch of N pictures, at most D in each:
// Boxes (N, D, 4) float32 as x1, y1, x2, y2 in pixels of the padded image,
// Labels (N, D) int64, Scores (N, D) float32 in descending order, and Count (N)
// int32, how many of the D places are used; the others are 0.
type Objects struct{ Boxes, Labels, Scores, Count nn.Value }

// Found is what the network of a detector makes of a batch: objects, and of each
// what only some networks tell.
type Found struct {
	Objects
	Masks     nn.Value // (N, D, 28, 28), the probabilities of masks inside their boxes; of Mask R-CNN
	Keypoints nn.Value // (N, D, K, 3), as x and y in pixels of the padded image, and score; of Keypoint R-CNN
}

// fasterRCNNFamily recognises Faster R-CNN.
func fasterRCNNFamily() family {
	return family{
		name: "FasterRCNN",
		task: Detection,
		keys: []string{"backbone.body", "backbone.fpn", "rpn.head.cls_logits", "roi_heads.box_head",
			"roi_heads.box_predictor.cls_score"},
		recognize: func(w nn.Weights) (Architecture, error) { return recognizeRCNN(w, "fasterrcnn_") },
		defaults: func(a Architecture) Settings {
			if strings.HasPrefix(a.Name, "fasterrcnn_mobilenet") {
				return DefaultMobileRCNN()
			}
			return DefaultRCNN()
		},
		detector: func(w nn.Weights, _ Architecture, s Settings) finder { return NewFasterRCNN(w, s) },
	}
}

// recognizeRCNN names an R-CNN of a kind.
func recognizeRCNN(w nn.Weights, kind string) (Architecture, error) {
	a, err := recognizeBody(w.At("backbone.body"))
	a.Classes = extent(w, "roi_heads.box_predictor.cls_score.weight", 0, 0)
	a.Pyramid = extent(renamed(w.At("backbone.fpn"), "inner_blocks.0", "inner_blocks.0.0"), "weight", 0, 0)
	a.Anchors = extent(w, "rpn.head.cls_logits.weight", 0, 0)
	a.Name = kind + a.Name + "_fpn"
	if w.Has("roi_heads.box_head.0.0.weight") {
		a.Name += "_v2"
	}
	return a, err
}

// recognizeBody names what a pyramid stands on.
func recognizeBody(w nn.Weights) (Architecture, error) {
	if hasMobileBody(w) {
		return recognizeMobileTrunk(w)
	}
	return recognizeTrunk(w), nil
}

// hasMobileBody reports whether w is a [MobileNetV3], and not a [ResNet].
func hasMobileBody(w nn.Weights) bool { return w.Has("0.0.weight") }

// A body is what a pyramid stands on.
type body interface {
	// maps returns feature maps of an image (N, 3, H, W), the finest first.
	maps(image nn.Value) []nn.Value
}

// FasterRCNN is the detector of Ren et al., "Faster R-CNN" (2015), on the
// feature pyramid of a ResNet or a MobileNetV3: torchvision's
// fasterrcnn_resnet50_fpn, the same with any other ResNet, its second version
// fasterrcnn_resnet50_fpn_v2, which Li et al. describe in "Benchmarking Detection
// Transfer Learning with Vision Transformers" (2021), and
// fasterrcnn_mobilenet_v3_large_fpn.
type FasterRCNN struct {
	body body
	fpn  *FPN
	rpn  *RPN
	box  *BoxHead
}

// NewFasterRCNN reads a detector; which one, the checkpoint tells. What is
// missing, misshapen or left over is for w.Err("FasterRCNN") to report.
func NewFasterRCNN(w nn.Weights, c Settings) *FasterRCNN {
	trunk, fpn := w.At("backbone.body"), w.At("backbone.fpn")
	m, channels := &FasterRCNN{}, []int(nil)
	mobile := hasMobileBody(trunk)
	if mobile {
		m.body, channels = newMobileBody(trunk, fpn, c.Eps)
	} else {
		t := NewTrunk(trunk, c.Eps)
		all := t.Channels()
		m.body, channels = t, all[:]
	}
	m.fpn = NewFPN(fpn, c.Eps, channels...)
	m.rpn = NewRPN(w.At("rpn"), m.fpn.Channels(), c)
	m.box = NewBoxHead(w.At("roi_heads"), m.fpn.Channels(), c)
	if mobile { // of two maps of 1/32, torchvision pools all boxes from the first
		m.box.pool.Scales = []float64{1. / 32}
	}
	return m
}

// Forward returns the objects in an image (N, 3, H, W), normalised and padded,
// of pictures whose heights and widths without padding are sizes (N, 2).
func (m *FasterRCNN) Forward(image, sizes nn.Value) Found {
	o, _ := m.detect(image, sizes)
	return Found{Objects: o}
}

// detect also returns the levels of the pyramid that heads pool from; the
// coarsest is for proposals only.
func (m *FasterRCNN) detect(image, sizes nn.Value) (Objects, []nn.Value) {
	p := m.fpn.Forward(m.body.maps(image)...)
	proposals, count := m.rpn.Forward(sizes, image, p)
	levels := p[:len(m.box.pool.Scales)]
	return m.box.Forward(sizes, proposals, count, levels), levels
}
