//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

func (p *planner) maxPool2d(n *op.Node, o *op.MaxPool2d) {
	x, y := p.read(n, 0), p.write(n, 0)
	kernel, stride, padding := o.Window()
	p.each("max_pool2d_f32", y.vectors(), x, y, i64(y.vectors()), i32(y.per()), x.size(), y.size(),
		pair(kernel), pair(stride), pair(padding))
}

// The block of global_avg_pool2d_f32: channels by four, and pixels at once.
const (
	meanQuads = 8
	meanLanes = 32
)

func (p *planner) globalAvgPool2d(n *op.Node) {
	x, y := p.read(n, 0), p.write(n, 0)
	blocks := y.n * ((y.per() + meanQuads - 1) / meanQuads)
	p.launch("global_avg_pool2d_f32", [3]uint32{uint32(blocks)}, [3]uint32{meanQuads, meanLanes},
		x, y, i32(x.h*x.w), i32(x.per()))
}
