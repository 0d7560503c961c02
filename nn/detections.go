package nn

import "github.com/argand-go/argand/nn/op"

// Detections turns the logits (N·R, K) and deltas (N·R, 4K) of proposals
// (N, R, 4) into boxes (N, D, 4), labels (N, D), scores (N, D) and how many of
// them are used (N); see [op.Detections].
func Detections(
	path string, o op.Detections, sizes, proposals, count, logits, deltas Value,
) (boxes, labels, scores, used Value) {
	out := applyN(path, &o, 4, sizes, proposals, count, logits, deltas)
	return out[0], out[1], out[2], out[3]
}
