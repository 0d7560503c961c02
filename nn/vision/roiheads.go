package vision

import (
	"math"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// BoxHead is the second stage of Faster R-CNN on a pyramid (Lin et al., 2017,
// section 4.2): it pools each proposal to 7×7 and says with two hidden layers
// what it is and, for every class, how to move its box.
type BoxHead struct {
	path           string
	pool           op.RoIAlign
	fc6, fc7       *nn.Linear
	logits, deltas *nn.Linear
	detections     op.Detections
}

// NewBoxHead reads roi_heads.box_head and roi_heads.box_predictor over features
// of the given channels. The bins of the pooling and the widths are those of
// the checkpoint; so is the number of classes, the background included, unless
// c.Classes says otherwise.
func NewBoxHead(w nn.Weights, channels int, c Settings) *BoxHead {
	in := extent(w, "box_head.fc6.weight", 1, 49*channels)
	bins := int(math.Round(math.Sqrt(float64(in) / float64(channels))))
	hidden := extent(w, "box_head.fc6.weight", 0, 1024)
	hidden2 := extent(w, "box_head.fc7.weight", 0, hidden)
	classes := c.Classes
	if classes == 0 {
		classes = extent(w, "box_predictor.cls_score.weight", 0, 91)
	}
	return &BoxHead{
		path:   w.Path(),
		pool:   pyramidAlign(bins),
		fc6:    nn.NewLinear(w.At("box_head.fc6"), bins*bins*channels, hidden),
		fc7:    nn.NewLinear(w.At("box_head.fc7"), hidden, hidden2),
		logits: nn.NewLinear(w.At("box_predictor.cls_score"), hidden2, classes),
		deltas: nn.NewLinear(w.At("box_predictor.bbox_pred"), hidden2, 4*classes),
		detections: op.Detections{
			ScoreThreshold: c.ScoreThreshold,
			NMSThreshold:   c.NMSThreshold,
			MinSize:        1e-2,
			Max:            c.MaxDetections,
			Weights:        [4]float32{10, 10, 5, 5},
		},
	}
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
func (h *BoxHead) Represent(x nn.Value) nn.Value {
	x = nn.ReLU(h.fc6.Forward(nn.Flatten(x)))
	return nn.ReLU(h.fc7.Forward(x))
}

// Predict returns class logits (N·R, K) and, per class, box deltas (N·R, 4K).
func (h *BoxHead) Predict(x nn.Value) (logits, deltas nn.Value) {
	return h.logits.Forward(x), h.deltas.Forward(x)
}

// pyramidAlign pools from P2 … P5, the level by equation 1 of the FPN paper.
func pyramidAlign(bins int) op.RoIAlign {
	return op.RoIAlign{
		Size:           bins,
		Sampling:       2,
		Scales:         []float64{1. / 4, 1. / 8, 1. / 16, 1. / 32},
		CanonicalScale: 224,
		CanonicalLevel: 4,
	}
}
