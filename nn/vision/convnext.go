package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
)

// ConvNeXt is the classifier of Liu et al., "A ConvNet for the 2020s" (2022),
// as torchvision has it: a ResNet's four stages with the blocks of a
// transformer.
type ConvNeXt struct {
	features nn.Sequential
	norm     *nn.LayerNorm
	fc       *nn.Linear
}

// LayerNormEps is the eps of the layer norms of every ConvNeXt and [ViT] that is
// published, 1e-6.
const LayerNormEps = 1e-6

// NewConvNeXt reads a ConvNeXt whose blocks, channels and number of classes are
// those of the checkpoint. Eps is that of its layer norms, [LayerNormEps] for
// every published one.
func NewConvNeXt(w nn.Weights, eps float64) *ConvNeXt { return newConvNeXt(w, eps, 0) }

// newConvNeXt reads a ConvNeXt of so many classes, 0 for those of the checkpoint.
func newConvNeXt(w nn.Weights, eps float64, classes int) *ConvNeXt {
	f := w.At("features")
	channels := extent(f, "0.0.weight", 0, 96)
	features := nn.Sequential{
		nn.NewConv2d(f.At("0.0"), 3, channels, nn.Conv{Kernel: 4, Stride: 4, Bias: true}),
		nn.NewLayerNorm(f.At("0.1"), channels, eps),
	}
	for stage := range 4 {
		for i := 0; i == 0 || convNeXtBlockOf(f, stage, i).Exists(); i++ {
			features = append(features, newConvNeXtBlock(convNeXtBlockOf(f, stage, i), channels, eps))
		}
		if stage == 3 {
			break
		}
		halving := f.At(fmt.Sprint(2*stage + 2))
		out := extent(halving, "1.weight", 0, 2*channels)
		features = append(features,
			nn.NewLayerNorm(halving.At("0"), channels, eps),
			nn.NewConv2d(halving.At("1"), channels, out, nn.Conv{Kernel: 2, Stride: 2, Bias: true}))
		channels = out
	}
	if classes == 0 {
		classes = extent(w, "classifier.2.weight", 0, 1000)
	}
	return &ConvNeXt{
		features: features,
		norm:     nn.NewLayerNorm(w.At("classifier.0"), channels, eps),
		fc:       nn.NewLinear(w.At("classifier.2"), channels, classes),
	}
}

// convNeXtBlockOf returns where block i of a stage is.
func convNeXtBlockOf(features nn.Weights, stage, i int) nn.Weights {
	return features.At(fmt.Sprintf("%d.%d", 2*stage+1, i))
}

// Forward implements [nn.Module]: (N, 3, H, W) → logits (N, classes).
func (c *ConvNeXt) Forward(x nn.Value) nn.Value {
	x = nn.GlobalAvgPool2d(c.features.Forward(x))
	return c.fc.Forward(nn.Flatten(c.norm.Forward(x)))
}

// convNeXtBlock is figure 4 of the paper, right: channels are filtered one by
// one, then mixed as a transformer's MLP does.
type convNeXtBlock struct {
	depthwise       *nn.Conv2d
	norm            *nn.LayerNorm
	expand, project *nn.Conv2d
	scale           *nn.LayerScale
}

func newConvNeXtBlock(w nn.Weights, channels int, eps float64) *convNeXtBlock {
	b := w.At("block")
	hidden := extent(b, "3.weight", 0, 4*channels)
	return &convNeXtBlock{
		depthwise: nn.NewConv2d(b.At("0"), channels, channels,
			nn.Conv{Kernel: 7, Padding: 3, Groups: channels, Bias: true}),
		norm:    nn.NewLayerNorm(b.At("2"), channels, eps),
		expand:  nn.NewPointwise(b.At("3"), channels, hidden),
		project: nn.NewPointwise(b.At("5"), hidden, channels),
		scale:   nn.NewLayerScale(w, channels),
	}
}

// Forward implements [nn.Module].
func (b *convNeXtBlock) Forward(x nn.Value) nn.Value {
	y := b.norm.Forward(b.depthwise.Forward(x))
	y = b.project.Forward(nn.GELU(b.expand.Forward(y)))
	return nn.Add(b.scale.Forward(y), x)
}

// convNeXtFamily recognises ConvNeXts by their blocks and channels.
func convNeXtFamily() family {
	return family{
		name: "ConvNeXt",
		task: Classification,
		keys: []string{"features.0.0.weight", "features.1.0.layer_scale", "classifier.2.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a := Architecture{
				Classes: extent(w, "classifier.2.weight", 0, 0),
				Width:   extent(w, "features.0.0.weight", 0, 0),
			}
			for stage := range a.Layers {
				for convNeXtBlockOf(w.At("features"), stage, a.Layers[stage]).Exists() {
					a.Layers[stage]++
				}
			}
			a.Name, a.published = convNeXtName(a)
			return a, nil
		},
		defaults:   func(a Architecture) Settings { return published(a.Name, classifierSettings(LayerNormEps)) },
		classifier: func(w nn.Weights, _ Architecture, s Settings) nn.Module { return newConvNeXt(w, s.Eps, s.Classes) },
	}
}

// convNeXtName returns the name of torchvision's builder and its width.
func convNeXtName(a Architecture) (name string, width int) {
	switch {
	case a.Layers == [4]int{3, 3, 9, 3}:
		return "convnext_tiny", 96
	case a.Layers != [4]int{3, 3, 27, 3}:
		return fmt.Sprintf("convnext_%d_%d_%d_%d", a.Layers[0], a.Layers[1], a.Layers[2], a.Layers[3]), 96
	case a.Width == 128:
		return "convnext_base", 128
	case a.Width == 192:
		return "convnext_large", 192
	}
	return "convnext_small", 96
}
