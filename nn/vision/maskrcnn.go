package vision

import "github.com/argand-go/argand/nn"

// maskRCNNFamily recognises Mask R-CNN.
func maskRCNNFamily() family {
	f := fasterRCNNFamily()
	f.name = "MaskRCNN"
	f.keys = append(f.keys, "roi_heads.mask_predictor")
	f.recognize = func(w nn.Weights) (Architecture, error) {
		a, err := recognizeRCNN(w, "maskrcnn_")
		a.Masks = true
		return a, err
	}
	f.detector = func(w nn.Weights, _ Architecture, s Settings) finder { return NewMaskRCNN(w, s) }
	return f
}

// MaskRCNN is the detector of He et al., "Mask R-CNN" (2017): a [FasterRCNN]
// with a [MaskHead] that looks at the boxes it has found. It is torchvision's
// maskrcnn_resnet50_fpn and maskrcnn_resnet50_fpn_v2, and the same with any other
// ResNet.
type MaskRCNN struct {
	FasterRCNN
	mask *MaskHead
}

// NewMaskRCNN reads a detector. What is missing, misshapen or left over is for
// w.Err("MaskRCNN") to report.
func NewMaskRCNN(w nn.Weights, c Settings) *MaskRCNN {
	f := NewFasterRCNN(w, c)
	classes := c.Classes
	if classes == 0 {
		classes = extent(w, "roi_heads.box_predictor.cls_score.weight", 0, 91)
	}
	return &MaskRCNN{*f, NewMaskHead(w.At("roi_heads"), f.fpn.Channels(), classes, c.Eps)}
}

// Forward returns the objects in an image (N, 3, H, W), as [FasterRCNN] does,
// and the probabilities (N, D, 28, 28) of their masks, each inside its box.
func (m *MaskRCNN) Forward(image, sizes nn.Value) Found {
	o, levels := m.detect(image, sizes)
	return Found{Objects: o, Masks: m.mask.Forward(o, levels)}
}
