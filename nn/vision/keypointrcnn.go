package vision

import "github.com/argand-go/argand/nn"

// keypointRCNNFamily recognises Keypoint R-CNN.
func keypointRCNNFamily() family {
	f := fasterRCNNFamily()
	f.name = "KeypointRCNN"
	f.keys = append(f.keys, "roi_heads.keypoint_predictor")
	f.recognize = func(w nn.Weights) (Architecture, error) {
		a, err := recognizeRCNN(w, "keypointrcnn_")
		a.Keypoints = extent(w, "roi_heads.keypoint_predictor.kps_score_lowres.weight", 1, 0)
		return a, err
	}
	f.detector = func(w nn.Weights, _ Architecture, s Settings) finder { return NewKeypointRCNN(w, s) }
	return f
}

// KeypointRCNN is the detector of He et al., "Mask R-CNN" (2017), section 5: a
// [FasterRCNN] of persons with a [KeypointHead] that looks at the boxes it has
// found. It is torchvision's keypointrcnn_resnet50_fpn, and the same with any
// other ResNet.
type KeypointRCNN struct {
	FasterRCNN
	keypoints *KeypointHead
}

// NewKeypointRCNN reads a detector. What is missing, misshapen or left over is
// for w.Err("KeypointRCNN") to report.
func NewKeypointRCNN(w nn.Weights, c Settings) *KeypointRCNN {
	f := NewFasterRCNN(w, c)
	return &KeypointRCNN{*f, NewKeypointHead(w.At("roi_heads"), f.fpn.Channels())}
}

// Forward returns the objects in an image (N, 3, H, W), as [FasterRCNN] does,
// and the keypoints (N, D, K, 3) of each, in pixels of the image.
func (m *KeypointRCNN) Forward(image, sizes nn.Value) Found {
	o, levels := m.detect(image, sizes)
	return Found{Objects: o, Keypoints: m.keypoints.Forward(o, levels)}
}
