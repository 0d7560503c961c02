package vision

import "github.com/argand-go/argand/nn"

// lrasppFamily recognises LR-ASPP.
func lrasppFamily() family {
	return family{
		name: "LRASPP",
		task: Segmentation,
		keys: []string{"backbone.0.0.weight", "classifier.cbr", "classifier.low_classifier.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a, err := recognizeDilatedMobileTrunk(w.At("backbone"), "lraspp_")
			a.Classes = extent(w, "classifier.low_classifier.weight", 0, 0)
			return a, err
		},
		defaults:  func(Architecture) Settings { return segmenterSettings(MobileNetV3Eps) },
		segmenter: func(w nn.Weights, _ Architecture, s Settings) labeler { return NewLRASPP(w, s) },
	}
}

// recognizeDilatedMobileTrunk names the network of segmentation that has the
// MobileNetV3 under w.
func recognizeDilatedMobileTrunk(w nn.Weights, prefix string) (Architecture, error) {
	a := Architecture{Name: prefix + mobileLarge.name, Width: extent(w, "0.0.weight", 0, 0), published: 16}
	if table, ok := mobileTableOf(w); !ok || table.name != mobileLarge.name {
		return a, &UnsupportedArchitectureError{a.Name, "a trunk of 15 blocks is, MobileNetV3-Large"}
	}
	return a, nil
}

// LRASPP is the network of Howard et al., "Searching for MobileNetV3" (2019),
// section 6.4 and figure 10, as torchvision has it: Lite R-ASPP on a dilated
// [MobileNetV3]. It is lraspp_mobilenet_v3_large.
type LRASPP struct {
	low, high nn.Sequential // the trunk up to 1/8 of the image, and from there to 1/16

	cbr        nn.Sequential
	scale      *nn.Conv2d
	lowScores  *nn.Conv2d
	highScores *nn.Conv2d
}

// lowBlocks is how many modules of a MobileNetV3-Large the map of 1/8 is the
// result of: the stem and four blocks.
const lowBlocks = 5

// NewLRASPP reads a network whose number of classes is that of the checkpoint.
// Eps is that of the trunk's batch norms; the head's is nn.DefaultEps. What is
// missing, misshapen or left over is for w.Err("LRASPP") to report.
func NewLRASPP(w nn.Weights, s Settings) *LRASPP {
	trunk, high := newMobileTrunk(w.At("backbone"), s.Eps, nn.NewBatchNorm2d, 2)
	head := w.At("classifier")
	low := extent(head, "low_classifier.weight", 1, 40)
	mid := extent(head, "cbr.0.weight", 0, 128)
	return &LRASPP{
		low:        trunk[:lowBlocks],
		high:       trunk[lowBlocks:],
		cbr:        newConvNormReLU(head.At("cbr"), 0, high, mid, nn.Conv{Kernel: 1}, nn.DefaultEps),
		scale:      nn.NewConv2d(head.At("scale.1"), high, mid, nn.Conv{Kernel: 1}),
		lowScores:  newScores(head.At("low_classifier"), low, s.Classes),
		highScores: newScores(head.At("high_classifier"), mid, s.Classes),
	}
}

// Coarse returns the logits (N, classes, H/8, W/8) of an image (N, 3, H, W).
func (l *LRASPP) Coarse(x nn.Value) nn.Value {
	low := l.low.Forward(x)
	high := l.high.Forward(low)
	x = nn.Mul(l.cbr.Forward(high), nn.Sigmoid(l.scale.Forward(nn.GlobalAvgPool2d(high))))
	x = nn.UpsampleBilinear(x, low)
	return nn.Add(l.lowScores.Forward(low), l.highScores.Forward(x))
}

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes, H, W).
func (l *LRASPP) Forward(x nn.Value) nn.Value { return nn.UpsampleBilinear(l.Coarse(x), x) }
