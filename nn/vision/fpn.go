package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
)

// FPN is the feature pyramid of Lin et al., "Feature Pyramid Networks for
// Object Detection" (2017), figure 3, with one more level that is every second
// pixel of the coarsest.
type FPN struct {
	inner, layer []nn.Sequential // lateral 1×1 and output 3×3 convolutions, the finest level first
	out          int
}

// NewFPN reads a pyramid over feature maps of the given channels, the finest
// first. Its own channels are those of the checkpoint, 256 for published ones.
// Eps is that of the batch norms after its convolutions, if it has them.
func NewFPN(w nn.Weights, eps float64, channels ...int) *FPN {
	f := &FPN{out: 256}
	for i, in := range channels {
		inner, layer := fmt.Sprintf("inner_blocks.%d", i), fmt.Sprintf("layer_blocks.%d", i)
		renamed(w, inner, inner+".0")
		renamed(w, layer, layer+".0")
		if i == 0 {
			f.out = extent(w, "inner_blocks.0.0.weight", 0, extent(w, "inner_blocks.0.weight", 0, f.out))
		}
		f.inner = append(f.inner, newFilter(w.At(inner), in, f.out, nn.Conv{Kernel: 1}, eps))
		f.layer = append(f.layer, newFilter(w.At(layer), f.out, f.out, nn.Conv{Kernel: 3, Padding: 1}, eps))
	}
	return f
}

// newFilter reads a convolution and what follows it: a bias or, in the second
// versions of torchvision's detectors, a batch norm.
func newFilter(w nn.Weights, in, out int, c nn.Conv, eps float64) nn.Sequential {
	if w.At("1").Exists() {
		return nn.Sequential{nn.NewConv2d(w.At("0"), in, out, c), nn.NewBatchNorm2d(w.At("1"), out, eps)}
	}
	c.Bias = true
	return nn.Sequential{nn.NewConv2d(w.At("0"), in, out, c)}
}

// renamed returns the convolution at its present name, which had another in
// version 1 of the module w, before torchvision 0.13.
func renamed(w nn.Weights, old, now string) nn.Weights {
	for _, t := range []string{".weight", ".bias"} {
		w.Rename(2, old+t, now+t)
	}
	return w.At(now)
}

// Channels returns the channels of every level.
func (f *FPN) Channels() int { return f.out }

// Forward returns a level for each feature map, the finest first, and then the
// additional one: P2 … P6 of C2 … C5.
func (f *FPN) Forward(c ...nn.Value) []nn.Value {
	p := f.Levels(c...)
	return append(p, nn.MaxPool2d{Kernel: 1, Stride: 2}.Forward(p[len(p)-1]))
}

// Levels returns a level for each feature map, the finest first, and no more:
// P3, P4 and P5 of C3, C4 and C5.
func (f *FPN) Levels(c ...nn.Value) []nn.Value {
	top := len(f.inner) - 1
	p := make([]nn.Value, top+1)
	last := f.inner[top].Forward(c[top])
	p[top] = f.layer[top].Forward(last)
	for i := top - 1; i >= 0; i-- {
		lateral := f.inner[i].Forward(c[i])
		last = nn.Add(lateral, nn.Upsample(last, c[i]))
		p[i] = f.layer[i].Forward(last)
	}
	return p
}
