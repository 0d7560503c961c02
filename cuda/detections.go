//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// detectionThreads is the block of detections_decode_f32.
const detectionThreads = 128

// detections plans the selection of objects: the likely classes of each proposal
// are decoded, sorted by class, and those that overlap better ones go.
//
// The mask head behind them works for as many objects as there may be, and most
// pictures have few. At 800×1344 it takes 53 of a Mask R-CNN's 269 G multiply-adds
// for 100 objects; for 10 of them 48 are for nothing, a sixth of all. To save it,
// products would have to read the counts, and those of libraries cannot.
func (p *planner) detections(n *op.Node, o *op.Detections) {
	sizes, proposals, given, logits, deltas := p.read(n, 0), p.read(n, 1), p.read(n, 2), p.read(n, 3), p.read(n, 4)
	out := selected{boxes: p.write(n, 0), labels: p.write(n, 1), scores: p.write(n, 2), counts: p.write(n, 3)}
	out.places = out.scores.c
	pictures, places, classes := proposals.n, proposals.c/4, logits.c-1 // without the background
	c := p.candidates(pictures, classes, places, places)
	if c.length() > 0 {
		rows := pictures * places * warp
		p.launch("detections_decode_f32", [3]uint32{uint32((rows + detectionThreads - 1) / detectionThreads)},
			[3]uint32{detectionThreads},
			sizes, proposals, given, logits, deltas, c.keys, c.boxes, c.tallies,
			i32(pictures), i32(places), i32(logits.c), i32(logits.stride),
			f32(o.Weights[0]), f32(o.Weights[1]), f32(o.Weights[2]), f32(o.Weights[3]),
			f32(o.ScoreThreshold), f32(o.MinSize))
		c.lengths = p.temporary(4 * pictures * classes)
		var scratch *value
		size := 1
		for size < places {
			size *= 2
		}
		if places > sortTile {
			scratch = p.temporary(8 * pictures * classes * size)
		}
		p.launch("topk_sort", [3]uint32{uint32(pictures * classes)}, [3]uint32{sortThreads},
			c.keys, scratch, c.lengths, i32(places), i32(size))
	}
	p.suppress(c, o.NMSThreshold, 1, out)
}
