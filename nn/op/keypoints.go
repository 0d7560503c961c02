package op

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// Keypoints finds where the heat maps of objects are highest, torchvision's
// heatmaps_to_keypoints. Each map is scaled bilinearly by Scale, as in
// [Preprocess], and then to the pixels of the object's box, columns first: to
// ⌈w⌉×⌈h⌉ pixels where w and h are the box's sides, at least 1 (see [HeatSide]),
//
//	s[i,j] = Σₖ uₖ·m[i, first(j)+k]   of ⌈w⌉ columns, k = 0 … 3, u and first of [Cubic]
//	y[i,j] = Σₖ vₖ·s[first(i)+k, j]   of ⌈h⌉ rows
//
// each sum as fma(3, fma(2, fma(0, product 1))), and m continued by its borders.
// The keypoint is the pixel (i, j) of the greatest number, the first of equals,
// a NaN being greater than all others, and lies in its middle:
//
//	(x1 + (j+0.5)·(w/⌈w⌉),  y1 + (i+0.5)·(h/⌈h⌉),  y[i,j])
//
// Maps (N·D, K, S, S) float32, packed as in [RoIAlign], boxes (N, D, 4), counts
// (N) int32 → (N, D, K, 3) float32: x and y in pixels of the image, and the
// score, which has no bounds. Keypoints of unused places are 0, and so are those
// of boxes that [HeatSide] refuses.
type Keypoints struct {
	Scale int // 2 for torchvision's
}

// Name implements [Op].
func (*Keypoints) Name() string { return "keypoints" }

// Infer implements [Op].
func (o *Keypoints) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 3 {
		return fail("maps, boxes and counts")
	}
	if o.Scale < 1 || o.Scale > 1<<8 {
		return fail(fmt.Sprintf("a scale of 1 to 256, not %d", o.Scale))
	}
	b := in[1]
	if b.DType != tensor.Float32 || len(b.Shape) != 3 || b.Shape[2] != 4 || !in[2].Equal(Spec{tensor.Int32, b.Shape[:1]}) {
		return fail("boxes float32 (N, D, 4) and counts int32 (N,)")
	}
	rows, m := b.Shape[:2].Len(), in[0]
	if s := m.Shape; m.DType != tensor.Float32 || len(s) != 4 || s[0] != rows || s[2] != s[3] || s[2] < 1 || s[2] > 1<<12 {
		return fail(fmt.Sprintf("maps float32 (%d, K, S, S) of at most 4096 pixels a side", rows))
	}
	return []Spec{F32(b.Shape[0], b.Shape[1], m.Shape[1], 3)}, nil
}

// HeatSide returns the side of a box from one coordinate to the other, at least
// 1, and how many pixels a heat map has along it. A side that is not a number,
// or of more than 65,536 pixels, has none.
func HeatSide(from, to float32) (side float32, pixels int, ok bool) {
	side = max(to-from, 1)
	if !(side <= 1<<16) {
		return 0, 0, false
	}
	return side, int(math.Ceil(float64(side))), true
}

// Cubic returns the first of the four samples that pixel i of out is a mean of
// when an axis of in samples is scaled cubically without corners aligned, and
// their weights, to the bit what PyTorch's kernels for x86 compute for a
// parameter of −0.75. The first may be as little as −2 and the last as much as
// in+1: the outermost samples are repeated.
//
//	at = fma(r, i+0.5, −0.5), r = float32(in)/float32(out);  t = at − ⌊at⌋
//	weights = far(t+1), near(t), near(1−t), far((1−t)+1)
//	near(t) = (1.25·t − 2.25)·t·t + 1
//	far(t)  = ((−0.75·t + 3.75)·t − 6)·t + 3
//
// in float32, with fma for the first subtraction of near, and for all of far but
// its last addition.
func Cubic(i, in, out int) (first int, weights [4]float32) {
	r := float32(in) / float32(out)
	at := float32(float64(r)*float64(float32(i)+0.5) - 0.5) // exact in float64, as are the sums below
	whole := min(int(math.Floor(float64(at))), in-1)
	t := min(max(at-float32(whole), 0), 1)
	return whole - 1, [4]float32{cubicFar(t + 1), cubicNear(t), cubicNear(1 - t), cubicFar((1 - t) + 1)}
}

func cubicNear(t float32) float32 {
	p := float32(1.25*float64(t) - 2.25)
	p = float32(p * t)
	return float32(p*t) + 1
}

func cubicFar(t float32) float32 {
	p := float32(-0.75*float64(t) + 3.75)
	p = float32(float64(p)*float64(t) - 6)
	return float32(p*t) + 3
}
