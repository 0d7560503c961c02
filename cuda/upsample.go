//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// upsample plans the repetition of pixels.
func (p *planner) upsample(n *op.Node) {
	x, y := p.read(n, 0), p.write(n, 0)
	p.each("upsample", y.vectors(), x, y, i64(y.vectors()), i32(y.per()), i32(x.h), i32(x.w), i32(y.h), i32(y.w))
}
