package kernels

import "github.com/argand-go/argand/nn/op"

// A selection is the kernel of MaskSelect; its items are rows of the masks.
type selection struct {
	logits, labels, counts, out *value
}

func (p *planner) maskSelect(n *op.Node) {
	k := &selection{logits: p.read(n, 0), labels: p.read(n, 1), counts: p.read(n, 2), out: p.write(n, 0)}
	p.addStep(n, "", k.out, k)
}

func (k *selection) items(rows int) int { return rows * k.out.h }

func (k *selection) do(l *lane, _, i int) {
	n, y := i/k.out.h, i%k.out.h
	counts, places := l.i32(k.counts), k.out.c
	row := 0
	for _, c := range counts[:n] {
		row += place(c, places)
	}
	labels := l.i64(k.labels)[n*places:][:place(counts[n], places)]
	for x := range k.out.w {
		dst := l.mem[k.out.at(n, y, x):][:places]
		for d, label := range labels {
			if label < 0 || label >= int64(k.logits.c) {
				label = 0
			}
			dst[d] = sigmoidOf(l.mem[k.logits.at(row+d, y, x)+int(label)])
		}
		clear(dst[len(labels):])
	}
}
