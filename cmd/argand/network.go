package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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

// A network is which network a command runs and how: the flags that all commands share that run one.
type network struct {
	model   string // checkpoint, in any of Beam's file systems; empty: the embedded shapes network
	labels  string // file of class names
	sidecar string // file of what the checkpoint does not hold, noSidecar, or empty: the one beside the checkpoint
	preset  string
	eps     float64
	threads int
	device  deviceFlags
	sha256  string         // of the checkpoint, empty for any
	flags   *pflag.FlagSet // tells which were given
}

// noSidecar is the --sidecar that reads none.
const noSidecar = "none"

// addTo adds the flags to a command.
func (n *network) addTo(cmd *cobra.Command) {
	f := cmd.Flags()
	n.flags = f
	f.StringVar(&n.model, "model", "", "checkpoint `FILE`, in any of Beam's file systems")
	addSHA256(f, &n.sha256)
	f.StringVar(&n.labels, "labels", "", "`FILE` with the names of the classes, in any of Beam's file systems: a line "+
		"each, or a JSON array")
	f.StringVar(&n.sidecar, "sidecar", "", "side-car `FILE` with what the checkpoint does not hold (docs/sidecar.md), "+
		"or "+noSidecar+"\n(default: the file of the checkpoint's name with .json, if there is one)")
	f.StringVar(&n.preset, "preset", "", "run as torchvision does with its weights of this `NAME`; see argand models")
	f.Float64Var(&n.eps, "eps", 0, "`EPS` of the norms, which checkpoints do not hold (default: the network's own, "+
		"1e-5 for most)")
	f.IntVar(&n.threads, "threads", 0, "`THREADS` to compute with; 0 is one for each core")
	n.device.addTo(f)
}

// demo reports whether the embedded network is meant.
func (n *network) demo() bool { return n.model == "" }

// settle returns an error for flags that make no sense.
func (n *network) settle() error { return misused(n.check()) }

// settleFor also returns one if there is no network, for a task that none is embedded for.
func (n *network) settleFor(command string) error {
	if n.demo() && !n.flags.Changed("model") {
		return misused(fmt.Errorf("%s takes --model, a checkpoint: the embedded network is for detect", command))
	}
	return n.settle()
}

// check returns an error for flags that make no sense.
func (n *network) check() error {
	// A script's variable may not be set, say.
	for _, name := range []string{
		"model", "input", "output", "overlay", "device", "driver", "sidecar", "coco", "maps", "list",
	} {
		if f := n.flags.Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return fmt.Errorf("--%s is empty; leave it out for its default", name)
		}
	}
	switch {
	case n.flags.Changed("eps") && (!(n.eps >= 0) || math.IsInf(n.eps, 0)):
		return fmt.Errorf("--eps %v: want a number that is not negative", n.eps)
	case n.sha256 != "" && n.demo():
		return errors.New("--sha256 without --model: the embedded network is what it is")
	case n.threads < 0:
		return fmt.Errorf("--threads %d: want at least 0", n.threads)
	case n.preset != "" && !slices.Contains(presetNames(), n.preset):
		return fmt.Errorf("--preset %q: want a name that argand models lists, its end such as COCO_V1, or beam-article",
			n.preset)
	}
	return n.device.check()
}

// presetNames returns the names that vision.WithPreset knows, of all tasks.
func presetNames() []string {
	names := []string{"beam-article"}
	for _, p := range vision.Presets() {
		names = append(names, p.Name, p.Name[strings.LastIndex(p.Name, ".")+1:])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// maxNamesBytes is how much of a file of names, or of a side-car, is read: a checkpoint in its place is to be told of,
// and not to be read.
const maxNamesBytes = 16 << 20

// names returns the names of the classes by index, or nil for the network's own.
func (n *network) names(ctx context.Context) ([]string, error) {
	if n.labels == "" {
		if n.demo() {
			return shapes.Labels(), nil
		}
		return nil, nil
	}
	data, err := readSmall(ctx, n.labels)
	if err != nil {
		return nil, err
	}
	names, err := beamio.ParseNames(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.labels, err)
	}
	return names, nil
}

// readSmall reads a file of names or a side-car, in any of Beam's file systems. One of this machine may be a pipe.
func readSmall(ctx context.Context, path string) ([]byte, error) {
	if !isRemote(path) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, maxNamesBytes+1))
		if err == nil && len(data) > maxNamesBytes {
			err = fmt.Errorf("%s: more than %d bytes", path, maxNamesBytes)
		}
		return data, err
	}
	if err := answers(ctx, path, reachTime); err != nil {
		return nil, err
	}
	data, err := beamio.ReadFile(ctx, path, maxNamesBytes)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return data, err
}

