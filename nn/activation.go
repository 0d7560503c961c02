package nn

import "github.com/argand-go/argand/nn/op"

// ReLU returns max(x, 0), element by element.
func ReLU(x Value) Value { return activation(op.ReLU, x) }

// Sigmoid returns 1 / (1 + e⁻ˣ), element by element.
func Sigmoid(x Value) Value { return activation(op.Sigmoid, x) }

func activation(a op.Act, x Value) Value { return apply("", &op.Activation{Act: a}, x) }
