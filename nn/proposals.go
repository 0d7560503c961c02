package nn

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// Proposals selects regions from what a region proposal network says of each
// anchor: boxes (N, R, 4) and how many of them are used (N); see
// [op.Proposals].
func Proposals(path string, o op.Proposals, sizes, image Value, objectness, deltas []Value) (boxes, count Value) {
	out := applyN(path, &o, 2, slices.Concat([]Value{sizes, image}, objectness, deltas)...)
	return out[0], out[1]
}
