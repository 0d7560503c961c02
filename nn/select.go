package nn

import "github.com/argand-go/argand/nn/op"

// Select returns one pixel or token, counted from 0 and row by row:
// (N, C, H, W) → (N, C, 1, 1).
func Select(x Value, index int) Value { return apply("", &op.Select{Index: index}, x) }
