package vision

import (
	"math"
	"strconv"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// BoxHead is the second stage of Faster R-CNN on a pyramid (Lin et al., 2017,
// section 4.2): it pools each proposal to 7×7 and says with hidden layers what it
// is and, for every class, how to move its box.
type BoxHead struct {
	path           string
	pool           op.RoIAlign
	hidden         nn.Sequential
	logits, deltas *nn.Linear
	detections     op.Detections
}

// NewBoxHead reads roi_heads.box_head and roi_heads.box_predictor over features
// of the given channels. The bins of the pooling, the hidden layers and their
// widths are those of the checkpoint; so is the number of classes, the background
// included, unless c.Classes says otherwise.
func NewBoxHead(w nn.Weights, channels int, c Settings) *BoxHead {
	var (
		hidden     nn.Sequential
		bins, wide int
	)
	if head := w.At("box_head"); head.At("0").Exists() {
		hidden, bins, wide = newConvBoxHead(head, channels, c.Eps)
	} else {
		hidden, bins, wide = newLinearBoxHead(head, channels)
	}
	classes := c.Classes
	if classes == 0 {
		classes = extent(w, "box_predictor.cls_score.weight", 0, 91)
	}
	return &BoxHead{
		path:   w.Path(),
		pool:   pyramidAlign(bins),
		hidden: hidden,
		logits: nn.NewLinear(w.At("box_predictor.cls_score"), wide, classes),
		deltas: nn.NewLinear(w.At("box_predictor.bbox_pred"), wide, 4*classes),
		detections: op.Detections{
			ScoreThreshold: c.ScoreThreshold,
			NMSThreshold:   c.NMSThreshold,
			MinSize:        1e-2,
			Max:            c.MaxDetections,
			Weights:        [4]float32{10, 10, 5, 5},
		},
	}
}

// newLinearBoxHead reads two hidden layers, torchvision's TwoMLPHead, and returns
// the bins of the pooling and the width too.
func newLinearBoxHead(w nn.Weights, channels int) (head nn.Sequential, bins, wide int) {
	bins = binsOf(w, "fc6.weight", channels)
	hidden := extent(w, "fc6.weight", 0, 1024)
	wide = extent(w, "fc7.weight", 0, hidden)
	return nn.Sequential{
		forward(nn.Flatten),
		nn.NewLinear(w.At("fc6"), bins*bins*channels, hidden), forward(nn.ReLU),
		nn.NewLinear(w.At("fc7"), hidden, wide), forward(nn.ReLU),
	}, bins, wide
}

// newConvBoxHead reads convolutions and a hidden layer, FastRCNNConvFCHead of
// torchvision's second version.
func newConvBoxHead(w nn.Weights, channels int, eps float64) (head nn.Sequential, bins, wide int) {
	depth := 0
	for layer := w.At("0"); layer.At("0").Exists(); layer = w.At(strconv.Itoa(depth)) {
		out := extent(layer, "0.weight", 0, channels)
		head = append(head, newFilter(layer, channels, out, nn.Conv{Kernel: 3, Padding: 1}, eps), forward(nn.ReLU))
		channels = out
		depth++
	}
	last := strconv.Itoa(depth + 1) // the flattening has a number
	bins = binsOf(w, last+".weight", channels)
	wide = extent(w, last+".weight", 0, 1024)
	return append(head, forward(nn.Flatten),
		nn.NewLinear(w.At(last), bins*bins*channels, wide), forward(nn.ReLU)), bins, wide
}

// binsOf returns how many bins a side the features of so many channels have that
// a linear layer takes.
func binsOf(w nn.Weights, weight string, channels int) int {
	in := extent(w, weight, 1, 49*channels)
	return int(math.Round(math.Sqrt(float64(in) / float64(channels))))
}

// Forward returns what proposals (N, R, 4), count of them used, turn out to be.
// Sizes are (N, 2), levels those of the pyramid that are pooled from, P2 … P5.
func (h *BoxHead) Forward(sizes, proposals, count nn.Value, levels []nn.Value) Objects {
	logits, deltas := h.Predict(h.Represent(h.Pool(proposals, count, levels)))
	var o Objects
	o.Boxes, o.Labels, o.Scores, o.Count = nn.Detections(
		h.path, h.detections, sizes, proposals, count, logits, deltas)
	return o
}

// Pool returns the features (N·R, C, 7, 7) of proposals, packed.
func (h *BoxHead) Pool(proposals, count nn.Value, levels []nn.Value) nn.Value {
	return nn.RoIAlign(h.path+".box_roi_pool", h.pool, proposals, count, levels...)
}

// Represent returns the hidden representation (N·R, 1024) of pooled features.
func (h *BoxHead) Represent(x nn.Value) nn.Value { return h.hidden.Forward(x) }

// Predict returns class logits (N·R, K) and, per class, box deltas (N·R, 4K).
func (h *BoxHead) Predict(x nn.Value) (logits, deltas nn.Value) {
	return h.logits.Forward(x), h.deltas.Forward(x)
}

// pyramidAlign pools from P2 … P5, the level by equation 1 of the FPN paper.
// torchvision works the scales out from the first picture that a model is given,
// and keeps them. They are these unless that is a sliver: of 9 pixels in height
// once scaled, say, which are padded to 32.
func pyramidAlign(bins int) op.RoIAlign {
	return op.RoIAlign{
		Size:           bins,
		Sampling:       2,
		Scales:         []float64{1. / 4, 1. / 8, 1. / 16, 1. / 32},
		CanonicalScale: 224,
		CanonicalLevel: 4,
	}
}
