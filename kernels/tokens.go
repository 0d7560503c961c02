package kernels

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// newTokens keeps what is added to every token as shift, [token][channel]: to
// the class token's position, the class token itself.
func newTokens(o *op.Tokens) (*weights, error) {
	class, err := o.Class.Float32s()
	if err != nil {
		return nil, err
	}
	positions, err := o.Positions.Float32s()
	if err != nil {
		return nil, err
	}
	w := &weights{shift: slices.Clone(positions)}
	for e, v := range class[:min(len(class), len(w.shift))] {
		w.shift[e] += v
	}
	return w, nil
}

// An embedding is the kernel of Tokens.
type embedding struct {
	out, x *value
	*weights
	add   func(dst, x, y []float32)
	spans spans // of tokens
}

func (p *planner) tokens(n *op.Node, w *weights) {
	k := &embedding{out: p.write(n, 0), x: p.read(n, 0), weights: w, add: p.model.tier.Add}
	k.spans = spansOf(k.out.n*k.out.h, k.out.c)
	p.addStep(n, "", k.out, k)
}

func (k *embedding) tokens(rows int) spans { return k.spans.upTo(rows * k.out.h) }

func (k *embedding) items(rows int) int { return k.tokens(rows).items() }

func (k *embedding) do(l *lane, rows, i int) {
	first, end := k.tokens(rows).of(i)
	for row := first; row < end; row++ {
		n, token := row/k.out.h, row%k.out.h
		dst, added := l.mem[k.out.at(n, token, 0):][:k.out.c], k.shift[token*k.out.c:]
		if token == 0 {
			copy(dst, added)
			continue
		}
		k.add(dst, l.mem[k.x.at(n, 0, token-1):], added)
	}
}
