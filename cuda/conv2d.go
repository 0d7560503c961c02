//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// The block of conv2d_f32_128x64: output pixels, output channels, threads.
const (
	productPixels  = 128
	productColumns = 64
	productThreads = 256
)

// conv2d prepares the weights (O, C/G, KH, KW) of a convolution.
func (p *packer) conv2d(o *op.Conv2d) weights {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 {
		return weights{} // shape inference reports it
	}
	area := s[2] * s[3]
	m := matrix{tensor: o.Weight, depth: s[1], channels: s[0], out: s[1] * area, in: area}
	if _, _, _, groups := o.Window(); groups == 1 {
		m.rows, m.columns = round(s[1], 4), round(s[0], productColumns)
	} else {
		m.rows, m.columns = s[1], round(s[0], 4)
	}
	return p.add(m, &o.Epilogue, upTo(area))
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
	if groups == 1 {
		p.product(w, 0, x, y, residual, at, o.Act)
		return
	}
	outputs := y.pixels() * y.stride
	p.each("conv2d_grouped_f32", outputs,
		x, p.packed(w.matrices[0]), p.packed(w.bias), residual, y, i64(outputs),
		x.size(), i32(s[1]), i32(x.stride), y.size(), i32(y.c), i32(s[0]/groups), i32(w.columns), i32(y.stride),
		at.kernel, at.stride, at.padding, at.dilation, residual.sizeOr(y), i32(o.Act))
}

// product plans a convolution of one group, or a phase of a transposed one, as an
// implicit matrix product.
func (p *planner) product(w weights, phase int, x, y, residual *value, at window, act op.Act) {
	pixels := y.n * at.size[0] * at.size[1]
	if y.c == 0 {
		return
	}
	grid := [3]uint32{uint32((pixels + productPixels - 1) / productPixels), uint32(w.columns / productColumns)}
	p.launch("conv2d_f32_128x64", grid, [3]uint32{productThreads},
		x, p.packed(w.matrices[phase]), p.packed(w.bias), residual, y,
		i32(x.n), x.size(), i32(x.stride), i32(x.stride), at.size, i32(y.c), i32(w.columns), i32(y.stride),
		at.kernel, at.stride, at.padding, at.dilation, y.size(), at.step, at.first, residual.sizeOr(y), i32(act))
}
