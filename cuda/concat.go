//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// concat plans a copy for each operand, one after the other: one that begins at a
// multiple of 16 bytes may write zeros where the next begins. The last one also
// writes those of the channels that there are not.
func (p *planner) concat(n *op.Node) {
	y := p.write(n, 0)
	first := 0
	for i := range n.In {
		x := p.read(n, i)
		end, per := first+x.c, x.per()
		if i == len(n.In)-1 {
			end = y.stride
			per = round(end-first, y.element.lanes()) / y.element.lanes()
		}
		p.each("concat_"+y.element.suffix(), y.pixels()*per,
			x, y, i64(y.pixels()*per), i32(per), i32(x.c), i32(x.stride), i32(first), i32(end), i32(y.stride))
		first += x.c
	}
}