// sidecarFile returns the side-car to read, or "": beside a checkpoint of this machine it is looked for.
func (n *network) sidecarFile() string {
	switch {
	case n.sidecar == noSidecar:
		return ""
	case n.sidecar != "" || n.demo() || isRemote(n.model):
		return n.sidecar
	}
	name := vision.SidecarName(n.model)
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return name
}

// sidecarOptions returns what the side-car gives.
func (n *network) sidecarOptions(ctx context.Context) ([]vision.Option, error) {
	file := n.sidecarFile()
	if file == "" {
		return nil, nil
	}
	data, err := readSmall(ctx, file)
	if err != nil {
		return nil, err
	}
	opts, err := vision.ParseSidecar(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return opts, nil
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
	if _, refused := errors.AsType[*loaders.GlobalError](err); refused {
		return nil, a, fmt.Errorf("%w; argand convert --inert writes its tensors without running it", err)
	}
	if err != nil {
		return nil, a, err
	}
	if a, err = vision.Recognize(c); err != nil {
		err = fmt.Errorf("%s: %w", c.Name(), err)
	}
	return c, a, err
}

// options returns what the flags and the side-car mean for a network.
func (n *network) options(ctx context.Context, a vision.Architecture) ([]vision.Option, error) {
	opts, err := n.sidecarOptions(ctx)
	if err != nil {
		return nil, err
	}
	names, err := n.names(ctx)
	if err != nil {
		return nil, err
	}
	opts = append(opts, vision.WithThreads(n.threads), vision.WithPrecision(n.device.precision))
	if n.preset != "" {
		opts = append(opts, vision.WithPreset(n.preset))
	}
	if n.flags.Changed("eps") {
		opts = append(opts, vision.WithEps(n.eps))
	}
	if names != nil {
		if a.Task != vision.Classification {
			names = beamio.AddBackground(names, a.Classes)
		}
		opts = append(opts, vision.WithLabels(names))
	}
	return opts, nil
}

// load loads a network on a backend with one of vision's constructors. Options come after those of the flags.
func load[T any](
	ctx context.Context, backend op.Backend, n *network,
	construct func(context.Context, op.Backend, nn.Source, ...vision.Option) (T, error), opts ...vision.Option,
) (loaded T, err error) {
	checkpoint, arch, err := n.checkpoint(ctx)
	if err != nil {
		return loaded, err
	}
	if err := checkTask(checkpoint.Name(), arch, taskOf(loaded)); err != nil {
		return loaded, err
	}
	flags, err := n.options(ctx, arch)
	if err != nil {
		return loaded, err
	}
	if loaded, err = construct(ctx, backend, checkpoint, append(flags, opts...)...); err != nil {
		return loaded, fmt.Errorf("%s: %w", checkpoint.Name(), err)
	}
	return loaded, nil
}

// checkTask returns an error for a network that is for another task, which says what runs it.
func checkTask(checkpoint string, arch vision.Architecture, want vision.Task) error {
	if arch.Task == want {
		return nil
	}
	return fmt.Errorf("%s: %s is a network for %s, not for %s: argand %s runs it", checkpoint, arch.Name, arch.Task, want,
		commandOf(arch.Task))
}

// taskOf returns the task of one of vision's networks, loaded or not.
func taskOf(network any) vision.Task {
	switch network.(type) {
	case *vision.Classifier:
		return vision.Classification
	case *vision.Segmenter:
		return vision.Segmentation
	}
	return vision.Detection
}

// commandOf returns the command that runs the networks of a task.
func commandOf(task vision.Task) string {
	return map[vision.Task]string{
		vision.Classification: "classify", vision.Detection: "detect", vision.Segmentation: "segment",
	}[task]
}
