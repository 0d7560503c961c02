package vision

import (
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// WithTaps has receive called, after every run of the network, with the results
// of the layers at these paths ("backbone.body.bn1"); see nn.WithTaps. It is
// for comparing a network with another program's, stage by stage. Receive may be
// called from several goroutines if the network is used from several.
func WithTaps(receive func(tap nn.Tap, result *tensor.Tensor), paths ...string) Option {
	return func(c *config) {
		c.taps = append(c.taps, taps{receive, slices.Clone(paths)})
		c.compile = append(c.compile, nn.WithTaps(paths...))
	}
}

// taps are the results that one receiver has asked for.
type taps struct {
	receive func(nn.Tap, *tensor.Tensor)
	paths   []string
}

// deliver gives receivers what they have asked for of a network's outputs, and
// returns the others.
func deliver(net *nn.Network, receivers []taps, out []*tensor.Tensor) []*tensor.Tensor {
	tapped := net.Taps()
	own := len(out) - len(tapped)
	for i, tap := range tapped {
		for _, t := range receivers {
			if slices.Contains(t.paths, tap.Path) {
				t.receive(tap, out[own+i])
			}
		}
	}
	return out[:own]
}
