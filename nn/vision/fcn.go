package vision

import (
	"strconv"

	"github.com/argand-go/argand/nn"
)

// fcnFamily recognises FCN.
func fcnFamily() family {
	return family{
		name: "FCN",
		task: Segmentation,
		keys: []string{"backbone.layer4.0.conv1", "classifier.0.weight", "classifier.4.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a, err := recognizeDilatedTrunk(w.At("backbone"), "fcn_")
			a.Classes = extent(w, "classifier.4.weight", 0, 0)
			return a, err
		},
		defaults:  func(Architecture) Settings { return segmenterSettings(nn.DefaultEps) },
		segmenter: func(w nn.Weights, _ Architecture, s Settings) labeler { return NewFCN(w, s) },
	}
}

// recognizeDilatedTrunk names the network of segmentation that has the ResNet
// under w.
func recognizeDilatedTrunk(w nn.Weights, prefix string) (Architecture, error) {
	a := recognizeTrunk(w)
	a.Name = prefix + a.Name
	if !a.Bottleneck {
		return a, &UnsupportedArchitectureError{a.Name, "only ResNets of bottlenecks, from 50 layers on, can be dilated"}
	}
	return a, nil
}

// FCN is the network of Long, Shelhamer and Darrell, "Fully Convolutional
// Networks for Semantic Segmentation" (2015), as torchvision has it: a [Trunk]
// whose last two layers are dilated instead of having a stride, and a head that
// looks at every place of its last map. It is fcn_resnet50, fcn_resnet101, and
// the same with any other ResNet of bottlenecks.
type FCN struct {
	trunk      *Trunk
	classifier nn.Sequential
}

// NewFCN reads a network whose trunk and number of classes are those of the
// checkpoint. The auxiliary classifier that it may have was of use for training
// only. What is missing, misshapen or left over is for w.Err("FCN") to report.
func NewFCN(w nn.Weights, s Settings) *FCN {
	trunk := newDilatedTrunk(w.At("backbone"), s.Eps)
	w.Ignore("aux_classifier")
	head, in := w.At("classifier"), trunk.Channels()[3]
	mid := extent(head, "0.weight", 0, in/4)
	return &FCN{trunk, nn.Sequential{
		newConvNormReLU(head, 0, in, mid, nn.Conv{Kernel: 3, Padding: 1}, s.Eps),
		newScores(head.At("4"), mid, s.Classes),
	}}
}

// Coarse returns the logits (N, classes, H/8, W/8) of an image (N, 3, H, W).
func (f *FCN) Coarse(x nn.Value) nn.Value { return f.classifier.Forward(f.trunk.Forward(x)[3]) }

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes, H, W).
func (f *FCN) Forward(x nn.Value) nn.Value { return nn.UpsampleBilinear(f.Coarse(x), x) }

// newConvNormReLU reads a convolution, which is number i of its module, and the
// batch norm that is number i+1; a ReLU follows.
func newConvNormReLU(w nn.Weights, i, in, out int, c nn.Conv, eps float64) nn.Sequential {
	return nn.Sequential{
		nn.NewConv2d(w.At(strconv.Itoa(i)), in, out, c),
		nn.NewBatchNorm2d(w.At(strconv.Itoa(i+1)), out, eps),
		forward(nn.ReLU),
	}
}

// newScores reads the convolution that makes the logits of so many classes, 0
// for those of the checkpoint.
func newScores(w nn.Weights, in, classes int) *nn.Conv2d {
	if classes == 0 {
		classes = extent(w, "weight", 0, 21)
	}
	return nn.NewConv2d(w, in, classes, nn.Conv{Kernel: 1, Bias: true})
}
