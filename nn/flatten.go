package nn

import "github.com/argand-go/argand/nn/op"

// Flatten joins all axes but the first, torch.flatten(x, 1): (N, …) → (N, M).
func Flatten(x Value) Value { return apply("", &op.Flatten{}, x) }
