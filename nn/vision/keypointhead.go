package vision

import (
	"strconv"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// KeypointHead is the keypoint branch of He et al., "Mask R-CNN" (2017), section
// 5: a stack of convolutions, wide and deep, that gives every object a 56×56 heat
// map for each keypoint, whose highest place the keypoint is.
type KeypointHead struct {
	path   string
	pool   op.RoIAlign
	conv   []*nn.Conv2d
	deconv *nn.ConvTranspose2d
}

// NewKeypointHead reads roi_heads.keypoint_head and roi_heads.keypoint_predictor
// over features of the given channels. Its depth, its widths and the number of
// keypoints are those of the checkpoint.
func NewKeypointHead(w nn.Weights, channels int) *KeypointHead {
	h := &KeypointHead{path: w.Path(), pool: pyramidAlign(14)}
	spatial := nn.Conv{Kernel: 3, Padding: 1, Bias: true}
	layer := w.At("keypoint_head.0")
	for i := 2; i == 2 || layer.Exists(); i += 2 { // the odd ones are activations
		out := extent(layer, "weight", 0, 512)
		h.conv = append(h.conv, nn.NewConv2d(layer, channels, out, spatial))
		channels = out
		layer = w.At("keypoint_head").At(strconv.Itoa(i))
	}
	predictor := w.At("keypoint_predictor.kps_score_lowres")
	h.deconv = nn.NewConvTranspose2d(predictor, channels, extent(predictor, "weight", 1, 17),
		nn.Conv{Kernel: 4, Stride: 2, Padding: 1, Bias: true})
	return h
}

// Forward returns the keypoints (N, D, K, 3) of o as x, y, both in pixels of the
// padded image, and score.
func (h *KeypointHead) Forward(o Objects, levels []nn.Value) nn.Value {
	const enlarged = 2 // from 28×28
	maps := h.Predict(h.Represent(h.Pool(o, levels)))
	return nn.Keypoints(h.path+".keypoints", enlarged, maps, o.Boxes, o.Count)
}

// Pool returns the features (N·D, C, 14, 14) of the objects' final boxes, packed.
func (h *KeypointHead) Pool(o Objects, levels []nn.Value) nn.Value {
	return nn.RoIAlign(h.path+".keypoint_roi_pool", h.pool, o.Boxes, o.Count, levels...)
}

// Represent returns the features after the 3×3 convolutions, (N·D, 512, 14, 14).
func (h *KeypointHead) Represent(x nn.Value) nn.Value {
	for _, conv := range h.conv {
		x = nn.ReLU(conv.Forward(x))
	}
	return x
}

// Predict returns the heat maps (N·D, K, 28, 28).
func (h *KeypointHead) Predict(x nn.Value) nn.Value { return h.deconv.Forward(x) }
