package nn

import "github.com/argand-go/argand/nn/op"

// Keypoints returns where the heat maps (N·D, K, S, S) of objects are highest
// within their boxes (N, D, 4), count (N) of which are used, once they are
// enlarged by scale: (N, D, K, 3) as x, y and score; see [op.Keypoints].
func Keypoints(path string, scale int, maps, boxes, count Value) Value {
	return apply(path, &op.Keypoints{Scale: scale}, maps, boxes, count)
}
