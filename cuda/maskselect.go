//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

func (p *planner) maskSelect(n *op.Node) {
	x, labels, given, y := p.read(n, 0), p.read(n, 1), p.read(n, 2), p.write(n, 0)
	p.each("mask_select_f32", y.pixels()*y.stride,
		x, labels, given, y, i64(y.pixels()*y.stride), i32(y.h*y.w), i32(x.c), i32(x.stride), i32(y.c), i32(y.stride))
}
