package nn

import "github.com/argand-go/argand/nn/op"

// MaskPaste returns which pixels of a picture are in each mask, as bits
// (D, H, ⌈W/64⌉) uint64, from masks (D, S, S), boxes (D, 4) and a canvas
// (·, ·, H, W) of which only the shape is used; see [op.MaskPaste].
func MaskPaste(path string, o op.MaskPaste, masks, boxes, canvas Value) Value {
	return apply(path, &o, masks, boxes, canvas)
}
