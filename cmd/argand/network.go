package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A network is which network a command runs and how: the flags that pipeline and detect share.
type network struct {
	model   string // checkpoint, in any of Beam's file systems; empty: the embedded shapes network
	labels  string // file of class names
	preset  string
	score   float64
	minSize int
	maxSize int
	eps     float64
	threads int
	device  deviceFlags
	sha256  string         // of the checkpoint, empty for any
	flags   *pflag.FlagSet // tells which were given
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
func (n *network) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	n.flags = f
	f.StringVar(&n.model, "model", "",
		"checkpoint `FILE` of a detector, in any of Beam's file systems (default: the embedded network)")
	addSHA256(f, &n.sha256)
	f.StringVar(&n.labels, "labels", "", "`FILE` with the names of the classes, in any of Beam's file systems: a line "+
		"each, or a JSON array")
	f.StringVar(&n.preset, "preset", "", "`NAME` of a known way to run a network: "+strings.Join(presets(), " or "))
	f.Float64Var(&n.score, "score", 0.5, "tell of objects that score above `SCORE`, 0 to 1")
	f.IntVar(&n.minSize, "min-size", defaultMinSize,
		fmt.Sprintf("resize pictures until the shorter side has `PIXELS`; %d for the embedded network", demoMinSize))
	f.IntVar(&n.maxSize, "max-size", defaultMaxSize,
		fmt.Sprintf("but the longer side at most `PIXELS`; %d for the embedded network", demoMaxSize))
	f.Float64Var(&n.eps, "eps", 1e-5, "`EPS` of batch normalisation, which checkpoints do not hold")
	f.IntVar(&n.threads, "threads", 0, "`THREADS` to compute with; 0 is one for each core")
	n.device.addTo(f)
}

// presets returns the names that vision.WithPreset knows for detectors.
func presets() []string { return []string{"COCO_V1", "beam-article"} }

// demo reports whether the embedded network is meant.
func (n *network) demo() bool { return n.model == "" }

// settle puts the embedded network's defaults in the place of flags that were not given, and checks all.
func (n *network) settle() error {
	if n.demo() && !n.flags.Changed("min-size") {
		n.minSize = demoMinSize
	}
	if n.demo() && !n.flags.Changed("max-size") {
		n.maxSize = max(demoMaxSize, n.minSize)
	}
	return misused(n.check())
}

// check returns an error for flags that make no sense.
func (n *network) check() error {
	// A script's variable may not be set, say.
	for _, name := range []string{"model", "input", "output", "device", "driver"} {
		if f := n.flags.Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s is empty; leave it out for its default", name)
		}
	}
	switch {
	case !(n.score >= 0 && n.score <= 1):
		return fmt.Errorf("--score %v: want a number from 0 to 1", n.score)
	case n.minSize < 1 || n.minSize > largestSize:
		return fmt.Errorf("--min-size %d: want 1 to %d", n.minSize, largestSize)
	case n.maxSize < n.minSize:
		return fmt.Errorf("--max-size %d: want at least --min-size, %d", n.maxSize, n.minSize)
	case n.maxSize > largestSize:
		return fmt.Errorf("--max-size %d: want at most %d", n.maxSize, largestSize)
	case !(n.eps >= 0) || math.IsInf(n.eps, 0):
		return fmt.Errorf("--eps %v: want a number that is not negative", n.eps)
	case n.sha256 != "" && n.demo():
		return errors.New("--sha256 without --model: the embedded network is what it is")
	case n.threads < 0:
		return fmt.Errorf("--threads %d: want at least 0", n.threads)
	case n.preset != "" && !slices.Contains(presets(), n.preset):
		return fmt.Errorf("--preset %q: want %s", n.preset, strings.Join(presets(), " or "))
	}
	return n.device.check()
}

// decides reports whether a flag decides, and not the network: the embedded one has sizes of its own.
func (n *network) decides(flag string) bool {
	return n.flags.Changed(flag) || n.demo() && (flag == "min-size" || flag == "max-size")
}

