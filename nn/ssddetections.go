package nn

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// SSDDetections turns what a single-shot detector says of the default boxes of
// every level into boxes (N, D, 4), labels (N, D), scores (N, D) and how many of
// them are used (N); see [op.SSDDetections].
func SSDDetections(
	path string, o op.SSDDetections, sizes, image Value, logits, deltas []Value,
) (boxes, labels, scores, used Value) {
	out := applyN(path, &o, 4, slices.Concat([]Value{sizes, image}, logits, deltas)...)
	return out[0], out[1], out[2], out[3]
}
