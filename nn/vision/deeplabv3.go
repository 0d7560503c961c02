package vision

import (
	"strconv"
	"strings"

	"github.com/argand-go/argand/nn"
)

// deepLabV3Family recognises DeepLabV3.
func deepLabV3Family() family {
	return family{
		name: "DeepLabV3",
		task: Segmentation,
		keys: []string{"backbone", "classifier.0.convs.4", "classifier.4.weight"},
		recognize: func(w nn.Weights) (a Architecture, err error) {
			if trunk := w.At("backbone"); trunk.Has("0.0.weight") {
				a, err = recognizeDilatedMobileTrunk(trunk, "deeplabv3_")
			} else {
				a, err = recognizeDilatedTrunk(trunk, "deeplabv3_")
			}
			a.Classes = extent(w, "classifier.4.weight", 0, 0)
			return a, err
		},
		defaults: func(a Architecture) Settings {
			if strings.HasPrefix(a.Name, "deeplabv3_mobilenet") {
				return segmenterSettings(MobileNetV3Eps)
			}
			return segmenterSettings(nn.DefaultEps)
		},
		segmenter: func(w nn.Weights, _ Architecture, s Settings) labeler { return NewDeepLabV3(w, s) },
	}
}

// DeepLabV3 is the network of Chen et al., "Rethinking Atrous Convolution for
// Semantic Image Segmentation" (2017), as torchvision has it: the map of a
// dilated [ResNet] or [MobileNetV3] goes through atrous spatial pyramid pooling
// (section 3.3) and a head. It is deeplabv3_resnet50, deeplabv3_resnet101,
// deeplabv3_mobilenet_v3_large, and the same with any other ResNet of bottlenecks.
type DeepLabV3 struct {
	features   nn.Module
	classifier nn.Sequential
}

// NewDeepLabV3 reads a network whose trunk and number of classes are those of
// the checkpoint. Eps is that of the trunk's batch norms, and of a ResNet's also
// that of the head's; a MobileNetV3's has nn.DefaultEps. The auxiliary classifier
// that the checkpoint may have was of use for training only. What is missing,
// misshapen or left over is for w.Err("DeepLabV3") to report.
func NewDeepLabV3(w nn.Weights, s Settings) *DeepLabV3 {
	d := &DeepLabV3{}
	in, eps := 0, s.Eps
	if trunk := w.At("backbone"); trunk.Has("0.0.weight") {
		d.features, in = newMobileTrunk(trunk, s.Eps, nn.NewBatchNorm2d, 2)
		eps = nn.DefaultEps
	} else {
		resnet := newDilatedTrunk(trunk, s.Eps)
		d.features, in = forward(func(x nn.Value) nn.Value { return resnet.Forward(x)[3] }), resnet.Channels()[3]
	}
	w.Ignore("aux_classifier")
	head := w.At("classifier")
	pyramid, mid := newASPP(head.At("0"), in, eps)
	d.classifier = nn.Sequential{
		pyramid,
		newConvNormReLU(head, 1, mid, mid, nn.Conv{Kernel: 3, Padding: 1}, eps),
		newScores(head.At("4"), mid, s.Classes),
	}
	return d
}

// Coarse returns the logits (N, classes, h, w) of an image (N, 3, H, W): h and w
// are 1/8 of its height and width with a ResNet, 1/16 with a MobileNetV3.
func (d *DeepLabV3) Coarse(x nn.Value) nn.Value { return d.classifier.Forward(d.features.Forward(x)) }

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes, H, W).
func (d *DeepLabV3) Forward(x nn.Value) nn.Value { return nn.UpsampleBilinear(d.Coarse(x), x) }

// atrousPyramid is figure 5 of the paper, (a) and (b): branches that look at a
// map near and far, and at all of it.
type atrousPyramid struct {
	near    nn.Sequential
	far     [3]nn.Sequential
	whole   nn.Sequential
	project nn.Sequential
}

// newASPP reads the pyramid, and returns how many channels come out of it.
func newASPP(w nn.Weights, in int, eps float64) (a *atrousPyramid, out int) {
	out = extent(w, "convs.0.0.weight", 0, 256)
	convs := w.At("convs")
	a = &atrousPyramid{
		near:    newConvNormReLU(convs.At("0"), 0, in, out, nn.Conv{Kernel: 1}, eps),
		whole:   newConvNormReLU(convs.At("4"), 1, in, out, nn.Conv{Kernel: 1}, eps),
		project: newConvNormReLU(w.At("project"), 0, 5*out, out, nn.Conv{Kernel: 1}, eps),
	}
	for i, rate := range []int{12, 24, 36} { // torchvision's, for maps of 1/16 and 1/8 alike
		atrous := nn.Conv{Kernel: 3, Padding: rate, Dilation: rate}
		a.far[i] = newConvNormReLU(convs.At(strconv.Itoa(i+1)), 0, in, out, atrous, eps)
	}
	return a, out
}

// Forward implements [nn.Module].
func (a *atrousPyramid) Forward(x nn.Value) nn.Value {
	branches := []nn.Value{a.near.Forward(x)}
	for _, far := range a.far {
		branches = append(branches, far.Forward(x))
	}
	whole := a.whole.Forward(nn.GlobalAvgPool2d(x))
	return a.project.Forward(nn.Concat(append(branches, nn.UpsampleBilinear(whole, x))...))
}
