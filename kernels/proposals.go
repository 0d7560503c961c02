package kernels

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// proposing is the kernel of Proposals; its items are pictures.
type proposing struct {
	*op.Proposals
	sizes          *value
	height, width  int      // of the padded image
	logits, deltas []*value // per level: (N, A, h, w), (N, 4A, h, w)
	boxes, counts  *value   // the results
	scratch        *value   // candidates of each picture
	capacity       int      // candidates per picture
}

func (p *planner) proposals(n *op.Node, o *op.Proposals) {
	levels := len(o.Anchors)
	k := &proposing{Proposals: o, sizes: p.read(n, 0), boxes: p.write(n, 0), counts: p.write(n, 1)}
	image := p.specs[n.In[1]].Shape
	k.height, k.width = image[2], image[3]
	for l := range levels {
		x, d := p.read(n, 2+l), p.read(n, 2+levels+l)
		k.logits, k.deltas = append(k.logits, x), append(k.deltas, d)
		k.capacity += k.selected(l)
	}
	k.scratch = p.scratch(k.boxes.n * candidateFloats(k.capacity, levels))
	p.addStep(n, "", k.boxes, k)
}

// selected returns how many anchors of a level go on.
func (k *proposing) selected(level int) int {
	x := k.logits[level]
	return max(0, min(k.PreNMS, x.h*x.w*x.c))
}

func (k *proposing) items(rows int) int { return rows }

func (k *proposing) do(l *lane, _, n int) {
	size := candidateFloats(k.capacity, len(k.logits))
	c := candidatesIn(l.f32(k.scratch)[n*size:], k.capacity, len(k.logits))
	picture := l.f32(k.sizes)[n*k.sizes.stride:]
	for level := range k.logits {
		k.level(l, &c, n, level, picture[0], picture[1])
	}
	places := k.boxes.c / 4
	out := l.boxes(k.boxes)[n*places:][:places]
	kept := c.best(k.NMSThreshold, places)
	for i, j := range kept {
		out[i] = c.boxes[j]
	}
	clear(out[len(kept):])
	l.i32(k.counts)[n] = int32(len(kept))
}

// level adds the boxes of one level of picture n: those of the greatest
// logits, decoded, cut to the picture, and neither too small nor too unlikely.
func (k *proposing) level(l *lane, c *candidates, n, level int, height, width float32) {
	x, d, anchors := k.logits[level], k.deltas[level], k.Anchors[level]
	top := topK(c.keys[:0:k.selected(level)])
	for p := range x.h * x.w { // anchors in order of y, x, place
		for a, logit := range l.mem[x.at(n, 0, 0)+p*x.stride:][:x.c] {
			top.push(keyOf(logit, p*x.c+a))
		}
	}
	slices.Sort(top)
	sy, sx := k.height/x.h, k.width/x.w
	for _, key := range top {
		p, a := key.number()/x.c, key.number()%x.c
		dy, dx := float32(p/x.w*sy), float32(p%x.w*sx)
		anchor := anchors[a]
		delta := l.mem[d.at(n, 0, 0)+p*d.stride+4*a:]
		b := decode(box{anchor[0] + dx, anchor[1] + dy, anchor[2] + dx, anchor[3] + dy},
			[4]float32(delta[:4]), [4]float32{1, 1, 1, 1}).clip(height, width)
		score := sigmoidOf(l.mem[x.at(n, 0, 0)+p*x.stride+a])
		if b.atLeast(k.MinSize) && score >= float32(k.ScoreThreshold) {
			c.add(b, score, level)
		}
	}
}
