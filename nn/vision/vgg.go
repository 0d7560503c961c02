package vision

import (
	"fmt"
	"strconv"

	"github.com/argand-go/argand/nn"
)

// VGG is the classifier of Simonyan and Zisserman, "Very Deep Convolutional
// Networks for Large-Scale Image Recognition" (2015), table 1, with or without
// batch norms: torchvision's vgg11 … vgg19_bn. Its maps must have 7×7 pixels at
// the end, as those of pictures of 224×224 do: torchvision averages others to
// that, which this does not.
type VGG struct {
	trunk         *vggTrunk
	fc6, fc7, fc8 *nn.Linear
}

// NewVGG reads a VGG whose convolutions, channels, batch norms and number of
// classes are those of the checkpoint. Eps is that of its batch norms,
// nn.DefaultEps for every published one.
func NewVGG(w nn.Weights, eps float64) *VGG { return newVGG(w, eps, 0) }

// newVGG reads a VGG of so many classes, 0 for those of the checkpoint.
func newVGG(w nn.Weights, eps float64, classes int) *VGG {
	trunk := newVGGTrunk(w.At("features"), 0, 3, eps)
	hidden := extent(w, "classifier.0.weight", 0, 4096)
	hidden2 := extent(w, "classifier.3.weight", 0, 4096)
	if classes == 0 {
		classes = extent(w, "classifier.6.weight", 0, 1000)
	}
	return &VGG{
		trunk: trunk,
		fc6:   nn.NewLinear(w.At("classifier.0"), 7*7*trunk.channels, hidden),
		fc7:   nn.NewLinear(w.At("classifier.3"), hidden, hidden2),
		fc8:   nn.NewLinear(w.At("classifier.6"), hidden2, classes),
	}
}

// Forward implements [nn.Module]: (N, 3, 224, 224) → logits (N, classes).
func (v *VGG) Forward(x nn.Value) nn.Value {
	for _, stage := range v.trunk.stages {
		x = nn.MaxPool2d{Kernel: 2}.Forward(stage.Forward(x))
	}
	x = nn.ReLU(v.fc6.Forward(nn.Flatten(x)))
	return v.fc8.Forward(nn.ReLU(v.fc7.Forward(x)))
}

// vggFamily recognises VGG.
func vggFamily() family {
	return family{
		name: "VGG",
		task: Classification,
		keys: []string{"features.0.weight", "classifier.0.weight", "classifier.3.weight", "classifier.6.weight"},
		recognize: func(w nn.Weights) (Architecture, error) {
			a := Architecture{Name: fmt.Sprintf("vgg%d", vggDepth(w.At("features"), 0)+3), Picture: 224,
				Classes: extent(w, "classifier.6.weight", 0, 0),
				Width:   extent(w, "features.0.weight", 0, 0), published: 64}
			if w.Has("features.1.running_mean") {
				a.Name += "_bn"
			}
			return a, nil
		},
		defaults:   func(a Architecture) Settings { return published(a.Name, classifierSettings(nn.DefaultEps)) },
		classifier: func(w nn.Weights, _ Architecture, s Settings) nn.Module { return newVGG(w, s.Eps, s.Classes) },
	}
}

// A vggTrunk is the convolutions of a [VGG]: stages with a pooling between each
// other.
type vggTrunk struct {
	stages   []nn.Sequential
	channels int // of the last stage
	next     int // the number of the layer after it
}

// newVGGTrunk reads layers from number first on, which take so many channels.
// Layers are numbered with those that have no weights, an activation after every
// convolution and a pooling after every stage, so that the numbers tell how many
// convolutions a stage has.
func newVGGTrunk(w nn.Weights, first, channels int, eps float64) *vggTrunk {
	t := &vggTrunk{stages: make([]nn.Sequential, 1), channels: channels, next: first}
	at := func(i int) nn.Weights { return w.At(strconv.Itoa(i)) }
	for i := first; i == first || at(i).Has("weight"); {
		stage := &t.stages[len(t.stages)-1]
		out := extent(at(i), "weight", 0, 64)
		*stage = append(*stage, nn.NewConv2d(at(i), t.channels, out, nn.Conv{Kernel: 3, Padding: 1, Bias: true}))
		i++
		if at(i).Has("running_mean") {
			*stage = append(*stage, nn.NewBatchNorm2d(at(i), out, eps))
			i++
		}
		*stage = append(*stage, forward(nn.ReLU))
		i++
		t.channels, t.next = out, i
		if !at(i).Has("weight") && at(i+1).Has("weight") {
			t.stages = append(t.stages, nil)
			i++
		}
	}
	return t
}

// vggDepth returns how many convolutions the trunk under w has from layer first on.
func vggDepth(w nn.Weights, first int) int {
	n := 0
	for i, gap := first, 0; gap < 4; i++ { // from one to the next there are a norm, an activation and a pooling at most
		gap++
		if len(w.Shape(strconv.Itoa(i)+".weight")) == 4 {
			n, gap = n+1, 0
		}
	}
	return n
}
