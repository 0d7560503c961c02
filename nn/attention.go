package nn

import "github.com/argand-go/argand/nn/op"

// MultiheadAttention lets every token of a sequence attend to all: PyTorch's
// torch.nn.MultiheadAttention(batch_first=True) with query, key and value all
// the same, in eval mode. Vaswani et al., "Attention Is All You Need" (2017),
// section 3.2.2; see [op.Attention].
type MultiheadAttention struct {
	inProj, outProj *Conv2d
	attention       op.Attention
}

// NewMultiheadAttention reads in_proj_weight (3·n, n), in_proj_bias (3·n),
// out_proj.weight (n, n) and out_proj.bias (n). Heads must divide n; otherwise
// the network does not plan.
func NewMultiheadAttention(w Weights, n, heads int) *MultiheadAttention {
	return &MultiheadAttention{
		inProj:    newPointwise(w, "in_proj_weight", "in_proj_bias", n, 3*n),
		outProj:   NewPointwise(w.At("out_proj"), n, n),
		attention: op.Attention{Heads: heads},
	}
}

// Forward implements [Module]: (N, n, L, 1) → (N, n, L, 1).
func (m *MultiheadAttention) Forward(x Value) Value {
	o := m.attention
	return m.outProj.Forward(apply("", &o, m.inProj.Forward(x)))
}
