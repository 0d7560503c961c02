package nn

import (
	"fmt"

	"github.com/argand-go/argand/nn/op"
)

// GroupNorm is group normalisation, PyTorch's torch.nn.GroupNorm; see
// [op.GroupNorm].
type GroupNorm struct {
	layer
	op op.GroupNorm
}

// NewGroupNorm reads weight and bias, each (n), of a norm whose groups no
// checkpoint tells. They must divide n; otherwise the network does not compile.
func NewGroupNorm(w Weights, groups, n int, eps float64) *GroupNorm {
	if groups < 1 || n%groups != 0 {
		w.c.fail(fmt.Errorf("%s: group_norm of %d channels in %d groups", w.Path(), n, groups))
		return &GroupNorm{layer: layer{w}}
	}
	return &GroupNorm{layer{w}, op.GroupNorm{
		Groups:   groups,
		Eps:      eps,
		Epilogue: op.Epilogue{Scale: w.Vector("weight", n), Bias: w.Vector("bias", n)},
	}}
}

// Forward implements [Module]: (N, n, H, W) → (N, n, H, W).
func (l *GroupNorm) Forward(x Value) Value {
	o := l.op
	return l.apply(&o, x)
}
