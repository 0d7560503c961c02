package nn

import "github.com/argand-go/argand/nn/op"

// Upsample scales x to the height and width of like by repeating pixels,
// torch.nn.functional.interpolate(mode="nearest"); see [op.Upsample].
func Upsample(x, like Value) Value { return apply("", &op.Upsample{}, x, like) }
