package kernels

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// newLayerNorm keeps γ as scale and β as shift.
func newLayerNorm(o *op.LayerNorm) (*weights, error) {
	gamma, err := o.Weight.Float32s()
	if err != nil {
		return nil, err
	}
	beta, err := o.Bias.Float32s()
	if err != nil {
		return nil, err
	}
	return &weights{scale: slices.Clone(gamma), shift: slices.Clone(beta)}, nil
}

// A standardisation is the kernel of LayerNorm.
type standardisation struct {
	pixelwise
	x *value
	*weights
	eps float32
}

func (p *planner) layerNorm(n *op.Node, o *op.LayerNorm, w *weights) {
	k := &standardisation{pixelwise: p.pixelwise(n), x: p.read(n, 0), weights: w, eps: float32(o.Eps)}
	p.addStep(n, "", k.out, k)
}

func (k *standardisation) do(l *lane, rows, i int) {
	first, end := k.pixels(rows).of(i)
	for p := first; p < end; p++ {
		dst, x := l.mem[k.out.off+p*k.out.stride:][:k.out.c], l.mem[k.x.off+p*k.x.stride:][:k.out.c]
		l.vectors.Norm(dst, x, k.scale, k.shift, k.eps)
	}
}
