package nn

import "github.com/argand-go/argand/nn/op"

// MaskSelect returns the probabilities (N, D, S, S) of the masks of each
// object's own class, from logits (N·D, K, S, S); see [op.MaskSelect].
func MaskSelect(path string, logits, labels, count Value) Value {
	return apply(path, &op.MaskSelect{}, logits, labels, count)
}
