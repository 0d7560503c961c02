//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// flatten plans nothing where the rows of the result are the channels of the
// operand as they lie. Otherwise it is a transposition.
func (p *planner) flatten(n *op.Node) {
	x := p.read(n, 0)
	if x.h*x.w == 1 {
		v := newValue(p.specs[n.Out[0]], x.element)
		if v.root = x.root; v.root == nil {
			v.root = x
		}
		p.values[n.Out[0]] = v
		return
	}
	y := p.write(n, 0)
	p.each("flatten_"+y.element.suffix(), y.n*y.stride,
		x, y, i64(y.n*y.stride), i32(x.c), i32(x.h*x.w), i32(x.stride), i64(y.stride))
}
