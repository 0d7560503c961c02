package nn

import "github.com/argand-go/argand/nn/op"

// Upsample scales x to the height and width of like by repeating pixels,
// torch.nn.functional.interpolate(mode="nearest"); see [op.Upsample].
func Upsample(x, like Value) Value { return apply("", &op.Upsample{}, x, like) }

// UpsampleBilinear scales x to the height and width of like with what lies
// between pixels, torch.nn.functional.interpolate(mode="bilinear",
// align_corners=False); see [op.Upsample].
func UpsampleBilinear(x, like Value) Value { return apply("", &op.Upsample{Bilinear: true}, x, like) }
