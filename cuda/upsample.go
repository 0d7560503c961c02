//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// upsample plans the repetition of pixels, or their means.
func (p *planner) upsample(n *op.Node, o *op.Upsample) {
	x, y := p.read(n, 0), p.write(n, 0)
	kernel := "upsample"
	if o.Bilinear {
		kernel = "upsample_bilinear_" + y.element.suffix()
	}
	p.each(kernel, y.vectors(), x, y, i64(y.vectors()), i32(y.per()), i32(x.h), i32(x.w), i32(y.h), i32(y.w))
}
