package kernels

import "github.com/argand-go/argand/nn/op"

// A picked is the kernel of Select.
type picked struct {
	out, x *value
	index  int
	spans  spans // of images
}

func (p *planner) selectPixel(n *op.Node, o *op.Select) {
	k := &picked{out: p.write(n, 0), x: p.read(n, 0), index: o.Index}
	k.spans = spansOf(k.out.n, k.out.c)
	p.addStep(n, "", k.out, k)
}

func (k *picked) items(rows int) int { return k.spans.upTo(rows).items() }

func (k *picked) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows).of(i)
	for n := first; n < end; n++ {
		copy(l.mem[k.out.at(n, 0, 0):][:k.out.c], l.mem[k.x.at(n, 0, k.index):])
	}
}
