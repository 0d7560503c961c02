//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// conv2d prepares the weights (O, C/G, KH, KW) of a convolution.
func (p *packer) conv2d(o *op.Conv2d) weights {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 {
		return weights{} // shape inference reports it
	}
	m := matrix{tensor: o.Weight, taps: s[2] * s[3], depth: s[1], channels: s[0], out: s[1] * s[2] * s[3], in: s[2] * s[3]}
	if _, _, _, groups := o.Window(); groups == 1 {
		m.rows, m.columns = round(s[1], 4), round(s[0], productColumns)
	} else {
		m.rows, m.columns = s[1], round(s[0], 4)
	}
	return p.add(m, &o.Epilogue)
}

// The block of conv2d_f32_128x64: output pixels, output channels, threads.
const (
	productPixels  = 128
	productColumns = 64
	productThreads = 256
)

// A window says which pixels of its operand a pixel is computed from.
type window struct{ kernel, stride, padding, dilation [2]int }

// conv2d plans a convolution.
func (p *planner) conv2d(n *op.Node, o *op.Conv2d, w weights) {
	x, y, s := p.read(n, 0), p.write(n, 0), o.Weight.Shape()
	at := window{kernel: [2]int{s[2], s[3]}}
	var groups int
	at.stride, at.padding, at.dilation, groups = o.Window()
	if groups == 1 {
		p.product(n, w, x, y, at, &o.Epilogue)
		return
	}
	residual := p.residual(n, o.Residual)
	p.each(n, "conv2d_grouped_f32", y.pixels()*y.stride,
		x, p.packed(w.matrix), p.packed(w.bias), residual, y, i64(y.pixels()*y.stride),
		x.size(), i32(s[1]), i32(x.stride), y.size(), i32(y.c), i32(s[0]/groups), i32(w.columns), i32(y.stride),
		pair(at.kernel), pair(at.stride), pair(at.padding), pair(at.dilation), residual.sizeOr(y), i32(o.Act))
}

// product plans a convolution of one group as an implicit matrix product.
func (p *planner) product(n *op.Node, w weights, x, y *value, at window, e *op.Epilogue) {
	residual := p.residual(n, e.Residual)
	if y.c == 0 {
		return
	}
	grid := [3]uint32{uint32((y.pixels() + productPixels - 1) / productPixels), uint32(w.columns / productColumns)}
	p.launch(n, "conv2d_f32_128x64", grid, [3]uint32{productThreads},
		x, p.packed(w.matrix), p.packed(w.bias), residual, y,
		i32(x.n), x.size(), i32(x.stride), i32(x.stride), y.size(), i32(y.c), i32(w.columns), i32(y.stride),
		pair(at.kernel), pair(at.stride), pair(at.padding), pair(at.dilation), residual.sizeOr(y), i32(e.Act))
}
