package vision

import (
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// This file has what the one-stage detectors RetinaNet and FCOS share.

// densePyramid is the feature pyramid of figure 3 of the RetinaNet paper: a
// [FPN] without its finest level, and two coarser ones (footnote 2).
type densePyramid struct {
	trunk  *Trunk
	fpn    *FPN
	p6, p7 *nn.Conv2d
	onC5   bool // P6 is made of C5, not of P5
}

func newDensePyramid(w nn.Weights, eps float64) *densePyramid {
	trunk := NewTrunk(w.At("body"), eps)
	c := trunk.Channels()
	fpn := NewFPN(w.At("fpn"), eps, c[1:]...)
	extra, out := w.At("fpn.extra_blocks"), fpn.Channels()
	strided := nn.Conv{Kernel: 3, Stride: 2, Padding: 1, Bias: true}
	b := &densePyramid{trunk: trunk, fpn: fpn}
	in := out
	if extent(extra, "p6.weight", 1, out) != out { // torchvision's rule, too
		b.onC5, in = true, c[3]
	}
	b.p6 = nn.NewConv2d(extra.At("p6"), in, out, strided)
	b.p7 = nn.NewConv2d(extra.At("p7"), out, out, strided)
	return b
}

// Forward returns P3 … P7 of an image (N, 3, H, W), which have 1/8 … 1/128 of its
// height and width.
func (b *densePyramid) Forward(image nn.Value) []nn.Value {
	c := b.trunk.Forward(image)
	p := b.fpn.Levels(c[1:]...)
	p6 := p[len(p)-1]
	if b.onC5 {
		p6 = c[3]
	}
	p6 = b.p6.Forward(p6)
	return append(p, p6, b.p7.Forward(nn.ReLU(p6)))
}

// newHidden reads the four hidden layers of a head over features of the given
// channels, each as layer does.
func newHidden(w nn.Weights, channels int, layer func(w nn.Weights, i, channels int) nn.Sequential) nn.Sequential {
	var hidden nn.Sequential
	for i := range 4 {
		hidden = append(hidden, layer(w, i, channels), forward(nn.ReLU))
	}
	return hidden
}

// newOutput reads the last layer of a head.
func newOutput(w nn.Weights, channels, out int) *nn.Conv2d {
	return nn.NewConv2d(w, channels, out, nn.Conv{Kernel: 3, Padding: 1, Bias: true})
}

// newHeadNorm reads a group norm of a head. No checkpoint tells its groups, which
// are 32 in all of torchvision's.
func newHeadNorm(w nn.Weights, channels int) *nn.GroupNorm {
	return nn.NewGroupNorm(w, 32, channels, nn.DefaultEps)
}

// countDense returns how many anchors a place has, those of the checkpoint, and
// how many classes, which are also the checkpoint's unless c.Classes says otherwise.
func countDense(head nn.Weights, c Settings) (anchors, classes int) {
	anchors = len(c.AnchorRatios)
	if len(c.AnchorSizes) > 0 {
		anchors *= len(c.AnchorSizes[0])
	}
	anchors = max(1, extent(head, "regression_head.bbox_reg.weight", 0, 4*anchors)/4)
	if classes = c.Classes; classes == 0 {
		classes = max(1, extent(head, "classification_head.cls_logits.weight", 0, 91*anchors)/anchors)
	}
	return anchors, classes
}

// denseDetections returns the operator for the settings.
func denseDetections(c Settings) op.DenseDetections {
	return op.DenseDetections{
		Anchors:        CellAnchors(c.AnchorSizes, c.AnchorRatios),
		Candidates:     c.Candidates,
		ScoreThreshold: c.ScoreThreshold,
		NMSThreshold:   c.NMSThreshold,
		Max:            c.MaxDetections,
	}
}
