package vision

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn"
)

// MobileNetV2 is the classifier of Sandler et al., "MobileNetV2: Inverted
// Residuals and Linear Bottlenecks" (2018), table 2, as torchvision has it.
type MobileNetV2 struct {
	features nn.Sequential
	fc       *nn.Linear
}

// mobileV2Strides are those of the blocks, from table 2 of the paper.
func mobileV2Strides() []int { return []int{1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1} }

// NewMobileNetV2 reads a MobileNetV2 whose channels and number of classes are
// those of the checkpoint. Eps is that of its batch norms, nn.DefaultEps for
// every published one.
func NewMobileNetV2(w nn.Weights, eps float64) *MobileNetV2 { return newMobileNetV2(w, eps, 0) }

// newMobileNetV2 reads a MobileNetV2 of so many classes, 0 for those of the
// checkpoint.
func newMobileNetV2(w nn.Weights, eps float64, classes int) *MobileNetV2 {
	features := w.At("features")
	g := mobileGeometry{eps: eps, norm: nn.NewBatchNorm2d, act: nn.ReLU6}
	channels := extent(features, "0.0.weight", 0, 32)
	m := &MobileNetV2{features: nn.Sequential{
		g.conv(features.At("0"), 3, channels, nn.Conv{Kernel: 3, Stride: 2, Padding: 1}, true),
	}}
	for i, stride := range mobileV2Strides() {
		g.stride = stride
		var block *invertedResidual
		block, channels = newLinearBottleneck(features.At(strconv.Itoa(i+1)).At("conv"), channels, g)
		m.features = append(m.features, block)
	}
	last := features.At(strconv.Itoa(len(mobileV2Strides()) + 1))
	out := extent(last, "0.weight", 0, 1280)
	m.features = append(m.features, g.conv(last, channels, out, nn.Conv{Kernel: 1}, true))
	if classes == 0 {
		classes = extent(w, "classifier.1.weight", 0, 1000)
	}
	m.fc = nn.NewLinear(w.At("classifier.1"), out, classes)
	return m
}

// newLinearBottleneck reads figure 4 (d) of the paper: channels are expanded, by
// all blocks but the first, filtered one by one, and projected.
func newLinearBottleneck(w nn.Weights, in int, g mobileGeometry) (b *invertedResidual, out int) {
	b = &invertedResidual{}
	next, wide := 0, in
	if w.At("1.0").Exists() { // or else the projection comes second, which is no module of its own
		next, wide = 1, extent(w, "0.0.weight", 0, 6*in)
		b.block = append(b.block, g.conv(w.At("0"), in, wide, nn.Conv{Kernel: 1}, true))
	}
	part := func(i int) nn.Weights { return w.At(strconv.Itoa(next + i)) }
	out = extent(part(1), "weight", 0, in)
	b.block = append(b.block,
		g.conv(part(0), wide, wide, nn.Conv{Kernel: 3, Stride: g.stride, Padding: 1, Groups: wide}, true),
		nn.NewConv2d(part(1), wide, out, nn.Conv{Kernel: 1}),
		g.norm(part(2), out, g.eps))
	b.residual = g.stride == 1 && in == out
	return b, out
}

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes).
func (m *MobileNetV2) Forward(x nn.Value) nn.Value {
	return m.fc.Forward(nn.Flatten(nn.GlobalAvgPool2d(m.features.Forward(x))))
}

// mobileNetV2Family recognises MobileNetV2.
func mobileNetV2Family() family {
	return family{
		name: "MobileNetV2",
		task: Classification,
		keys: []string{"features.1.conv.0.0.weight", "classifier.1.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a := Architecture{Name: "mobilenet_v2", Classes: extent(w, "classifier.1.weight", 0, 0),
				Width: extent(w, "features.0.0.weight", 0, 0), published: 32}
			blocks := len(mobileV2Strides())
			block := func(i int) nn.Weights { return w.At(fmt.Sprintf("features.%d.conv", i)) }
			if block(blocks+1).Exists() || !block(blocks).Exists() {
				return a, &UnsupportedArchitectureError{a.Name, fmt.Sprintf("MobileNetV2s of %d blocks are", blocks)}
			}
			return a, nil
		},
		defaults:   func(a Architecture) Settings { return published(a.Name, classifierSettings(nn.DefaultEps)) },
		classifier: func(w nn.Weights, _ Architecture, s Settings) nn.Module { return newMobileNetV2(w, s.Eps, s.Classes) },
	}
}