// maxNamesBytes is how much of a file of names is read: a checkpoint in its place is to be told of, and not to be read.
const maxNamesBytes = 16 << 20

// names returns the names of the classes by index, or nil for the network's own.
func (n *network) names(ctx context.Context) ([]string, error) {
	if n.labels == "" {
		if n.demo() {
			return shapes.Labels(), nil
		}
		return nil, nil
	}
	var data []byte
	var err error
	if isRemote(n.labels) {
		if err = answers(ctx, n.labels, reachTime); err != nil {
			return nil, err
		}
		if data, err = beamio.ReadFile(ctx, n.labels, maxNamesBytes); err != nil {
			err = fmt.Errorf("%s: %w", n.labels, err)
		}
	} else {
		data, err = os.ReadFile(n.labels) // which may be a pipe
	}
	if err != nil {
		return nil, err
	}
	names, err := beamio.ParseNames(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.labels, err)
	}
	return names, nil
}

// addSHA256 adds the flag of that name to a command that opens a checkpoint.
func addSHA256(f *pflag.FlagSet, digits *string) {
	f.StringVar(digits, "sha256", "", "refuse the checkpoint if its SHA-256 is not `HEX`, 64 digits")
}

// checkpoint opens the checkpoint and recognises the network in it.
func (n *network) checkpoint(ctx context.Context) (c *loaders.Checkpoint, a vision.Architecture, err error) {
	if n.demo() {
		c, err = loaders.OpenBytes(shapes.Model(), "the embedded network")
	} else {
		c, err = openFile(ctx, n.model, n.sha256)
	}
	if err != nil {
		return nil, a, err
	}
	if a, err = vision.Recognize(c); err != nil {
		err = fmt.Errorf("%s: %w", c.Name(), err)
	}
	return c, a, err
}

// load loads the network on a backend. The times of its operators are added to profile unless that is nil.
func (n *network) load(ctx context.Context, backend op.Backend, profile *op.Profile) (*vision.Detector, error) {
	opts := []vision.Option{vision.WithScoreThreshold(n.score)}
	if profile != nil {
		opts = append(opts, vision.WithProfile(profile))
	}
	return load(ctx, backend, n, vision.NewDetector, opts...)
}

// load loads the network for its task, with options besides those of the flags.
func load[T any](
	ctx context.Context, backend op.Backend, n *network,
	make func(context.Context, op.Backend, nn.Source, ...vision.Option) (T, error), opts ...vision.Option,
) (T, error) {
	var none T
	checkpoint, arch, err := n.checkpoint(ctx)
	if err != nil {
		return none, err
	}
	own, err := n.options(ctx, arch)
	if err != nil {
		return none, err
	}
	net, err := make(ctx, backend, checkpoint, append(own, opts...)...)
	if err != nil {
		return none, fmt.Errorf("%s: %w", checkpoint.Name(), err)
	}
	return net, nil
}

// options returns what the flags say of a network. What they do not say is the network's own.
func (n *network) options(ctx context.Context, arch vision.Architecture) ([]vision.Option, error) {
	opts := []vision.Option{vision.WithThreads(n.threads), vision.WithPrecision(n.device.precision)}
	if n.preset != "" {
		opts = append(opts, vision.WithPreset(n.preset))
	}
	if n.decides("min-size") {
		opts = append(opts, vision.WithMinSize(n.minSize))
	}
	if n.decides("max-size") {
		opts = append(opts, vision.WithMaxSize(n.maxSize))
	}
	if n.decides("eps") {
		opts = append(opts, vision.WithEps(n.eps))
	}
	names, err := n.names(ctx)
	if err != nil {
		return nil, err
	}
	if names != nil {
		opts = append(opts, vision.WithLabels(beamio.AddBackground(names, arch.Classes)))
	}
	return opts, nil
}
