package kernels

import "github.com/argand-go/argand/nn/op"

// objects are the results of an operator that finds them: boxes (N, D, 4),
// labels (N, D), scores (N, D) and counts (N).
type objects struct{ boxes, labels, scores, counts *value }

// objects returns the results of n.
func (p *planner) objects(n *op.Node) objects {
	return objects{p.write(n, 0), p.write(n, 1), p.write(n, 2), p.write(n, 3)}
}

// places returns how many objects a picture has at most.
func (o *objects) places() int { return o.scores.c }

// store makes the best candidates the objects of picture n, and the rest 0.
func (o *objects) store(l *lane, n int, c *candidates, threshold float64) {
	o.write(l, n, c, c.best(threshold, o.places()))
}

// write makes the candidates of the given numbers the objects of picture n, and
// the rest 0.
func (o *objects) write(l *lane, n int, c *candidates, kept []int32) {
	places := o.places()
	boxes := l.boxes(o.boxes)[n*places:][:places]
	labels := l.i64(o.labels)[n*places:][:places]
	scores := l.mem[o.scores.at(n, 0, 0):][:places]
	for i, j := range kept {
		boxes[i], labels[i], scores[i] = c.boxes[j], int64(c.class[j]), c.scores[j]
	}
	clear(boxes[len(kept):])
	clear(labels[len(kept):])
	clear(scores[len(kept):])
	l.i32(o.counts)[n] = int32(len(kept))
}
