package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Linear is a fully connected layer:
//
//	sum[n,o] = Σ_c w[o,c] · x[n,c]
//
// then the [Epilogue]. (N, C) [, residual (N, O)] → (N, O).
type Linear struct {
	Weight *tensor.Tensor // (O, C), any float type
	Epilogue
}

// Name implements [Op].
func (*Linear) Name() string { return "linear" }

// Infer implements [Op].
func (o *Linear) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	w := shapeOf(o.Weight)
	if len(in) != 1+o.operands() {
		return fail(fmt.Sprintf("%d operands", 1+o.operands()))
	}
	if len(w) != 2 {
		return fail(fmt.Sprintf("a weight (O, C), not %v", w))
	}
	x := in[0].Shape
	if in[0].DType != tensor.Float32 || len(x) != 2 || x[1] != w[1] {
		return fail(fmt.Sprintf("float32 (N, %d)", w[1]))
	}
	y := tensor.Shape{x[0], w[0]}
	if rule := o.check(y, w[0], in[1:]); rule != "" {
		return fail(rule)
	}
	return []Spec{{tensor.Float32, y}}, nil
}
