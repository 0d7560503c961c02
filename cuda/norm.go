//go:build linux && cgo && !nocuda

package cuda

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// layerNorm places γ as scale and β as bias.
func (p *packer) layerNorm(o *op.LayerNorm) (w weights, err error) {
	if w.scale, err = p.channels(o.Weight); err == nil {
		w.bias, err = p.channels(o.Bias)
	}
	return w, err
}

// l2Norm places the weight as scale.
func (p *packer) l2Norm(o *op.L2Norm) (w weights, err error) {
	w.scale, err = p.channels(o.Weight)
	return w, err
}

// groupNorm places the epilogue's vectors, of those that there are.
func (p *packer) groupNorm(o *op.GroupNorm) (w weights) {
	if o.Scale != nil {
		w.scale = p.vector(o.Scale, round(len(o.Scale), 8))
	}
	if o.Bias != nil {
		w.bias = p.vector(o.Bias, round(len(o.Bias), 8))
	}
	return w
}

// channels places a number for each channel, and zeros for those that there are
// not.
func (p *packer) channels(t *tensor.Tensor) (int64, error) {
	list, err := numbers(t)
	return p.vector(list, round(len(list), 8)), err
}

// numbers returns a tensor's elements.
func numbers(t *tensor.Tensor) ([]float64, error) {
	if t == nil {
		return nil, nil // shape inference reports it
	}
	v, err := t.Float32s()
	list := make([]float64, len(v))
	for i, x := range v {
		list[i] = float64(x)
	}
	return list, err
}

// layerNorm plans the normalisation of pixels: a warp has one.
func (p *planner) layerNorm(n *op.Node, o *op.LayerNorm, w weights) {
	y := p.write(n, 0)
	p.each("layer_norm_"+y.element.suffix(), y.pixels()*warp, p.read(n, 0), p.packed(w.scale), p.packed(w.bias), y,
		i64(y.pixels()), i32(y.per()), i32(y.c), f32(o.Eps))
}

// l2Norm plans that pixels get the length 1: a warp has one.
func (p *planner) l2Norm(n *op.Node, w weights) {
	y := p.write(n, 0)
	p.each("l2_norm_"+y.element.suffix(), y.pixels()*warp, p.read(n, 0), p.packed(w.scale), y,
		i64(y.pixels()), i32(y.per()), i32(y.c), f32(op.L2NormEps))
}

// momentThreads is the block of group_norm_moments.
const momentThreads = 512

// groupNorm plans the moments of each group of a picture, a block for each, and
// then the normalisation.
func (p *planner) groupNorm(n *op.Node, o *op.GroupNorm, w weights) {
	x, y := p.read(n, 0), p.write(n, 0)
	if y.vectors() == 0 {
		return
	}
	size, across := y.c/o.Groups, 1
	for across < size && across < warp {
		across *= 2
	}
	moments := p.temporary(8 * y.n * o.Groups)
	p.launch("group_norm_moments_"+x.element.suffix(), [3]uint32{uint32(y.n * o.Groups)}, [3]uint32{momentThreads},
		x, moments, i32(x.h*x.w), i32(x.stride), i32(o.Groups), i32(size), i32(across), f32(o.Eps))
	none := operand((*value)(nil))
	scale, bias := none, none
	if o.Scale != nil {
		scale = p.packed(w.scale)
	}
	if o.Bias != nil {
		bias = p.packed(w.bias)
	}
	p.each("group_norm_"+y.element.suffix(), y.vectors(), x, scale, bias, p.residual(n, o.Residual), moments, y,
		i64(y.vectors()), i32(y.per()), i32(y.h*y.w), i32(y.c), i32(o.Groups), i32(size), i32(o.Act))
}
