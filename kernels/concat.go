package kernels

import "github.com/argand-go/argand/nn/op"

// A concatenation is the kernel of Concat: pixel by pixel, the channels of all
// operands one after the other.
type concatenation struct {
	out   *value
	xs    []*value
	spans spans // of pixels
}

func (p *planner) concat(n *op.Node) {
	k := &concatenation{out: p.write(n, 0)}
	for i := range n.In {
		k.xs = append(k.xs, p.read(n, i))
	}
	k.spans = spansOf(k.out.n*k.out.h*k.out.w, k.out.c)
	p.addStep(n, "", k.out, k)
}

func (k *concatenation) pixels(rows int) spans { return k.spans.upTo(rows * k.out.h * k.out.w) }

func (k *concatenation) items(rows int) int { return k.pixels(rows).items() }

func (k *concatenation) do(l *lane, rows, i int) {
	first, end := k.pixels(rows).of(i)
	for p := first; p < end; p++ {
		dst := l.mem[k.out.off+p*k.out.stride:][:k.out.c]
		for _, x := range k.xs {
			dst = dst[copy(dst, l.mem[x.off+p*x.stride:][:x.c]):]
		}
	}
}
