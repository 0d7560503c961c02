package vision

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn"
)

// MobileNetV3 is the classifier of Howard et al., "Searching for MobileNetV3"
// (2019), tables 1 and 2, as torchvision has it.
type MobileNetV3 struct {
	features   nn.Sequential
	hidden, fc *nn.Linear
}

// MobileNetV3Eps is the eps of the batch norms of every MobileNetV3 that is
// published as a classifier, 0.001.
const MobileNetV3Eps = 1e-3

// NewMobileNetV3 reads a MobileNetV3-Large or -Small, whichever has as many
// blocks as the checkpoint. The sizes of kernels, the numbers of channels and
// classes, and which blocks squeeze and excite are those of the checkpoint. Eps
// is that of its batch norms, [MobileNetV3Eps] for every published one.
func NewMobileNetV3(w nn.Weights, eps float64) *MobileNetV3 { return newMobileNetV3(w, eps, 0) }

// newMobileNetV3 reads a MobileNetV3 of so many classes, 0 for those of the checkpoint.
func newMobileNetV3(w nn.Weights, eps float64, classes int) *MobileNetV3 {
	features, channels := newMobileTrunk(w.At("features"), eps, nn.NewBatchNorm2d, 1)
	hidden := extent(w, "classifier.0.weight", 0, 1280)
	if classes == 0 {
		classes = extent(w, "classifier.3.weight", 0, 1000)
	}
	return &MobileNetV3{
		features: features,
		hidden:   nn.NewLinear(w.At("classifier.0"), channels, hidden),
		fc:       nn.NewLinear(w.At("classifier.3"), hidden, classes),
	}
}

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes).
func (m *MobileNetV3) Forward(x nn.Value) nn.Value {
	x = nn.Flatten(nn.GlobalAvgPool2d(m.features.Forward(x)))
	return m.fc.Forward(nn.Hardswish(m.hidden.Forward(x)))
}

// mobileNetV3Family recognises MobileNetV3-Large and -Small.
func mobileNetV3Family() family {
	return family{
		name: "MobileNetV3",
		task: Classification,
		keys: []string{"features.1.block.0.0.weight", "classifier.3.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a, err := recognizeMobileTrunk(w.At("features"))
			a.Classes = extent(w, "classifier.3.weight", 0, 0)
			return a, err
		},
		defaults:   func(a Architecture) Settings { return published(a.Name, classifierSettings(MobileNetV3Eps)) },
		classifier: func(w nn.Weights, _ Architecture, s Settings) nn.Module { return newMobileNetV3(w, s.Eps, s.Classes) },
	}
}

// recognizeMobileTrunk names the trunk under w.
func recognizeMobileTrunk(w nn.Weights) (Architecture, error) {
	table, ok := mobileTableOf(w)
	if !ok {
		a := Architecture{Name: "mobilenet_v3"}
		return a, &UnsupportedArchitectureError{a.Name, "MobileNetV3s of 11 or 15 blocks are, the small and the large"}
	}
	return Architecture{Name: table.name, Width: extent(w, "0.0.weight", 0, 0), published: 16}, nil
}

// A mobileTable is what tables 1 and 2 of the paper say of a network and its
// weights do not.
type mobileTable struct {
	name      string
	strides   []int // of the blocks
	hardswish int   // the first block with Hardswish in place of ReLU
}

var (
	mobileLarge = mobileTable{"mobilenet_v3_large", []int{1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1}, 6}
	mobileSmall = mobileTable{"mobilenet_v3_small", []int{2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1}, 3}
)

// mobileTableOf returns the table whose blocks are as many as those under w, and
// whether there is one.
func mobileTableOf(w nn.Weights) (mobileTable, bool) { return mobileTableFor(mobileBlocks(w)) }

// mobileBlocks returns how many blocks there are under w.
func mobileBlocks(w nn.Weights) int {
	blocks := 0
	for w.At(fmt.Sprintf("%d.block", blocks+1)).Exists() {
		blocks++
	}
	return blocks
}

// mobileTableFor returns the table of so many blocks, and whether there is one.
func mobileTableFor(blocks int) (mobileTable, bool) {
	if blocks == len(mobileSmall.strides) {
		return mobileSmall, true
	}
	return mobileLarge, blocks == len(mobileLarge.strides)
}

