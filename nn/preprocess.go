package nn

import "github.com/argand-go/argand/nn/op"

// Preprocess returns the image (N, 3, H, W) of a detector and the sizes (N, 2)
// of the pictures in it, from pictures (N, B) uint8 as they were decoded, sizes
// (N, 5) int32 and a canvas (·, ·, H, W) of which only the shape is used; see
// [op.Preprocess].
func Preprocess(path string, o op.Preprocess, pictures, sizes, canvas Value) (image, scaled Value) {
	out := applyN(path, &o, 2, pictures, sizes, canvas)
	return out[0], out[1]
}
