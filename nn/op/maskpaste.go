package op

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// MaskPaste puts masks into a picture, torchvision's paste_masks_in_image, and
// tells which pixels are in each: those of a probability of at least Threshold.
// A mask fills its box with a ring of zeros around it (see [MaskBox]), scaled
// bilinearly as in [Preprocess], columns first; pixels that the ring does not
// reach are in no mask.
//
// Masks (D, S, S) and boxes (D, 4) float32 as x1, y1, x2, y2 in pixels of the
// picture, which they may reach beyond; a canvas (·, ·, H, W), of which only the
// shape is used → (D, H, ⌈W/64⌉) uint64: bit x mod 64 of word x/64 of row y is
// pixel (x, y), and the bits behind the last are 0.
type MaskPaste struct {
	Threshold float32 // 0.5
}

// Name implements [Op].
func (*MaskPaste) Name() string { return "mask_paste" }

// Infer implements [Op].
func (o *MaskPaste) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 3 {
		return fail("masks, boxes and canvas")
	}
	masks := in[0]
	if s := masks.Shape; masks.DType != tensor.Float32 || len(s) != 3 || s[1] != s[2] || s[1] < 1 {
		return fail("masks float32 (D, S, S)")
	}
	d := masks.Shape[0]
	if want := F32(d, 4); !in[1].Equal(want) {
		return fail(fmt.Sprintf("boxes %v", want))
	}
	canvas := in[2].Shape
	if len(canvas) != 4 {
		return fail("canvas (·, ·, H, W)")
	}
	return []Spec{{tensor.Uint64, tensor.Shape{d, canvas[2], (canvas[3] + 63) / 64}}}, nil
}

// MaskBox returns where the pixels are that a mask of size×size and the ring
// around it fill: from x, y on, w×h of them, at least 1×1. The ring makes size+2
// of size, so the box grows as much around its centre, in float32, and is cut to
// whole pixels toward zero. A box that is not a number has none. Torch's
// conversion of what no int64 holds is undefined; here a box is cut at ±2⁴⁰
// pixels.
func MaskBox(box [4]float32, size int) (x, y, w, h int, ok bool) {
	scale := float32(float64(size+2) / float64(size))
	x, w, okX := expand(box[0], box[2], scale)
	y, h, okY := expand(box[1], box[3], scale)
	return x, y, w, h, okX && okY
}

// expand returns the first pixel of a side that is widened around its centre,
// and how many there are.
func expand(from, to, scale float32) (first, count int, ok bool) {
	const far = 1 << 40
	half, centre := float32((to-from)*0.5), float32((to+from)*0.5)
	half = float32(half * scale)
	a, b := float64(centre-half), float64(centre+half)
	if math.IsNaN(a) || math.IsNaN(b) {
		return 0, 0, false
	}
	first, last := int(min(max(a, -far), far)), int(min(max(b, -far), far))
	return first, max(last-first+1, 1), true
}
