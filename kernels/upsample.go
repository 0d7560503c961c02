package kernels

import "github.com/argand-go/argand/nn/op"

// A repetition is the kernel of Upsample.
type repetition struct {
	out, x *value
	spans  spans // of rows of pixels
}

func (p *planner) upsample(n *op.Node) {
	k := &repetition{out: p.write(n, 0), x: p.read(n, 0)}
	k.spans = spansOf(k.out.n*k.out.h, k.out.w*k.out.c)
	p.addStep(n, "", k.out, k)
}

func (k *repetition) items(rows int) int { return k.spans.upTo(rows * k.out.h).items() }

func (k *repetition) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows * k.out.h).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		for x := range k.out.w {
			copy(l.mem[k.out.at(n, y, x):][:k.out.c], l.mem[k.x.nearest(n, y, x, k.out):])
		}
	}
}

// nearest returns where the pixel of image n begins that stands for pixel
// (y, x) of out when v is repeated to its size.
func (v *value) nearest(n, y, x int, out *value) int {
	return v.at(n, op.Nearest(y, v.h, out.h), op.Nearest(x, v.w, out.w))
}
