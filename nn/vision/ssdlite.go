package vision

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn"
)

// DefaultSSDLite returns what torchvision's builder
// ssdlite320_mobilenet_v3_large uses. Pictures are scaled to 320×320 pixels,
// their aspect ratio lost.
func DefaultSSDLite() Settings {
	half := [3]float32{0.5, 0.5, 0.5}
	return Settings{
		Transform:      Transform{Mean: half, Std: half, Fixed: [2]int{320, 320}, Divisor: 1},
		Eps:            MobileNetV3Eps,
		BoxScales:      defaultScales(0.2, 0.95, ssdLevels),
		ScoreThreshold: 0.001,
		NMSThreshold:   0.55,
		Candidates:     300,
		MaxDetections:  300,
	}
}

// ssdLiteFamily recognises SSDlite on a MobileNetV3.
func ssdLiteFamily() family {
	return family{
		name: "SSDlite",
		task: Detection,
		keys: []string{"backbone.features.0.0.0.weight", "backbone.extra.0",
			"head.classification_head.module_list.0.1.weight", "head.regression_head.module_list.0.1.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			features := w.At("backbone.features")
			a := Architecture{Name: "ssdlite320", Width: extent(features, "0.0.0.weight", 0, 0), published: 16}
			table, ok := splitMobileTable(features)
			if !ok {
				return a, &UnsupportedArchitectureError{a.Name, "MobileNetV3s of 11 or 15 blocks are below an SSDlite"}
			}
			a.Name += "_" + table.name
			return recognizeDefaultBoxes(w.At("head"), a, ".1.weight")
		},
		defaults: func(Architecture) Settings { return DefaultSSDLite() },
		detector: func(w nn.Weights, _ Architecture, s Settings) finder { return NewSSDLite(w, s) },
	}
}

// NewSSDLite reads the SSD of Sandler et al., "MobileNetV2" (2018), section 6.2,
// whose convolutions are depthwise, on a MobileNetV3 (Howard et al., 2019, section
// 6.3). The channels of its trunk, whose last blocks may be reduced, and the
// numbers of default boxes at a place and of classes are those of the
// checkpoint. What is missing, misshapen or left over is for w.Err("SSDlite") to
// report.
func NewSSDLite(w nn.Weights, s Settings) *SSD {
	b, channels := newSSDLiteBody(w.At("backbone"), s.Eps)
	g := mobileGeometry{eps: s.Eps, norm: nn.NewBatchNorm2d, act: nn.ReLU6}
	head := func(w nn.Weights, in, out int) nn.Module {
		return nn.Sequential{
			g.conv(w.At("0"), in, in, nn.Conv{Kernel: 3, Padding: 1, Groups: in}, true),
			nn.NewConv2d(w.At("1"), in, out, nn.Conv{Kernel: 1, Bias: true}),
		}
	}
	return newSSD(w, b, channels, ".1.weight", head, s)
}

// An ssdLiteBody is stages, of each of which a head looks at what comes out: a
// MobileNetV3 up to the expansion of its last block with a stride, the rest of
// it, and four blocks more.
type ssdLiteBody []nn.Sequential

// splitMobileTable returns the table of the MobileNetV3 whose halves are under w,
// and whether there is one.
func splitMobileTable(w nn.Weights) (mobileTable, bool) {
	return mobileTableFor(mobileBlocks(w.At("0")) + 1 + mobileBlocks(w.At("1")))
}

func newSSDLiteBody(w nn.Weights, eps float64) (b ssdLiteBody, channels []int) {
	features := w.At("features")
	table, _ := splitMobileTable(features)
	b, channels = newMobileHalves(features.At("0"), features.At("1"), table, eps)

	g := mobileGeometry{eps: eps, norm: nn.NewBatchNorm2d, act: nn.ReLU6}
	for i, in := 0, channels[1]; i < ssdLevels-2; i++ {
		block := w.At(fmt.Sprintf("extra.%d", i))
		hidden := extent(block, "0.0.weight", 0, in/4)
		out := extent(block, "2.0.weight", 0, 2*hidden)
		b = append(b, nn.Sequential{
			g.conv(block.At("0"), in, hidden, nn.Conv{Kernel: 1}, true),
			g.conv(block.At("1"), hidden, hidden, nn.Conv{Kernel: 3, Stride: 2, Padding: 1, Groups: hidden}, true),
			g.conv(block.At("2"), hidden, out, nn.Conv{Kernel: 1}, true),
		})
		channels, in = append(channels, out), out
	}
	return b, channels
}

// newMobileHalves reads the first two stages.
func newMobileHalves(first, second nn.Weights, table mobileTable, eps float64) (halves ssdLiteBody, channels []int) {
	g := mobileGeometry{eps: eps, norm: nn.NewBatchNorm2d, act: nn.Hardswish}
	in := extent(first, "0.0.weight", 0, 16)
	fine := nn.Sequential{g.conv(first.At("0"), 3, in, nn.Conv{Kernel: 3, Stride: 2, Padding: 1}, true)}
	var coarse nn.Sequential
	split := min(mobileBlocks(first), len(table.strides)-1)
	for i := range table.strides {
		g := table.block(i, g)
		var block *invertedResidual
		switch {
		case i < split:
			block, in = newInvertedResidual(first.At(strconv.Itoa(i+1)).At("block"), in, g)
			fine = append(fine, block)
		case i == split:
			expansion := first.At(strconv.Itoa(i + 1))
			wide := extent(expansion, "0.weight", 0, 6*in)
			fine = append(fine, g.conv(expansion, in, wide, nn.Conv{Kernel: 1}, true))
			channels = append(channels, wide)
			var rest nn.Sequential
			rest, in = g.filter(second.At("0"), 1, wide)
			coarse = append(coarse, rest)
		default:
			block, in = newInvertedResidual(second.At(strconv.Itoa(i-split)).At("block"), in, g)
			coarse = append(coarse, block)
		}
	}
	last := second.At(strconv.Itoa(len(table.strides) - split))
	out := extent(last, "0.weight", 0, 6*in)
	coarse = append(coarse, g.conv(last, in, out, nn.Conv{Kernel: 1}, true))
	return ssdLiteBody{fine, coarse}, append(channels, out)
}

// maps implements body: the six maps, the finest first. Of 320 pixels they have
// 20, 10, 5, 3, 2 and 1 a side.
func (b ssdLiteBody) maps(x nn.Value) (m []nn.Value) {
	for _, stage := range b {
		x = stage.Forward(x)
		m = append(m, x)
	}
	return m
}