// newMobileTrunk reads what is before the classifier, and returns how many
// channels come out. The last three blocks are dilated in place of a stride if
// dilation is more than 1: torchvision's dilated=True has 2.
func newMobileTrunk(w nn.Weights, eps float64, bn norm, dilation int) (trunk nn.Sequential, out int) {
	table, _ := mobileTableOf(w)
	g := mobileGeometry{eps: eps, norm: bn, act: nn.Hardswish}
	stem := extent(w, "0.0.weight", 0, 16)
	trunk = nn.Sequential{g.conv(w.At("0"), 3, stem, nn.Conv{Kernel: 3, Stride: 2, Padding: 1}, true)}
	channels := stem
	for i := range table.strides {
		g := table.block(i, g)
		if i >= len(table.strides)-3 {
			g.dilation = dilation
		}
		var block *invertedResidual
		block, channels = newInvertedResidual(w.At(strconv.Itoa(i+1)).At("block"), channels, g)
		trunk = append(trunk, block)
	}
	last := w.At(strconv.Itoa(len(table.strides) + 1))
	out = extent(last, "0.weight", 0, 6*channels)
	return append(trunk, g.conv(last, channels, out, nn.Conv{Kernel: 1}, true)), out
}

// mobileGeometry says how a block is made.
type mobileGeometry struct {
	stride   int
	dilation int // of the depthwise convolution; if more than 1, that has no stride
	eps      float64
	norm     norm
	act      forward
}

// block returns the geometry of block i.
func (t mobileTable) block(i int, g mobileGeometry) mobileGeometry {
	g.stride, g.dilation, g.act = t.strides[i], 1, nn.ReLU
	if i >= t.hardswish {
		g.act = nn.Hardswish
	}
	return g
}

// forward is a function as a module.
type forward func(nn.Value) nn.Value

// Forward implements [nn.Module].
func (f forward) Forward(x nn.Value) nn.Value { return f(x) }

// conv reads a convolution and its batch norm, and has the activation follow.
func (g mobileGeometry) conv(w nn.Weights, in, out int, c nn.Conv, activated bool) nn.Sequential {
	s := nn.Sequential{nn.NewConv2d(w.At("0"), in, out, c), g.norm(w.At("1"), out, g.eps)}
	if activated {
		s = append(s, g.act)
	}
	return s
}

// invertedResidual is figure 4 of the paper: channels are expanded, filtered
// one by one, weighed if the block squeezes and excites, and projected.
type invertedResidual struct {
	block    nn.Sequential
	residual bool
}

func newInvertedResidual(w nn.Weights, in int, g mobileGeometry) (b *invertedResidual, out int) {
	b = &invertedResidual{}
	next, wide := 0, in
	if extent(w, "0.0.weight", 2, 3) == 1 { // or else the depthwise convolution comes first, of 3×3 or 5×5
		next, wide = 1, extent(w, "0.0.weight", 0, in)
		b.block = append(b.block, g.conv(w.At("0"), in, wide, nn.Conv{Kernel: 1}, true))
	}
	filter, out := g.filter(w, next, wide)
	b.block = append(b.block, filter...)
	b.residual = g.stride == 1 && in == out
	return b, out
}

// filter reads a block from its depthwise convolution on, which is its part next.
func (g mobileGeometry) filter(w nn.Weights, next, wide int) (parts nn.Sequential, out int) {
	part := func(i int) nn.Weights { return w.At(strconv.Itoa(next + i)) }
	kernel := extent(part(0), "0.weight", 2, 3)
	spatial := nn.Conv{Kernel: kernel, Stride: g.stride, Padding: (kernel - 1) / 2, Groups: wide}
	if g.dilation > 1 {
		spatial.Stride, spatial.Padding, spatial.Dilation = 1, spatial.Padding*g.dilation, g.dilation
	}
	parts = nn.Sequential{g.conv(part(0), wide, wide, spatial, true)}
	project := part(1)
	if project.At("fc1").Exists() {
		parts, project = append(parts, newSqueezeExcitation(project, wide)), part(2)
	}
	out = extent(project, "0.weight", 0, wide)
	return append(parts, g.conv(project, wide, out, nn.Conv{Kernel: 1}, false)), out
}

// Forward implements [nn.Module].
func (b *invertedResidual) Forward(x nn.Value) nn.Value {
	y := b.block.Forward(x)
	if b.residual {
		return nn.Add(y, x)
	}
	return y
}

// squeezeExcitation weighs each channel by what all say together: Hu et al.,
// "Squeeze-and-Excitation Networks" (2018), with a hard sigmoid.
type squeezeExcitation struct{ fc1, fc2 *nn.Conv2d }

func newSqueezeExcitation(w nn.Weights, channels int) *squeezeExcitation {
	squeezed := extent(w, "fc1.weight", 0, channels/4)
	return &squeezeExcitation{
		fc1: nn.NewConv2d(w.At("fc1"), channels, squeezed, nn.Conv{Kernel: 1, Bias: true}),
		fc2: nn.NewConv2d(w.At("fc2"), squeezed, channels, nn.Conv{Kernel: 1, Bias: true}),
	}
}

// Forward implements [nn.Module].
func (s *squeezeExcitation) Forward(x nn.Value) nn.Value {
	y := nn.ReLU(s.fc1.Forward(nn.GlobalAvgPool2d(x)))
	return nn.Mul(nn.Hardsigmoid(s.fc2.Forward(y)), x)
}
