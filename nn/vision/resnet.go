package vision

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn"
)

// ResNet is the classifier of He et al., "Deep Residual Learning for Image
// Recognition" (2015), table 1, in torchvision's variant 1.5, whose bottlenecks
// have their stride at the 3×3 convolution. ResNeXt (Xie et al., 2016) and Wide
// ResNet (Zagoruyko and Komodakis, 2016) are the same with other numbers.
type ResNet struct {
	trunk *Trunk
	fc    *nn.Linear
}

// NewResNet reads a ResNet whose kind of block, depth, width, groups and number
// of classes are those of the checkpoint. Eps is that of its batch norms,
// nn.DefaultEps for every published one.
func NewResNet(w nn.Weights, eps float64) *ResNet { return newResNet(w, eps, 0) }

// newResNet reads a ResNet of so many classes, 0 for those of the checkpoint.
func newResNet(w nn.Weights, eps float64, classes int) *ResNet {
	trunk := newTrunk(w, eps, nn.NewBatchNorm2d)
	if classes == 0 {
		classes = extent(w, "fc.weight", 0, 1000)
	}
	return &ResNet{trunk, nn.NewLinear(w.At("fc"), trunk.Channels()[3], classes)}
}

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes).
func (r *ResNet) Forward(x nn.Value) nn.Value {
	c := r.trunk.Forward(x)
	return r.fc.Forward(nn.Flatten(nn.GlobalAvgPool2d(c[3])))
}

// Trunk is a [ResNet] without its classifier: what detectors take features from.
type Trunk struct {
	conv1    *nn.Conv2d
	bn1      *nn.BatchNorm2d
	layers   [4]nn.Sequential
	channels [4]int
}

// NewTrunk reads a trunk as [NewResNet] does. Its batch norms may be frozen, as
// torchvision's detectors have them.
func NewTrunk(w nn.Weights, eps float64) *Trunk { return newTrunk(w, eps, nn.NewFrozenBatchNorm2d) }

// newDilatedTrunk reads a trunk whose last two layers have no stride: C4 and C5
// are as large as C3, and their 3×3 convolutions are dilated instead, so that
// they look as far. It is torchvision's replace_stride_with_dilation=[False,
// True, True], which networks for segmentation have.
func newDilatedTrunk(w nn.Weights, eps float64) *Trunk {
	return newDilatingTrunk(w, eps, nn.NewBatchNorm2d, [4]bool{false, false, true, true})
}

// norm reads a batch norm.
type norm func(w nn.Weights, n int, eps float64) *nn.BatchNorm2d

func newTrunk(w nn.Weights, eps float64, bn norm) *Trunk {
	return newDilatingTrunk(w, eps, bn, [4]bool{})
}

// newDilatingTrunk reads a trunk, some of whose layers dilate in place of their
// stride.
func newDilatingTrunk(w nn.Weights, eps float64, bn norm, dilates [4]bool) *Trunk {
	stem := extent(w, "conv1.weight", 0, 64)
	t := &Trunk{
		conv1: nn.NewConv2d(w.At("conv1"), 3, stem, nn.Conv{Kernel: 7, Stride: 2, Padding: 3}),
		bn1:   bn(w.At("bn1"), stem, eps),
	}
	basic := w.At("layer1.0").Exists() && !w.At("layer1.0.conv3").Exists()
	in, dilation := stem, 1
	for l := range t.layers {
		g := geometry{in: in, planes: stem << l, stride: 2, dilation: dilation, eps: eps, norm: bn}
		switch {
		case l == 0:
			g.stride = 1 // the max pooling has halved the image already
		case dilates[l]:
			g.stride = 1
			dilation *= 2
		}
		t.layers[l], in = newLayer(w.At(fmt.Sprintf("layer%d", l+1)), g, dilation, basic)
		t.channels[l] = in
	}
	return t
}

// Channels returns the channels of the four feature maps: 256, 512, 1024 and
// 2048 for a ResNet-50.
func (t *Trunk) Channels() [4]int { return t.channels }

// Forward returns the outputs C2 … C5 of the four layers, which have 1/4, 1/8,
// 1/16 and 1/32 of the image's height and width.
func (t *Trunk) Forward(x nn.Value) [4]nn.Value {
	x = nn.ReLU(t.bn1.Forward(t.conv1.Forward(x)))
	x = nn.MaxPool2d{Kernel: 3, Stride: 2, Padding: 1}.Forward(x)
	var c [4]nn.Value
	for l, layer := range t.layers {
		x = layer.Forward(x)
		c[l] = x
	}
	return c
}

// maps implements body.
func (t *Trunk) maps(image nn.Value) []nn.Value {
	c := t.Forward(image)
	return c[:]
}

// geometry says how a residual block is made.
type geometry struct {
	in       int // channels
	planes   int // the paper's width of the layer, for what the checkpoint lacks
	stride   int
	dilation int // of the 3×3 convolution of a bottleneck
	eps      float64
	norm     norm
}

