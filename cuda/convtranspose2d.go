//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// convTranspose2d prepares the weights (C, O, KH, KW) of a transposed
// convolution.
func (p *packer) convTranspose2d(o *op.ConvTranspose2d) weights {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 {
		return weights{} // shape inference reports it
	}
	area := s[2] * s[3]
	return p.add(matrix{tensor: o.Weight, taps: area, depth: s[0], channels: s[1], out: area, in: s[1] * area,
		rows: s[0], columns: round(s[1], 4)}, &o.Epilogue)
}

// convTranspose2d plans a transposed convolution.
func (p *planner) convTranspose2d(n *op.Node, o *op.ConvTranspose2d, w weights) {
	x, y, s := p.read(n, 0), p.write(n, 0), o.Weight.Shape()
	stride, padding := o.Window()
	residual := p.residual(n, o.Residual)
	p.each(n, "conv_transpose2d_f32", y.pixels()*y.stride,
		x, p.packed(w.matrix), p.packed(w.bias), residual, y, i64(y.pixels()*y.stride),
		x.size(), i32(x.c), i32(x.stride), y.size(), i32(y.c), i32(w.columns), i32(y.stride),
		pair{s[2], s[3]}, pair(stride), pair(padding), residual.sizeOr(y), i32(o.Act))
}
