package vision

import (
	"github.com/argand-go/argand/nn"
)

// RCNN holds what the checkpoint of an R-CNN does not. [DefaultRCNN] has
// torchvision's values; the zero RCNN is no useful network.
type RCNN struct {
	Eps            float64   // of the batch norms; see [WithEps]
	Classes        int       // the background included; 0 for as many as the checkpoint has
	AnchorSizes    [][]int   // per pyramid level P2 … P6, in pixels of the image
	AnchorRatios   []float64 // height to width
	ScoreThreshold float64   // objects have a greater score
	NMSThreshold   float64   // the least IoU, exclusive, at which one of two boxes of a class goes
	MaxDetections  int       // per picture
}

// DefaultRCNN returns the values that torchvision's builders use.
func DefaultRCNN() RCNN {
	return RCNN{
		Eps:            nn.DefaultEps,
		AnchorSizes:    [][]int{{32}, {64}, {128}, {256}, {512}},
		AnchorRatios:   []float64{0.5, 1, 2},
		ScoreThreshold: 0.05,
		NMSThreshold:   0.5,
		MaxDetections:  100,
	}
}

// Objects is what a detector finds in a batch of N pictures, at most D in each:
// Boxes (N, D, 4) float32 as x1, y1, x2, y2 in pixels of the padded image,
// Labels (N, D) int64, Scores (N, D) float32 in descending order, and Count (N)
// int32, how many of the D places are used; the others are 0.
type Objects struct{ Boxes, Labels, Scores, Count nn.Value }

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
func NewFasterRCNN(w nn.Weights, c RCNN) *FasterRCNN {
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
func (m *FasterRCNN) Forward(image, sizes nn.Value) Objects {
	o, _ := m.detect(image, sizes)
	return o
}

// detect also returns the levels of the pyramid that heads pool from.
func (m *FasterRCNN) detect(image, sizes nn.Value) (Objects, []nn.Value) {
	c := m.trunk.Forward(image)
	p := m.fpn.Forward(c[:]...)
	proposals, count := m.rpn.Forward(sizes, image, p)
	levels := p[:len(p)-1] // P6 is for proposals only
	return m.box.Forward(sizes, proposals, count, levels), levels
}