// newLayer reads the blocks that the checkpoint has, at least one; only the
// first has a stride, and those after it the given dilation. It returns how many
// channels come out.
func newLayer(w nn.Weights, g geometry, dilation int, basic bool) (blocks nn.Sequential, out int) {
	out = g.in
	for i := 0; i == 0 || w.At(strconv.Itoa(i)).Exists(); i++ {
		block := w.At(strconv.Itoa(i))
		g.in = out
		if basic {
			var b *basicBlock
			b, out = newBasicBlock(block, g)
			blocks = append(blocks, b)
		} else {
			var b *bottleneck
			b, out = newBottleneck(block, g)
			blocks = append(blocks, b)
		}
		g.stride, g.dilation = 1, dilation
	}
	return blocks, out
}

// newShortcut reads the projection of a block that changes the shape (option B
// of the paper's section 3.3); others have the identity.
func newShortcut(w nn.Weights, g geometry, out int) nn.Sequential {
	if g.stride == 1 && g.in == out {
		return nil
	}
	return nn.Sequential{
		nn.NewConv2d(w.At("0"), g.in, out, nn.Conv{Kernel: 1, Stride: g.stride}),
		g.norm(w.At("1"), out, g.eps),
	}
}

// basicBlock is figure 5, left, of the paper.
type basicBlock struct {
	conv1, conv2 *nn.Conv2d
	bn1, bn2     *nn.BatchNorm2d
	downsample   nn.Sequential
}

func newBasicBlock(w nn.Weights, g geometry) (*basicBlock, int) {
	planes := extent(w, "conv1.weight", 0, g.planes)
	return &basicBlock{
		conv1:      nn.NewConv2d(w.At("conv1"), g.in, planes, nn.Conv{Kernel: 3, Stride: g.stride, Padding: 1}),
		bn1:        g.norm(w.At("bn1"), planes, g.eps),
		conv2:      nn.NewConv2d(w.At("conv2"), planes, planes, nn.Conv{Kernel: 3, Padding: 1}),
		bn2:        g.norm(w.At("bn2"), planes, g.eps),
		downsample: newShortcut(w.At("downsample"), g, planes),
	}, planes
}

// Forward implements [nn.Module].
func (b *basicBlock) Forward(x nn.Value) nn.Value {
	identity := b.downsample.Forward(x)
	y := nn.ReLU(b.bn1.Forward(b.conv1.Forward(x)))
	y = b.bn2.Forward(b.conv2.Forward(y))
	return nn.ReLU(nn.Add(y, identity))
}

// bottleneck is figure 5, right, of the paper.
type bottleneck struct {
	conv1, conv2, conv3 *nn.Conv2d
	bn1, bn2, bn3       *nn.BatchNorm2d
	downsample          nn.Sequential
}

func newBottleneck(w nn.Weights, g geometry) (*bottleneck, int) {
	width := extent(w, "conv2.weight", 0, g.planes)
	groups := max(1, width/extent(w, "conv2.weight", 1, width))
	out := extent(w, "conv3.weight", 0, 4*g.planes)
	spatial := nn.Conv{Kernel: 3, Stride: g.stride, Padding: g.dilation, Dilation: g.dilation, Groups: groups}
	return &bottleneck{
		conv1:      nn.NewConv2d(w.At("conv1"), g.in, width, nn.Conv{Kernel: 1}),
		bn1:        g.norm(w.At("bn1"), width, g.eps),
		conv2:      nn.NewConv2d(w.At("conv2"), width, width, spatial),
		bn2:        g.norm(w.At("bn2"), width, g.eps),
		conv3:      nn.NewConv2d(w.At("conv3"), width, out, nn.Conv{Kernel: 1}),
		bn3:        g.norm(w.At("bn3"), out, g.eps),
		downsample: newShortcut(w.At("downsample"), g, out),
	}, out
}

// Forward implements [nn.Module].
func (b *bottleneck) Forward(x nn.Value) nn.Value {
	identity := b.downsample.Forward(x)
	y := nn.ReLU(b.bn1.Forward(b.conv1.Forward(x)))
	y = nn.ReLU(b.bn2.Forward(b.conv2.Forward(y)))
	y = b.bn3.Forward(b.conv3.Forward(y))
	return nn.ReLU(nn.Add(y, identity))
}

// resNetFamily recognises ResNet, ResNeXt and Wide ResNet.
func resNetFamily() family {
	return family{
		name: "ResNet",
		task: Classification,
		keys: []string{"conv1.weight", "layer1.0.conv1", "layer4.0.conv1", "fc.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a := recognizeTrunk(w)
			a.Classes = extent(w, "fc.weight", 0, 0)
			return a, nil
		},
		defaults:   func(a Architecture) Settings { return published(a.Name, classifierSettings(nn.DefaultEps)) },
		classifier: func(w nn.Weights, _ Architecture, s Settings) nn.Module { return newResNet(w, s.Eps, s.Classes) },
	}
}

// extent returns an extent of a tensor of the checkpoint, or what it should be
// if there is no such tensor or axis.
func extent(w nn.Weights, name string, axis, otherwise int) int {
	if s := w.Shape(name); axis < len(s) && s[axis] > 0 {
		return s[axis]
	}
	return otherwise
}
