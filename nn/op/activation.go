package op

import "github.com/argand-go/argand/tensor"

// Activation applies a function to every element: y = act(x). Any shape.
type Activation struct{ Act Act }

// Name implements [Op]; it is the function's name.
func (o *Activation) Name() string { return o.Act.String() }

// Infer implements [Op].
func (o *Activation) Infer(in ...Spec) ([]Spec, error) {
	if len(in) != 1 || in[0].DType != tensor.Float32 || !o.Act.known() {
		return nil, &ShapeError{Op: o.Name(), In: in, Want: "1 operand of float32, and a known activation"}
	}
	return []Spec{in[0]}, nil
}
