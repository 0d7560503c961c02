package vision

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn"
)

// ViT is the classifier of Dosovitskiy et al., "An Image is Worth 16x16 Words:
// Transformers for Image Recognition at Scale" (2021), figure 1, as torchvision
// has it. Its pictures are of one size: for each patch there is an embedding of
// its position.
type ViT struct {
	patches *nn.Conv2d
	tokens  *nn.Tokens
	encoder nn.Sequential
	norm    *nn.LayerNorm
	head    *nn.Linear
}

// NewViT reads a vision transformer whose patches, width, depth, size of
// pictures and number of classes are those of the checkpoint. Heads are in no
// tensor's shape: 0 is for as many as published networks of its width have.
// Eps is that of its layer norms, [LayerNormEps] for every published one.
func NewViT(w nn.Weights, heads int, eps float64) *ViT { return newViT(w, heads, eps, 0) }

// newViT reads a vision transformer of so many classes, 0 for those of the checkpoint.
func newViT(w nn.Weights, heads int, eps float64, classes int) *ViT {
	width, patch := extent(w, "conv_proj.weight", 0, 768), extent(w, "conv_proj.weight", 2, 16)
	encoder := w.At("encoder")
	length := extent(encoder, "pos_embedding", 1, 197)
	side := patch * gridOf(length)
	if heads == 0 {
		heads = headsOf(width)
	}
	if classes == 0 {
		classes = extent(w, "heads.head.weight", 0, 1000)
	}
	v := &ViT{
		patches: nn.NewConv2d(w.At("conv_proj"), 3, width, nn.Conv{Kernel: patch, Stride: patch, Bias: true}),
		tokens: nn.NewTokens(w, width, w.Tensor("class_token", 1, 1, width),
			encoder.Tensor("pos_embedding", 1, length, width), [2]int{side, side}),
		norm: nn.NewLayerNorm(encoder.At("ln"), width, eps),
		head: nn.NewLinear(w.At("heads.head"), width, classes),
	}
	for i := 0; i == 0 || encoderLayer(w, i).Exists(); i++ {
		v.encoder = append(v.encoder, newEncoderBlock(encoderLayer(w, i), width, heads, eps))
	}
	return v
}

// encoderLayer returns where block i is.
func encoderLayer(w nn.Weights, i int) nn.Weights {
	return w.At(fmt.Sprintf("encoder.layers.encoder_layer_%d", i))
}

// gridOf returns how many patches a picture has a side, of so many tokens with
// the class token.
func gridOf(tokens int) int { return int(math.Sqrt(float64(tokens - 1))) }

// headsOf returns how many heads published networks of a width have: of 80
// channels in ViT-H, or else of 64.
func headsOf(width int) int {
	if width == 1280 {
		return 16
	}
	return width / 64
}

// Forward implements [nn.Module]: (N, 3, H, W) of the one size → logits
// (N, classes).
func (v *ViT) Forward(picture nn.Value) nn.Value {
	x := v.tokens.Apply(v.patches.Forward(picture), picture)
	x = v.norm.Forward(v.encoder.Forward(x))
	return v.head.Forward(nn.Flatten(nn.Select(x, 0)))
}

// encoderBlock is figure 1 of the paper, right; equations 2 and 3.
type encoderBlock struct {
	norm1, norm2    *nn.LayerNorm
	attention       *nn.MultiheadAttention
	expand, project *nn.Conv2d
}

func newEncoderBlock(w nn.Weights, width, heads int, eps float64) *encoderBlock {
	mlp := w.At("mlp")
	for i, old := range []string{"linear_1", "linear_2"} { // until torchvision 0.13
		for _, name := range []string{".weight", ".bias"} {
			mlp.Rename(2, old+name, fmt.Sprint(3*i)+name)
		}
	}
	hidden := extent(mlp, "0.weight", 0, 4*width)
	return &encoderBlock{
		norm1:     nn.NewLayerNorm(w.At("ln_1"), width, eps),
		attention: nn.NewMultiheadAttention(w.At("self_attention"), width, heads),
		norm2:     nn.NewLayerNorm(w.At("ln_2"), width, eps),
		expand:    nn.NewPointwise(mlp.At("0"), width, hidden),
		project:   nn.NewPointwise(mlp.At("3"), hidden, width),
	}
}

// Forward implements [nn.Module].
func (b *encoderBlock) Forward(x nn.Value) nn.Value {
	x = nn.Add(b.attention.Forward(b.norm1.Forward(x)), x)
	y := b.project.Forward(nn.GELU(b.expand.Forward(b.norm2.Forward(x))))
	return nn.Add(y, x)
}

// vitFamily recognises vision transformers by their depth and patches.
func vitFamily() family {
	return family{
		name: "VisionTransformer",
		task: Classification,
		keys: []string{"class_token", "conv_proj.weight", "encoder.pos_embedding", "heads.head.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			tokens := extent(w, "encoder.pos_embedding", 1, 0)
			patch := extent(w, "conv_proj.weight", 2, 0)
			a := Architecture{
				Classes: extent(w, "heads.head.weight", 0, 0),
				Width:   extent(w, "conv_proj.weight", 0, 0),
			}
			for encoderLayer(w, a.Layers[0]).Exists() {
				a.Layers[0]++
			}
			a.Name, a.published = vitName(a.Layers[0], patch)
			grid := gridOf(max(tokens, 1))
			if grid < 1 || grid*grid+1 != tokens || patch > maxPicture || grid > maxPicture {
				return a, &UnsupportedArchitectureError{a.Name,
					fmt.Sprintf("%d positions are not those of a class token and the patches of a square", tokens)}
			}
			if headsOf(a.Width)*64 != a.Width && a.Width != 1280 {
				return a, &UnsupportedArchitectureError{a.Name,
					fmt.Sprintf("how many heads %d channels have is in no tensor; NewViT takes the number", a.Width)}
			}
			a.Picture = patch * grid
			return a, nil
		},
		defaults:   vitSettings,
		classifier: func(w nn.Weights, _ Architecture, s Settings) nn.Module { return newViT(w, 0, s.Eps, s.Classes) },
	}
}

// maxPicture is more than the sides of patches, or of a grid of them, ever are;
// those that a damaged file has would overflow.
const maxPicture = 1 << 15

// vitName returns the name of torchvision's builder and its width.
func vitName(depth, patch int) (name string, width int) {
	switch depth {
	case 12:
		name, width = "b", 768
	case 24:
		name, width = "l", 1024
	case 32:
		name, width = "h", 1280
	default:
		name, width = fmt.Sprint(depth), 768
	}
	return fmt.Sprintf("vit_%s_%d", name, patch), width
}

// vitSettings returns those of the published weights for pictures of the
// checkpoint's size; if there are none, pictures are scaled to it.
func vitSettings(a Architecture) Settings {
	s := classifierSettings(LayerNormEps)
	for _, p := range Presets() {
		published := s
		if p.Network == a.Name && p.change != nil {
			p.change(&published)
		}
		if published.Transform.Crop == a.Picture && p.Network == a.Name {
			return published
		}
	}
	s.Transform.Short, s.Transform.Crop = a.Picture, a.Picture
	return s
}
