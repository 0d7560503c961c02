package kernels

import (
	"context"
	"fmt"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// CPU returns the backend that runs networks on this machine's cores. Its name
// tells the instruction set: "cpu/avx512", "cpu/avx2" or "cpu/go".
func CPU(options ...Option) op.Backend {
	b := &backend{tier: tile.Best()}
	for _, o := range options {
		o(b)
	}
	return b
}

// An Option changes what [CPU] returns.
type Option func(*backend)

// WithConvolution chooses how 3×3 convolutions of stride 1 are computed;
// without it the choice is [Auto].
func WithConvolution(c Convolution) Option { return func(b *backend) { b.convolution = c } }

type backend struct {
	tier        *tile.Tier
	convolution Convolution
}

// Name implements [op.Backend].
func (b *backend) Name() string { return "cpu/" + b.tier.Name }

// Load implements [op.Backend].
func (b *backend) Load(ctx context.Context, g *op.Graph, o op.Options) (op.Model, error) {
	if err := g.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", b.Name(), err)
	}
	if err := b.supports(g, o); err != nil {
		return nil, err
	}
	m := newModel(b, g, o)
	if err := m.prepare(ctx); err != nil {
		m.memory.freeAll()
		return nil, err
	}
	return m, nil
}

// supports returns an error that names every operator there is no kernel for.
func (b *backend) supports(g *op.Graph, o op.Options) error {
	var missing []string
	if o.Precision != op.Float32 {
		missing = append(missing, "precision "+o.Precision.String())
	}
	for _, n := range g.Nodes {
		if lack := lacks(n.Op); lack != "" {
			missing = append(missing, n.Path+": "+lack)
		}
	}
	if missing != nil {
		return &op.UnsupportedError{Backend: b.Name(), Missing: missing}
	}
	return nil
}

// lacks says what there is no kernel for in o, "" if there is one.
func lacks(o op.Op) string {
	switch o := o.(type) {
	case nil:
		return "no operator"
	case *op.Activation:
		if o.Act > op.GELU {
			return fmt.Sprintf("activation %d", o.Act)
		}
	case *op.Conv2d, *op.ConvTranspose2d, *op.Linear, *op.GroupNorm:
		e := op.EpilogueOf(o)
		if e.Act > op.GELU || e.Residual > op.NearestResidual {
			return fmt.Sprintf("%s with activation %d and residual %d", o.Name(), e.Act, e.Residual)
		}
	case *op.L2Norm, *op.SSDDetections:
	case *op.Add, *op.Mul, *op.BatchNorm2d, *op.MaxPool2d, *op.GlobalAvgPool2d, *op.Flatten, *op.Upsample, *op.Concat,
		*op.LayerNorm, *op.Attention, *op.Tokens, *op.Select,
		*op.Preprocess, *op.Proposals, *op.RoIAlign, *op.Detections, *op.DenseDetections,
		*op.MaskSelect, *op.MaskPaste, *op.Keypoints:
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
	case *op.GroupNorm:
		p.groupNorm(n, o)
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
	case *op.Attention:
		p.attention(n, o)
	case *op.Tokens:
		p.tokens(n, p.model.weights[i])
	case *op.Select:
		p.selectPixel(n, o)
	case *op.Preprocess:
		p.preprocess(n, o)
	case *op.Proposals:
		p.proposals(n, o)
	case *op.RoIAlign:
		p.roiAlign(n, o)
	case *op.Detections:
		p.detections(n, o)
	case *op.DenseDetections:
		p.denseDetections(n, o)
	case *op.L2Norm:
		p.l2Norm(n, p.model.weights[i])
	case *op.SSDDetections:
		p.ssdDetections(n, o)
	case *op.MaskSelect:
		p.maskSelect(n)
	case *op.MaskPaste:
		p.maskPaste(n, o)
	case *op.Keypoints:
		p.keypoints(n, o)
	}
}
