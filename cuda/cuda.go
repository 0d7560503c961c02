//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/cuda/kernel"
	"github.com/argand-go/argand/nn/op"
)

// Backend runs networks on one GPU. It is an [op.Backend], safe for concurrent
// use but for Close.
type Backend struct {
	name    string
	about   string
	context *driver.Context
	memory  memory
	modules []*driver.Module
	kernels map[string]*driver.Kernel
	engines engines
}

// Open starts the driver and loads the kernels onto a device. Its errors are a
// [*NoDeviceError], a [*TooOldError], the driver's, a [*DriverError] or an
// [*OOMError], or the [*LibraryError] of a library that is asked for by its path.
func Open(o Options) (*Backend, error) { return o.open(driver.Device.Open) }

// open is Open in a context that comes from the device.
func (o Options) open(context func(driver.Device) (*driver.Context, error)) (*Backend, error) {
	report, devices := look(o)
	if o.Device < 0 || o.Device >= len(devices) {
		return nil, &NoDeviceError{o.Device, report}
	}
	b := &Backend{name: fmt.Sprintf("cuda:%d", o.Device), kernels: make(map[string]*driver.Kernel)}
	var err error
	if b.context, err = context(devices[o.Device]); err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	b.context.Limit = o.MemoryBytes
	targets, err := b.load()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", b.name, err), b.Close())
	}
	b.about = fmt.Sprintf("%v, CUDA %s, kernels for %s",
		report.Devices[o.Device], report.Version, strings.Join(targets, " and "))
	if o.MemoryBytes > 0 {
		b.about += fmt.Sprintf(", limited to %.1f GB", float64(o.MemoryBytes)/1e9)
	}
	if err := b.openEngines(o); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", b.name, err), b.Close())
	}
	for _, l := range b.engines.libraries {
		b.about += ", " + l.name()
	}
	return b, nil
}

// load loads all kernels and returns what targets they were compiled for.
func (b *Backend) load() (targets []string, err error) {
	m, err := kernel.ReadManifest()
	if err != nil {
		return nil, err
	}
	for _, u := range m.Units {
		module, target, err := b.module(&u)
		if err != nil {
			return nil, err
		}
		if module == nil {
			continue // its kernels are for newer ones
		}
		if !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
		b.modules = append(b.modules, module)
		for name := range u.Parameters {
			if b.kernels[name], err = module.Kernel(name, 0); err != nil {
				return nil, err
			}
		}
	}
	if len(b.modules) == 0 {
		return nil, &TooOldError{b.context.Device.Name, b.context.Device.Capability}
	}
	return targets, nil
}

// module loads the first image of a unit that the driver takes, the last being PTX,
// and returns what that was compiled for. It returns nil if there is none for such
// a device. A driver that is older than the compiler may refuse all but PTX.
func (b *Backend) module(u *kernel.Unit) (module *driver.Module, target string, refused error) {
	for _, image := range u.Fitting(b.context.Device.Capability) {
		data, err := image.Open()
		if err != nil {
			return nil, "", err
		}
		module, failed := b.context.LoadModule(data)
		if failed == nil {
			return module, image.Target, nil
		}
		refused = errors.Join(refused, fmt.Errorf("%s: %w", image.File, failed))
		if e, ok := errors.AsType[*driver.Error](failed); !ok || !e.RefusesImage() {
			break
		}
	}
	return nil, "", refused
}

// Close gives the device back. Models must have been closed before; an error
// tells if they were not.
func (b *Backend) Close() error {
	errs := []error{b.engines.close()}
	for _, m := range b.modules {
		errs = append(errs, m.Close())
	}
	return errors.Join(append(errs, b.context.Close())...)
}

// Name implements [op.Backend].
func (b *Backend) Name() string { return b.name }

// Err returns nil, or an error with [ErrContextLost] in it once that happened.
func (b *Backend) Err() error { return b.context.Err() }

// String says what the backend runs on, for people: "cuda:0 NVIDIA H100 80GB
// HBM3, compute capability 9.0, 132 multiprocessors, 85.0 GB, CUDA 13.0, kernels
// for sm_90a, cudnn 9.10.2".
func (b *Backend) String() string { return b.about }

// Load implements [op.Backend]. Besides the errors of that there are the
// driver's, such as an [*OOMError] for weights that have no place on the device.
func (b *Backend) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	if err := g.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	if err := b.supports(g, o); err != nil {
		return nil, err
	}
	m := newModel(b, g, o)
	if err := m.prepare(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", b.name, err), m.Close())
	}
	return m, nil
}

