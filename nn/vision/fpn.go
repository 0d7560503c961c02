package vision

import (
	"fmt"

	"github.com/argand-go/argand/nn"
)

// FPN is the feature pyramid of Lin et al., "Feature Pyramid Networks for
// Object Detection" (2017), figure 3, with one more level that is every second
// pixel of the coarsest.
type FPN struct {
	inner, layer []*nn.Conv2d // lateral 1×1 and output 3×3 convolutions, the finest level first
	out          int
}

// NewFPN reads a pyramid over feature maps of the given channels, the finest
// first. Its own channels are those of the checkpoint, 256 for published ones.
func NewFPN(w nn.Weights, channels ...int) *FPN {
	f := &FPN{out: 256}
	for i, in := range channels {
		inner := renamed(w, fmt.Sprintf("inner_blocks.%d", i), fmt.Sprintf("inner_blocks.%d.0", i))
		layer := renamed(w, fmt.Sprintf("layer_blocks.%d", i), fmt.Sprintf("layer_blocks.%d.0", i))
		if i == 0 {
			f.out = extent(inner, "weight", 0, extent(w, "inner_blocks.0.weight", 0, f.out))
		}
		f.inner = append(f.inner, nn.NewConv2d(inner, in, f.out, nn.Conv{Kernel: 1, Bias: true}))
		f.layer = append(f.layer, nn.NewConv2d(layer, f.out, f.out, nn.Conv{Kernel: 3, Padding: 1, Bias: true}))
	}
	return f
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
	top := len(f.inner) - 1
	p := make([]nn.Value, top+2)
	last := f.inner[top].Forward(c[top])
	p[top] = f.layer[top].Forward(last)
	for i := top - 1; i >= 0; i-- {
		lateral := f.inner[i].Forward(c[i])
		last = nn.Add(lateral, nn.Upsample(last, c[i]))
		p[i] = f.layer[i].Forward(last)
	}
	p[top+1] = nn.MaxPool2d{Kernel: 1, Stride: 2}.Forward(p[top])
	return p
}
