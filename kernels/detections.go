package kernels

import "github.com/argand-go/argand/nn/op"

// detecting is the kernel of Detections; its items are pictures.
type detecting struct {
	*op.Detections
	sizes, proposals, given *value
	logits, deltas          *value
	objects
	scratch  *value // candidates of each picture
	capacity int    // candidates per picture
}

func (p *planner) detections(n *op.Node, o *op.Detections) {
	k := &detecting{
		Detections: o, sizes: p.read(n, 0), proposals: p.read(n, 1), given: p.read(n, 2),
		logits: p.read(n, 3), deltas: p.read(n, 4), objects: p.objects(n),
	}
	k.capacity = k.regions() * (k.logits.c - 1)
	k.scratch = p.scratch(k.boxes.n * candidateFloats(k.capacity, k.logits.c))
	p.addStep(n, "", k.boxes, k)
}

// regions returns how many proposals a picture has at most.
func (k *detecting) regions() int { return k.proposals.c / 4 }

func (k *detecting) items(rows int) int { return rows }

func (k *detecting) do(l *lane, _, n int) {
	size := candidateFloats(k.capacity, k.logits.c)
	c := candidatesIn(l.f32(k.scratch)[n*size:], k.capacity, k.logits.c)
	given := l.i32(k.given)
	row := 0 // of the picture's first proposal
	for _, g := range given[:n] {
		row += place(g, k.regions())
	}
	proposals := l.boxes(k.proposals)[n*k.regions():][:k.regions()]
	picture := l.f32(k.sizes)[n*k.sizes.stride:]
	for i, proposal := range proposals[:place(given[n], k.regions())] {
		k.classes(l, &c, row+i, proposal, picture[0], picture[1])
	}
	k.store(l, n, &c, k.NMSThreshold)
}

// classes adds the likely classes of one proposal: the softmax of its logits,
// and for each class a box decoded from the proposal.
func (k *detecting) classes(l *lane, c *candidates, row int, proposal box, height, width float32) {
	logits := l.mem[k.logits.at(row, 0, 0):][:k.logits.c]
	deltas := l.mem[k.deltas.at(row, 0, 0):][:k.deltas.c]
	e, sum := l.softmax(logits)
	for class := 1; class < len(logits); class++ { // 0 is the background
		score := e[class] / sum
		if !(score > float32(k.ScoreThreshold)) {
			continue
		}
		b := decode(proposal, [4]float32(deltas[4*class:][:4]), k.Weights).clip(height, width)
		if b.atLeast(k.MinSize) {
			c.add(b, score, class)
		}
	}
}

// softmax returns the numbers whose shares of their sum are the softmax of x, in
// the lane's scratch.
func (l *lane) softmax(x []float32) (e []float32, sum float32) {
	greatest := x[0]
	for _, v := range x {
		greatest = max(greatest, v)
	}
	e = l.floats(len(x))
	for i, v := range x {
		e[i] = exp(v - greatest)
		sum += e[i]
	}
	return e, sum
}
