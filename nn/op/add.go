package op

import "github.com/argand-go/argand/tensor"

// Add adds two values of the same shape: z = x + y. Any shape.
type Add struct{}

// Name implements [Op].
func (*Add) Name() string { return "add" }

// Infer implements [Op].
func (o *Add) Infer(in ...Spec) ([]Spec, error) {
	if len(in) != 2 || in[0].DType != tensor.Float32 || !in[0].Equal(in[1]) {
		return nil, &ShapeError{Op: o.Name(), In: in, Want: "2 operands of float32 of the same shape"}
	}
	return []Spec{in[0]}, nil
}
