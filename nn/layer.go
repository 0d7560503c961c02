package nn

import "github.com/argand-go/argand/nn/op"

// layer is what layers with weights have in common: where those come from.
type layer struct{ w Weights }

// apply records the layer's operator, or that its weights did not fit.
func (l layer) apply(o op.Op, in ...Value) Value {
	y := apply(l.w.Path(), o, in...)
	if y.trace != nil && l.w.broken() {
		y.trace.Fail(l.w.Err("network"))
	}
	return y
}
