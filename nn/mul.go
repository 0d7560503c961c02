package nn

import "github.com/argand-go/argand/nn/op"

// Mul returns x·y, element by element: of the same shape, or of (N, C, H, W)
// and (N, C, 1, 1), in either order.
func Mul(x, y Value) Value { return apply("", &op.Mul{}, x, y) }
