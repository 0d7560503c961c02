//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

func (p *planner) maxPool2d(n *op.Node, o *op.MaxPool2d) {
	x, y := p.read(n, 0), p.write(n, 0)
	kernel, stride, padding := o.Window()
	p.each("max_pool2d_"+y.element.suffix(), y.vectors(), x, y, i64(y.vectors()), i32(y.per()), x.size(), y.size(),
		pair(kernel), pair(stride), pair(padding))
}

// The block of global_avg_pool2d: times 16 bytes of channels, and pixels at once.
const (
	meanVectors = 8
	meanThreads = 32
)

func (p *planner) globalAvgPool2d(n *op.Node) {
	x, y := p.read(n, 0), p.write(n, 0)
	blocks := y.n * ((y.per() + meanVectors - 1) / meanVectors)
	p.launch("global_avg_pool2d_"+y.element.suffix(), [3]uint32{uint32(blocks)}, [3]uint32{meanVectors, meanThreads},
		x, y, i32(x.h*x.w), i32(x.per()))
}
