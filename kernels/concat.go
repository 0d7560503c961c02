package kernels

import "github.com/argand-go/argand/nn/op"

// A concatenation is the kernel of Concat: pixel by pixel, the channels of all
// operands one after the other.
type concatenation struct {
	pixelwise
	xs []*value
}

func (p *planner) concat(n *op.Node) {
	k := &concatenation{pixelwise: p.pixelwise(n)}
	for i := range n.In {
		k.xs = append(k.xs, p.read(n, i))
	}
	p.addStep(n, "", k.out, k)
}

func (k *concatenation) do(l *lane, rows, i int) {
	first, end := k.pixels(rows).of(i)
	for p := first; p < end; p++ {
		dst := l.mem[k.out.off+p*k.out.stride:][:k.out.c]
		for _, x := range k.xs {
			dst = dst[copy(dst, l.mem[x.off+p*x.stride:][:x.c]):]
		}
	}
}
