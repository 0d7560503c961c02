//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// linear prepares the weights (O, C) of a fully connected layer.
func (p *packer) linear(o *op.Linear) weights {
	s := o.Weight.Shape()
	if len(s) != 2 {
		return weights{} // shape inference reports it
	}
	return p.product(matrix{tensor: o.Weight, depth: s[1], channels: s[0], out: s[1], in: 1}, &o.Epilogue, upTo(1))
}

// linear plans a fully connected layer: a convolution of images of one pixel.
func (p *planner) linear(n *op.Node, o *op.Linear, w weights) {
	x, y := p.read(n, 0), p.write(n, 0)
	at := window{kernel: pair{1, 1}, stride: pair{1, 1}, dilation: pair{1, 1}, size: y.size(), step: pair{1, 1}}
	p.product(w, 0, x, y, p.residual(n, o.Residual), at, &o.Epilogue)
}
