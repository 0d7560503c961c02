package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// MaskHead is the mask branch of He et al., "Mask R-CNN" (2017), figure 4,
// right: a small fully convolutional network that gives every object a 28×28
// mask per class.
type MaskHead struct {
	path   string
	pool   op.RoIAlign
	conv   []nn.Sequential
	deconv *nn.ConvTranspose2d
	logits *nn.Conv2d
}

// NewMaskHead reads roi_heads.mask_head and roi_heads.mask_predictor over
// features of the given channels, for so many classes. Its depth and widths
// are those of the checkpoint. Eps is that of its batch norms, if it has them.
func NewMaskHead(w nn.Weights, channels, classes int, eps float64) *MaskHead {
	h := &MaskHead{path: w.Path(), pool: pyramidAlign(14)}
	head, depth := w.At("mask_head"), 1
	for head.At(fmt.Sprint(depth, ".0")).Exists() || head.At(fmt.Sprint("mask_fcn", depth+1)).Exists() {
		depth++
	}
	for i := range depth {
		old := fmt.Sprint("mask_fcn", i+1)
		layer := renamed(head, old, fmt.Sprint(i, ".0"))
		out := extent(layer, "weight", 0, extent(head, old+".weight", 0, 256))
		h.conv = append(h.conv, newFilter(head.At(fmt.Sprint(i)), channels, out, nn.Conv{Kernel: 3, Padding: 1}, eps))
		channels = out
	}
	predictor := w.At("mask_predictor")
	out := extent(predictor, "conv5_mask.weight", 1, channels)
	h.deconv = nn.NewConvTranspose2d(predictor.At("conv5_mask"), channels, out,
		nn.Conv{Kernel: 2, Stride: 2, Bias: true})
	h.logits = nn.NewConv2d(predictor.At("mask_fcn_logits"), out, classes, nn.Conv{Kernel: 1, Bias: true})
	return h
}

// Forward returns the probabilities (N, D, 28, 28) of the masks of o, each for
// the class that the box head has found.
func (h *MaskHead) Forward(o Objects, levels []nn.Value) nn.Value {
	logits := h.Predict(h.Represent(h.Pool(o, levels)))
	return nn.MaskSelect(h.path, logits, o.Labels, o.Count)
}

// Pool returns the features (N·D, C, 14, 14) of the objects' final boxes, packed.
func (h *MaskHead) Pool(o Objects, levels []nn.Value) nn.Value {
	return nn.RoIAlign(h.path+".mask_roi_pool", h.pool, o.Boxes, o.Count, levels...)
}

// Represent returns the features after the 3×3 convolutions, (N·D, 256, 14, 14).
func (h *MaskHead) Represent(x nn.Value) nn.Value {
	for _, conv := range h.conv {
		x = nn.ReLU(conv.Forward(x))
	}
	return x
}

// Predict returns the logits (N·D, K, 28, 28) of every class.
func (h *MaskHead) Predict(x nn.Value) nn.Value {
	return h.logits.Forward(nn.ReLU(h.deconv.Forward(x)))
}
