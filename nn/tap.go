package nn

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// A Tap is a result between layers that is an output of the network too; see
// [WithTaps].
type Tap struct {
	Path string // of the layer
	Call int    // how many times the network had applied the layer before, 0 unless layers share weights
}

// WithTaps makes the results of the layers at these paths outputs of the
// network, after its own and in the order in which they are computed: the first
// result of each, every time that the layer is applied. A layer whose path is
// not there is left out; [Network.Taps] tells which there are.
//
// A result that is looked at is not absorbed by the layers around it, so that a
// network with taps takes longer and more memory.
func WithTaps(paths ...string) Option { return func(o *options) { o.taps = append(o.taps, paths...) } }

// Taps returns what the last of the network's outputs are.
func (n *Network) Taps() []Tap { return slices.Clone(n.taps) }

// tap makes the first results of nodes outputs of g.
func tap(g *op.Graph, paths []string) []Tap {
	var taps []Tap
	calls := map[string]int{}
	for _, n := range g.Nodes {
		if slices.Contains(paths, n.Path) {
			taps = append(taps, Tap{n.Path, calls[n.Path]})
			calls[n.Path]++
			g.Outputs = append(g.Outputs, n.Out[0])
		}
	}
	return taps
}
