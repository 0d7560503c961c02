package kernels

import "github.com/argand-go/argand/nn/op"

// flatten plans nothing where the rows of the result are the channels of the
// operand as they lie, or where only linear layers read them that take the
// image itself. Otherwise it is a transposition.
func (p *planner) flatten(n *op.Node) {
	if !p.needed(n.Out[0]) {
		return
	}
	x := p.values[n.In[0]]
	if x.h*x.w == 1 {
		v := newValue(p.specs[n.Out[0]])
		v.stride, v.root = x.stride, x
		if x.root != nil {
			v.root = x.root
		}
		p.values[n.Out[0]] = v
		return
	}
	k := &transposition{out: p.write(n, 0), x: p.read(n, 0)}
	k.spans = spansOf(k.out.n, k.out.c)
	p.addStep(n, "", k.out, k)
}

// needed reports whether something reads the flattened value v itself.
func (p *planner) needed(v op.Value) bool {
	g := &p.model.graph
	for _, o := range g.Outputs {
		if o == v {
			return true
		}
	}
	for i, n := range g.Nodes {
		for j, in := range n.In {
			w := p.model.weights[i]
			if in == v && !(j == 0 && w != nil && w.image) && !op.ShapeOnly(n.Op, j) {
				return true
			}
		}
	}
	return false
}

// A transposition is the kernel of Flatten: (N, H, W, C) → (N, C·H·W).
type transposition struct {
	out, x *value
	spans  spans // of images
}

func (k *transposition) items(rows int) int { return k.spans.upTo(rows).items() }

func (k *transposition) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows).of(i)
	pixels := k.x.h * k.x.w
	for n := first; n < end; n++ {
		dst := l.mem[k.out.at(n, 0, 0):][:k.out.c]
		for p := range pixels {
			for c, v := range l.mem[k.x.at(n, 0, 0)+p*k.x.stride:][:k.x.c] {
				dst[c*pixels+p] = v
			}
		}
	}
}
