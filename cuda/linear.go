//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// linear prepares the weights (O, C) of a fully connected layer.
func (p *packer) linear(o *op.Linear) weights {
	s := o.Weight.Shape()
	if len(s) != 2 {
		return weights{} // shape inference reports it
	}
	return p.add(matrix{tensor: o.Weight, taps: 1, depth: s[1], channels: s[0], out: s[1], in: 1,
		rows: round(s[1], 4), columns: round(s[0], productColumns)}, &o.Epilogue)
}

// linear plans a fully connected layer: a convolution of images of one pixel.
func (p *planner) linear(n *op.Node, o *op.Linear, w weights) {
	p.product(n, w, p.read(n, 0), p.write(n, 0), window{
		kernel: [2]int{1, 1}, stride: [2]int{1, 1}, dilation: [2]int{1, 1}}, &o.Epilogue)
}
