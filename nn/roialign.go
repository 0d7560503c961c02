package nn

import "github.com/argand-go/argand/nn/op"

// RoIAlign pools boxes (N, R, 4), of which count (N) are used, from feature
// maps, the finest first, to (N·R, C, Size, Size); see [op.RoIAlign].
func RoIAlign(path string, o op.RoIAlign, boxes, count Value, features ...Value) Value {
	return apply(path, &o, append([]Value{boxes, count}, features...)...)
}