// tensorCores is the major compute capability from which on tensor cores have what
// products of lower precisions need: tf32 and bfloat16, and float16 in the shape
// that the kernels use.
const tensorCores = 8

// supports returns an error that names every operator there is no kernel for.
func (b *Backend) supports(g *op.Graph, o op.Options) error {
	var missing []string
	switch o.Precision {
	case op.Float32:
	case op.TensorFloat32, op.BFloat16, op.Float16:
		if d := &b.context.Device; d.Capability[0] < tensorCores {
			missing = append(missing, fmt.Sprintf("precision %v, which needs compute capability %d.0 where %s has %d.%d",
				o.Precision, tensorCores, d.Name, d.Capability[0], d.Capability[1]))
		}
	default:
		missing = append(missing, o.Precision.String())
	}
	for _, n := range g.Nodes {
		if lack := lacks(n.Op); lack != "" {
			missing = append(missing, n.Path+": "+lack)
		}
	}
	if missing != nil {
		return &op.UnsupportedError{Backend: b.name, Missing: missing}
	}
	return nil
}

// lacks says what there is no kernel for in o, "" if there is one.
func lacks(o op.Op) string {
	switch o := o.(type) {
	case *op.Activation:
		if o.Act > op.GELU {
			return fmt.Sprintf("activation %d", o.Act)
		}
	case *op.Conv2d, *op.ConvTranspose2d, *op.Linear, *op.GroupNorm:
		e := op.EpilogueOf(o)
		if e.Act > op.GELU || e.Residual > op.NearestResidual {
			return fmt.Sprintf("%s with activation %d and residual %d", o.Name(), e.Act, e.Residual)
		}
	case *op.RoIAlign:
		if len(o.Scales) > poolingLevels {
			return fmt.Sprintf("%s from more than %d levels", o.Name(), poolingLevels)
		}
	case *op.Proposals:
		return lacksThreshold(o, o.NMSThreshold)
	case *op.Detections:
		return lacksThreshold(o, o.NMSThreshold)
	case *op.Add, *op.Mul, *op.BatchNorm2d, *op.MaxPool2d, *op.GlobalAvgPool2d, *op.Flatten, *op.Upsample, *op.Concat,
		*op.LayerNorm, *op.L2Norm, *op.Attention, *op.Tokens, *op.Select, *op.Preprocess, *op.MaskSelect, *op.MaskPaste,
		*op.Keypoints:
	default:
		return o.Name()
	}
	return ""
}

// step makes the steps of node i in a program being planned.
func (p *planner) step(i int) {
	n := &p.model.graph.Nodes[i]
	switch o := n.Op.(type) {
	case *op.Conv2d:
		p.conv2d(n, o, p.model.weights[i])
	case *op.ConvTranspose2d:
		p.convTranspose2d(n, o, p.model.weights[i])
	case *op.Linear:
		p.linear(n, o, p.model.weights[i])
	case *op.BatchNorm2d:
		p.batchNorm2d(n, p.model.weights[i])
	case *op.Activation:
		p.activation(n, o.Act)
	case *op.Add:
		p.add(n)
	case *op.Mul:
		p.mul(n)
	case *op.MaxPool2d:
		p.maxPool2d(n, o)
	case *op.GlobalAvgPool2d:
		p.globalAvgPool2d(n)
	case *op.Flatten:
		p.flatten(n)
	case *op.Upsample:
		p.upsample(n, o)
	case *op.Concat:
		p.concat(n)
	case *op.LayerNorm:
		p.layerNorm(n, o, p.model.weights[i])
	case *op.L2Norm:
		p.l2Norm(n, p.model.weights[i])
	case *op.GroupNorm:
		p.groupNorm(n, o, p.model.weights[i])
	case *op.Attention:
		p.attention(n, o)
	case *op.Tokens:
		p.tokens(n, p.model.weights[i])
	case *op.Select:
		p.selectPixel(n, o)
	case *op.Preprocess:
		p.preprocess(n, p.model.weights[i])
	case *op.RoIAlign:
		p.roiAlign(n, o)
	case *op.Proposals:
		p.proposals(n, o, p.model.weights[i])
	case *op.Detections:
		p.detections(n, o)
	case *op.MaskSelect:
		p.maskSelect(n)
	case *op.MaskPaste:
		p.maskPaste(n, o)
	case *op.Keypoints:
		p.keypoints(n, o)
	}
}
