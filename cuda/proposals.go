//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// proposals places the anchors of all levels on the device, one after the other.
func (p *packer) proposals(o *op.Proposals) weights {
	var list []float64
	for _, anchors := range o.Anchors {
		for _, a := range anchors {
			list = append(list, float64(a[0]), float64(a[1]), float64(a[2]), float64(a[3]))
		}
	}
	return weights{anchors: p.vector(list, len(list))}
}

// proposals plans the selection of regions: for each level the best anchors are
// sorted and decoded, then those that overlap better ones go.
func (p *planner) proposals(n *op.Node, o *op.Proposals, w weights) {
	levels := len(o.Anchors)
	sizes, boxes, counts := p.read(n, 0), p.write(n, 0), p.write(n, 1)
	image := p.specs[n.In[1]].Shape
	logits, deltas := make([]*value, levels), make([]*value, levels)
	places := 0
	for l := range levels {
		logits[l], deltas[l] = p.read(n, 2+l), p.read(n, 2+levels+l)
		places = max(places, min(o.PreNMS, anchorsOf(logits[l])))
	}
	c := p.candidates(boxes.n, levels, places, levels*places)
	anchors := w.anchors
	for l, x := range logits {
		count, k := anchorsOf(x), min(o.PreNMS, anchorsOf(x))
		tiles := (count + sortTile - 1) / sortTile
		sorted := p.temporary(8 * boxes.n * tiles * k)
		if boxes.n > 0 && k > 0 {
			p.launch("topk_tiles_f32", [3]uint32{uint32(tiles), uint32(boxes.n)}, [3]uint32{sortThreads},
				x, sorted, i32(x.h*x.w), i32(x.c), i32(x.stride), i32(k))
		}
		if places > 0 {
			p.each("proposals_decode_f32", boxes.n*max(tiles*k, 1)*warp,
				sorted, x, deltas[l], p.packed(anchors), sizes, c.keys, c.boxes, c.tallies,
				i32(boxes.n), i32(tiles), i32(k), i32(x.h*x.w), i32(x.w), i32(x.c), i32(x.stride), i32(deltas[l].stride),
				i32(image[2]/x.h), i32(image[3]/x.w), i32(l), i32(levels), i32(places), f32(o.MinSize), f32(o.ScoreThreshold))
		}
		anchors += 16 * int64(x.c)
	}
	p.suppress(c, o.NMSThreshold, 0, selected{boxes: boxes, counts: counts, places: boxes.c / 4})
}

// anchorsOf returns how many there are of a level.
func anchorsOf(logits *value) int { return logits.h * logits.w * logits.c }
