package nn

import "github.com/argand-go/argand/nn/op"

// Add returns x + y, which must have the same shape.
func Add(x, y Value) Value { return apply("", &op.Add{}, x, y) }
