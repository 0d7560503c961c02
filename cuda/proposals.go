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

// pyramidLevels is how many levels the kernels of Proposals take at once.
const pyramidLevels = 5

// proposals plans the selection of regions: the best anchors of each level are
// sorted and decoded, all levels at once, then those that overlap better ones go.
func (p *planner) proposals(n *op.Node, o *op.Proposals, w weights) {
	levels := make([]anchored, len(o.Anchors))
	sizes, boxes, counts := p.read(n, 0), p.write(n, 0), p.write(n, 1)
	places := 0
	for l := range levels {
		levels[l] = anchored{logits: p.read(n, 2+l), deltas: p.read(n, 2+len(levels)+l)}
		places = max(places, min(o.PreNMS, levels[l].anchors()))
	}
	c := p.candidates(boxes.n, len(levels), places, len(levels)*places)
	image, anchors := p.specs[n.In[1]].Shape, w.anchors
	for first := 0; first < len(levels) && c.length() > 0; first += pyramidLevels {
		some := levels[first:min(first+pyramidLevels, len(levels))]
		tiles, keys, warps := 0, 0, 0
		for _, l := range some {
			own := l.tiles() * min(places, l.anchors()) // each tile keeps as many
			tiles, keys, warps = tiles+l.tiles(), keys+own, warps+max(own, 1)
		}
		sorted := p.temporary(8 * boxes.n * keys)
		p.launch("proposals_tiles_f32", [3]uint32{uint32(tiles), uint32(boxes.n)}, [3]uint32{sortThreads},
			append([]operand{sorted, i32(places)}, pyramid(some)...)...)
		p.each("proposals_decode_f32", boxes.n*warps*warp,
			append([]operand{sorted, p.packed(anchors), sizes, c.keys, c.boxes, c.tallies, i32(boxes.n), i32(warps),
				i32(image[2]), i32(image[3]), i32(first), i32(len(levels)), i32(places),
				f32(o.MinSize), f32(o.ScoreThreshold)}, pyramid(some)...)...)
		for _, l := range some {
			anchors += 16 * int64(l.logits.c)
		}
	}
	p.suppress(c, o.NMSThreshold, 0, selected{boxes: boxes, counts: counts, places: boxes.c / 4})
}

// An anchored level of a pyramid has anchors at each pixel.
type anchored struct{ logits, deltas *value }

// anchors returns how many there are.
func (l anchored) anchors() int { return l.logits.h * l.logits.w * l.logits.c }

// tiles returns into how many their logits are sorted.
func (l anchored) tiles() int { return (l.anchors() + sortTile - 1) / sortTile }

// pyramid returns levels as kernels take them, with none for the rest.
func pyramid(levels []anchored) (list []operand) {
	for l := range pyramidLevels {
		if l < len(levels) {
			x, d := levels[l].logits, levels[l].deltas
			list = append(list, x, d, x.size(), i32(x.c), i32(x.stride), i32(d.stride))
		} else {
			none := (*value)(nil)
			list = append(list, none, none, pair{}, i32(0), i32(0), i32(0))
		}
	}
	return list
}
