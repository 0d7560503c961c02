package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

// A detectorNetwork is a network that finds objects: the flags that pipeline and detect share.
type detectorNetwork struct {
	network
	score   float64
	minSize int // 0 for the network's own, and so maxSize
	maxSize int
}

// The embedded network learnt on pictures of 128 to 512 pixels, so its pictures are resized to less than torchvision's
// 800 and 1333.
const (
	demoMinSize, demoMaxSize       = 512, 720
	defaultMinSize, defaultMaxSize = 800, 1333
)

// largestSize is as much as vision.WithMinSize and vision.WithMaxSize take.
const largestSize = 1 << 16

// addTo adds the flags to a command.
func (n *detectorNetwork) addTo(cmd *cobra.Command) {
	n.network.addTo(cmd)
	f := cmd.Flags()
	f.Lookup("model").Usage += " (default: an embedded network that knows shapes)"
	f.Float64Var(&n.score, "score", 0.5, "tell of objects that score above `SCORE`, 0 to 1")
	f.IntVar(&n.minSize, "min-size", 0, fmt.Sprintf("resize pictures until the shorter side has `PIXELS` (default: the "+
		"network's own,\n%d for most, %d for the embedded network)", defaultMinSize, demoMinSize))
	f.IntVar(&n.maxSize, "max-size", 0, fmt.Sprintf("but the longer side at most `PIXELS` (default: the network's own, "+
		"%d for most,\n%d for the embedded network)", defaultMaxSize, demoMaxSize))
}

// settle puts the embedded network's defaults in the place of flags that were not given, and checks all.
func (n *detectorNetwork) settle() error {
	if n.demo() && !n.flags.Changed("min-size") {
		n.minSize = demoMinSize
	}
	if n.demo() && !n.flags.Changed("max-size") {
		n.maxSize = max(demoMaxSize, n.minSize)
	}
	return misused(n.check())
}

// check returns an error for flags that make no sense.
func (n *detectorNetwork) check() error {
	minSize, maxSize := n.demo() || n.flags.Changed("min-size"), n.demo() || n.flags.Changed("max-size")
	switch {
	case !(n.score >= 0 && n.score <= 1):
		return fmt.Errorf("--score %v: want a number from 0 to 1", n.score)
	case minSize && (n.minSize < 1 || n.minSize > largestSize):
		return fmt.Errorf("--min-size %d: want 1 to %d", n.minSize, largestSize)
	case maxSize && n.maxSize < max(n.minSize, 1):
		return fmt.Errorf("--max-size %d: want at least --min-size, %d", n.maxSize, max(n.minSize, 1))
	case maxSize && n.maxSize > largestSize:
		return fmt.Errorf("--max-size %d: want at most %d", n.maxSize, largestSize)
	}
	return n.network.check()
}

// load loads the network on a backend, with options besides those of the flags.
func (n *detectorNetwork) load(
	ctx context.Context, backend op.Backend, opts ...vision.Option,
) (*vision.Detector, error) {
	opts = append(opts, vision.WithScoreThreshold(n.score))
	if n.minSize > 0 {
		opts = append(opts, vision.WithMinSize(n.minSize))
	}
	if n.maxSize > 0 {
		opts = append(opts, vision.WithMaxSize(n.maxSize))
	}
	d, err := load(ctx, backend, &n.network, vision.NewDetector, opts...)
	if isSizeRefused(err) {
		return nil, errFixedSize(n.model)
	}
	return d, err
}

// isSizeRefused reports whether a network did not load as it has a fixed size for pictures, and was given another.
func isSizeRefused(err error) bool {
	e, ok := errors.AsType[*vision.OptionError](err)
	return ok && e.Option == "WithMinSize or WithMaxSize"
}

// errFixedSize is what is told of that.
func errFixedSize(model string) error {
	return fmt.Errorf("%s: the network scales every picture to one size: leave out --min-size and --max-size", model)
}
