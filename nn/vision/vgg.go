package vision

import (
	"strconv"

	"github.com/argand-go/argand/nn"
)

// A vggTrunk is the convolutions of Simonyan and Zisserman, "Very Deep
// Convolutional Networks for Large-Scale Image Recognition" (2015), table 1,
// with or without batch norms: stages with a pooling between each other.
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
	for i, gap := first, 0; gap < 4; i++ {
		if s := w.Shape(strconv.Itoa(i) + ".weight"); len(s) == 4 {
			n, gap = n+1, 0
		} else {
			gap++
		}
	}
	return n
}
