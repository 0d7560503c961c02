//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// keypointThreads is the block of keypoints_f32.
const keypointThreads = 256

// keypoints plans that heat maps are scaled bilinearly, and then a block for each
// of them, which scales it to its box and keeps nothing but the greatest number.
func (p *planner) keypoints(n *op.Node, o *op.Keypoints) {
	maps, boxes, given, y := p.read(n, 0), p.read(n, 1), p.read(n, 2), p.write(n, 0)
	if o.Scale > 1 {
		side := o.Scale * maps.h
		larger := newValue(op.F32(maps.n, maps.c, side, side), elementF32)
		if larger.bytes > maxBytes || larger.pixels() > maxPixels {
			p.err = p.tooLarge(larger.bytes)
			return
		}
		p.hold(larger)
		p.each("upsample_bilinear_f32", larger.vectors(),
			maps, larger, i64(larger.vectors()), i32(larger.per()), maps.size(), larger.size())
		maps = larger
	}
	p.launch("keypoints_f32", [3]uint32{uint32(y.n * y.h * y.stride)}, [3]uint32{keypointThreads},
		maps, boxes, given, y, i32(y.c), i32(y.h), i32(maps.h), i32(maps.stride), i32(y.stride))
}
