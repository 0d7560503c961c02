package vision

import (
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
	Masks nn.Value // (N, D, 28, 28), the probabilities of masks inside their boxes; of Mask R-CNN
}

// fasterRCNNFamily recognises Faster R-CNN.
func fasterRCNNFamily() family {
	return family{
		name: "FasterRCNN",
		task: Detection,
		keys: []string{"backbone.body.layer1.0.conv1", "backbone.fpn", "rpn.head.cls_logits", "roi_heads.box_head.fc6",
			"roi_heads.box_predictor.cls_score"},
		recognize: func(w nn.Weights) (Architecture, error) { return recognizeRCNN(w, "fasterrcnn"), nil },
		defaults:  func(Architecture) Settings { return DefaultRCNN() },
		detector:  func(w nn.Weights, _ Architecture, s Settings) finder { return NewFasterRCNN(w, s) },
	}
}

// recognizeRCNN names an R-CNN of a kind.
func recognizeRCNN(w nn.Weights, kind string) Architecture {
	a := recognizeTrunk(w.At("backbone.body"))
	a.Classes = extent(w, "roi_heads.box_predictor.cls_score.weight", 0, 0)
	a.Pyramid = extent(renamed(w.At("backbone.fpn"), "inner_blocks.0", "inner_blocks.0.0"), "weight", 0, 0)
	a.Anchors = extent(w, "rpn.head.cls_logits.weight", 0, 0)
	a.Name = kind + "_" + a.Name + "_fpn"
	return a
}

// FasterRCNN is the detector of Ren et al., "Faster R-CNN" (2015), on the
// feature pyramid of a ResNet: torchvision's fasterrcnn_resnet50_fpn, and the
// same with any other ResNet.
type FasterRCNN struct {
	trunk *Trunk
	fpn   *FPN
	rpn   *RPN
	box   *BoxHead
}

// NewFasterRCNN reads a detector. What is missing, misshapen or left over is
// for w.Err("FasterRCNN") to report.
func NewFasterRCNN(w nn.Weights, c Settings) *FasterRCNN {
	trunk := NewTrunk(w.At("backbone.body"), c.Eps)
	channels := trunk.Channels()
	fpn := NewFPN(w.At("backbone.fpn"), channels[:]...)
	return &FasterRCNN{
		trunk: trunk,
		fpn:   fpn,
		rpn:   NewRPN(w.At("rpn"), fpn.Channels(), c),
		box:   NewBoxHead(w.At("roi_heads"), fpn.Channels(), c),
	}
}

// Forward returns the objects in an image (N, 3, H, W), normalised and padded,
// of pictures whose heights and widths without padding are sizes (N, 2).
func (m *FasterRCNN) Forward(image, sizes nn.Value) Found {
	o, _ := m.detect(image, sizes)
	return Found{Objects: o}
}

// detect also returns the levels of the pyramid that heads pool from.
func (m *FasterRCNN) detect(image, sizes nn.Value) (Objects, []nn.Value) {
	c := m.trunk.Forward(image)
	p := m.fpn.Forward(c[:]...)
	proposals, count := m.rpn.Forward(sizes, image, p)
	levels := p[:len(p)-1] // P6 is for proposals only
	return m.box.Forward(sizes, proposals, count, levels), levels
}
