//go:build linux && cgo && !nocuda

package cuda

import (
	"math"

	"github.com/argand-go/argand/nn/op"
)

// poolingLevels is how many levels of a pyramid roi_align reads.
const poolingLevels = 5

// roiAlign plans the pooling of boxes from the levels of a pyramid.
func (p *planner) roiAlign(n *op.Node, o *op.RoIAlign) {
	boxes, given, y := p.read(n, 0), p.read(n, 1), p.write(n, 0)
	arguments := []operand{boxes, given, y, i64(y.vectors()), i32(boxes.n), i32(boxes.c / 4),
		i32(o.Size), i32(o.Sampling), i32(y.per())}
	for l := range poolingLevels {
		x, size, scale := (*value)(nil), pair{}, 0.0
		if l < len(o.Scales) {
			x, scale = p.read(n, 2+l), o.Scales[l]
			size = x.size()
		}
		arguments = append(arguments, x, size, f32(scale))
		if l > 0 {
			arguments = append(arguments, f32(leastArea(o, l)))
		}
	}
	p.each("roi_align_"+y.element.suffix(), y.vectors(), arguments...)
}

// leastArea returns the least area of a box that is pooled from a level or one
// behind it, NaN if there is none.
func leastArea(o *op.RoIAlign, level int) float32 {
	pooled := func(bits uint32) bool { return o.Level(0, 0, math.Float32frombits(bits), 1) >= level }
	low, high := uint32(0), math.Float32bits(float32(math.Inf(1)))
	if level >= len(o.Scales) || !pooled(high) {
		return float32(math.NaN())
	}
	for low < high { // the order of positive numbers is that of their bits
		if middle := (low + high) / 2; pooled(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return math.Float32frombits(low)
}
