//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// conv2d prepares the weights (O, C/G, KH, KW) of a convolution.
func (p *packer) conv2d(o *op.Conv2d) weights {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 {
		return weights{} // shape inference reports it
	}
	area := s[2] * s[3]
	m := matrix{tensor: o.Weight, depth: s[1], channels: s[0], out: s[1] * area, in: area}
	if _, _, _, groups := o.Window(); groups > 1 {
		return p.grouped(m, &o.Epilogue, upTo(area))
	}
	return p.product(m, &o.Epilogue, upTo(area))
}

// A window says which pixels are made, and from which pixels of the operand: of
// size pixels the one at i is i·step + first of the result, and its window begins
// at i·stride − padding.
type window struct {
	kernel, stride, padding, dilation pair
	size, step, first                 pair
}

// conv2d plans a convolution.
func (p *planner) conv2d(n *op.Node, o *op.Conv2d, w weights) {
	x, y, residual := p.read(n, 0), p.write(n, 0), p.residual(n, o.Residual)
	stride, padding, dilation, groups := o.Window()
	s := o.Weight.Shape()
	at := window{kernel: pair{s[2], s[3]}, stride: stride, padding: padding, dilation: dilation,
		size: y.size(), step: pair{1, 1}}
	if groups > 1 {
		p.grouped(w, x, y, residual, at, s[1], s[0]/groups, o.Act)
		return
	}
	p.product(w, 0, x, y, residual, at, &o.Epilogue)
}

// product plans a convolution of one group, or a phase of a transposed one, as an
// implicit matrix product, with the engine that is chosen for it.
func (p *planner) product(w weights, phase int, x, y, residual *value, at window, e *op.Epilogue) {
	q := product{precision: p.model.options.Precision, in: x.element, out: y.element, pictures: p.pictures(x.n),
		n: x.n, height: x.h, width: x.w, c: x.stride, o: y.c, stride: y.stride, columns: w.columns,
		yh: y.h, yw: y.w, at: at, residual: e.Residual, act: e.Act}
	if residual != nil {
		q.hr, q.wr = residual.h, residual.w
	}
	if q.rows() == 0 || q.o == 0 || p.err != nil {
		return
	}
	o := operands{x: x, residual: residual, y: y, w: p.packed(w.matrices[phase]), bias: p.packed(w.bias)}
	if w.rows != nil {
		o.rows = p.packed(w.rows[phase])
	}
	if o.narrow = p.packed(w.narrow); y.element == elementF32 {
		o.narrow = o.bias
	}
	b := p.model.backend
	way, err := b.choose(q, &o)
	if err != nil {
		p.err = err
		return
	}
	if n := way.bytes(&q); n > 0 {
		o.scratch = p.hold(&value{bytes: n, first: -1})
	}
	for _, s := range way.steps(b, &q, &o) {
		s.path, s.op = p.path, p.op
		p.program.steps = append(p.program.steps, s)
	}
}

// pictures returns how many n maps are of: as many as there are first inputs,
// unless these have nothing to do with them.
func (p *planner) pictures(n int) int {
	if in := p.program.inputs; len(in) > 0 && len(in[0].Shape) > 0 {
		if pictures := in[0].Shape[0]; pictures > 0 && n%pictures == 0 {
			return pictures
		}
	}
	return 1
}
