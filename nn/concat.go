package nn

import "github.com/argand-go/argand/nn/op"

// Concat puts the channels of images of one size one after the other,
// torch.cat(xs, dim=1): (N, C₁, H, W), (N, C₂, H, W), … → (N, C₁+C₂+…, H, W).
// It takes at least one.
func Concat(xs ...Value) Value { return apply("", &op.Concat{}, xs...) }
