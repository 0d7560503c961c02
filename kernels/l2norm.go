package kernels

import (
	"math"
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// newL2Norm keeps the weight as scale.
func newL2Norm(o *op.L2Norm) (*weights, error) {
	w, err := o.Weight.Float32s()
	if err != nil {
		return nil, err
	}
	return &weights{scale: slices.Clone(w)}, nil
}

// A unit is the kernel of L2Norm: it makes the channels of a pixel a vector of
// length 1. It adds squares in float64, in which they do not overflow; SSD has
// one such layer, whose time does not show.
type unit struct {
	pixelwise
	x *value
	*weights
}

func (p *planner) l2Norm(n *op.Node, w *weights) {
	k := &unit{pixelwise: p.pixelwise(n), x: p.read(n, 0), weights: w}
	p.addStep(n, "", k.out, k)
}

func (k *unit) do(l *lane, rows, i int) {
	first, end := k.pixels(rows).of(i)
	for p := first; p < end; p++ {
		dst, x := l.mem[k.out.off+p*k.out.stride:][:k.out.c], l.mem[k.x.off+p*k.x.stride:][:k.out.c]
		var square float64
		for _, v := range x {
			square += float64(v) * float64(v)
		}
		length := float32(max(math.Sqrt(square), op.L2NormEps))
		scale := k.scale[:len(dst)]
		for c := range dst {
			dst[c] = scale[c] * (x[c] / length)
		}
	}
}
