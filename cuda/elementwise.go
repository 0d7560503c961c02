//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// add plans z = x + y.
func (p *planner) add(n *op.Node) {
	z := p.write(n, 0)
	p.each("add_"+z.element.suffix(), z.vectors(), p.read(n, 0), p.read(n, 1), z, i64(z.vectors()))
}

// mul plans z = x·y; of images one may be of one pixel.
func (p *planner) mul(n *op.Node) {
	x, y, z := p.read(n, 0), p.read(n, 1), p.write(n, 0)
	if x.pixels() != z.pixels() {
		x, y = y, x
	}
	once := 0
	if y.pixels() != z.pixels() {
		once = 1
	}
	p.each("mul_"+z.element.suffix(), z.vectors(), x, y, z, i64(z.vectors()), i32(z.per()), i32(z.h*z.w), i32(once))
}

// activation plans y = act(x).
func (p *planner) activation(n *op.Node, act op.Act) {
	y := p.write(n, 0)
	p.each("activation_"+y.element.suffix(), y.vectors(),
		p.read(n, 0), y, i64(y.vectors()), i32(y.per()), i32(y.c), i32(act))
}

// batchNorm2d plans y = scale[c]·x + shift[c].
func (p *planner) batchNorm2d(n *op.Node, w weights) {
	y := p.write(n, 0)
	p.each("batch_norm2d_"+y.element.suffix(), y.vectors(), p.read(n, 0), p.packed(w.scale), p.packed(w.bias), y,
		i64(y.vectors()), i32(y.per()))
}
