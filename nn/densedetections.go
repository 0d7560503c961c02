package nn

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// DenseDetections turns what a one-stage detector says of each anchor into boxes
// (N, D, 4), labels (N, D), scores (N, D) and how many of them are used (N); see
// [op.DenseDetections]. Without Centerness there is no centerness.
func DenseDetections(
	path string, o op.DenseDetections, sizes, image Value, logits, deltas, centerness []Value,
) (boxes, labels, scores, used Value) {
	out := applyN(path, &o, 4, slices.Concat([]Value{sizes, image}, logits, deltas, centerness)...)
	return out[0], out[1], out[2], out[3]
}
