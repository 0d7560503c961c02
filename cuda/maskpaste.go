//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// maskPaste plans that masks are pasted into a picture, as bits: a warp has 32.
func (p *planner) maskPaste(n *op.Node, o *op.MaskPaste) {
	masks, boxes, y := p.read(n, 0), p.read(n, 1), p.write(n, 0)
	size, shape := masks.spec.Shape[1], y.spec.Shape
	words := 2 * shape[2]
	elements := shape[0] * shape[1] * words
	p.each("mask_paste_f32", elements*warp,
		masks, boxes, y, i64(elements), i32(size), i32(masks.stride), i32(shape[1]), i32(p.specs[n.In[2]].Shape[3]),
		i32(words), f32(float64(size+2)/float64(size)), f32(o.Threshold))
}
