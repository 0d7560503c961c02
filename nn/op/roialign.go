package op

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// RoIAlign pools boxes from a feature pyramid to a fixed size, torchvision's
// MultiScaleRoIAlign. A box's level is, in float32,
//
//	k = ⌊CanonicalLevel + log₂(√area / CanonicalScale) + 1e-6⌋
//
// clamped to the levels that Scales say there are; the box is scaled to that
// level's pixels, cut into Size×Size bins, and each bin is the mean of
// Sampling×Sampling bilinear samples (aligned=False: pixel centres at whole
// numbers, boxes at least one pixel wide; samples beyond −1 or the size are 0).
//
// Boxes (N, R, 4) as x1, y1, x2, y2 in pixels of the padded image, counts (N)
// int32, one (N, C, h, w) per level → (N·R, C, Size, Size): the boxes of
// picture 0, then of picture 1, …, without gaps (see [Graph.CountedRows]).
type RoIAlign struct {
	Size           int       // bins per side
	Sampling       int       // samples per side of a bin, at least 1
	Scales         []float64 // pixels of the level per pixel of the image: 1/4, 1/8, …; powers of two
	CanonicalScale float64   // 224
	CanonicalLevel float64   // 4
}

// Name implements [Op].
func (*RoIAlign) Name() string { return "roi_align" }

// Levels returns the least and the greatest pyramid level, −log₂ of the
// first and last scale.
func (o *RoIAlign) Levels() (least, greatest int) {
	return int(-math.Log2(o.Scales[0])), int(-math.Log2(o.Scales[len(o.Scales)-1]))
}

// Level returns the index of the feature map that a box is pooled from.
func (o *RoIAlign) Level(x1, y1, x2, y2 float32) int {
	least, greatest := o.Levels()
	side := float32(math.Sqrt(float64((x2 - x1) * (y2 - y1))))
	k := float32(o.CanonicalLevel) + float32(math.Log2(float64(side/float32(o.CanonicalScale)))) + 1e-6
	k = float32(math.Floor(float64(k)))
	if !(k >= float32(least)) { // also for the NaN of an inverted box and the −∞ of an empty one
		return 0
	}
	return int(min(k, float32(greatest))) - least
}

// Infer implements [Op].
func (o *RoIAlign) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if o.Size < 1 || o.Sampling < 1 || len(o.Scales) == 0 || len(in) != 2+len(o.Scales) {
		return fail(fmt.Sprintf("boxes, counts and %d feature maps; size and sampling of at least 1", len(o.Scales)))
	}
	for _, s := range o.Scales {
		if !(s > 0 && s <= 1) { // nor NaN
			return fail(fmt.Sprintf("scales above 0 and at most 1, not %v", o.Scales))
		}
	}
	if least, greatest := o.Levels(); greatest < least || greatest-least >= len(o.Scales) {
		return fail(fmt.Sprintf("a scale for every level from %d to %d, not %v", least, greatest, o.Scales))
	}
	n, ok := boxes(in[0], in[1])
	if !ok {
		return fail("boxes float32 (N, R, 4) and counts int32 (N,)")
	}
	for _, f := range in[2:] {
		if f.DType != tensor.Float32 || len(f.Shape) != 4 || f.Shape[0] != n || f.Shape[1] != in[2].Shape[1] ||
			f.Shape[2]*f.Shape[3] == 0 {
			return fail("feature maps float32 (N, C, h, w) of at least one pixel, all of the same N and C")
		}
	}
	return []Spec{F32(n*in[0].Shape[1], in[2].Shape[1], o.Size, o.Size)}, nil
}

// boxes reports whether b is (N, R, 4) and count (N), and returns N.
func boxes(b, count Spec) (n int, ok bool) {
	if b.DType != tensor.Float32 || len(b.Shape) != 3 || b.Shape[2] != 4 {
		return 0, false
	}
	return b.Shape[0], count.Equal(Spec{tensor.Int32, b.Shape[:1]})
}
