package vision

import (
	"fmt"
	"math"
	"slices"
)

// DefaultBoxes returns the widths and heights, as shares of the image's sides,
// of the boxes that an [SSD] lays around every place of each level, as
// torchvision's DefaultBoxGenerator computes them: a square of the level's
// scale, one of the geometric mean of that and the next level's, and of every
// ratio (2 is twice as wide as high) a box of the level's scale and the same
// box upright. Scales are shares of the image's side, one more than levels. No
// side is greater than the image's.
func DefaultBoxes(scales []float64, ratios [][]float64) [][][2]float32 {
	levels := make([][][2]float32, min(len(ratios), max(0, len(scales)-1)))
	for l := range levels {
		add := func(w, h float64) {
			levels[l] = append(levels[l], [2]float32{min(float32(w), 1), min(float32(h), 1)})
		}
		scale := scales[l]
		between := math.Sqrt(scale * scales[l+1])
		add(scale, scale)
		add(between, between)
		for _, ratio := range ratios[l] {
			root := math.Sqrt(ratio)
			add(scale*root, scale/root)
			add(scale/root, scale*root)
		}
	}
	return levels
}

// defaultScales returns the scales of levels between two: torchvision's, with
// 1 for the level after the last.
func defaultScales(least, greatest float64, levels int) []float64 {
	var scales []float64
	for k := range levels {
		scales = append(scales, least+(greatest-least)*float64(k)/float64(levels-1))
	}
	return append(scales, 1)
}

// WithDefaultBoxes sets the default boxes that an SSD was trained with, which are
// no part of a checkpoint: the scales of its six levels and one more, as shares
// of the image's side, and for each level how many pixels of the image there are
// from box to box; without steps, the image's size divided by the level's. The
// defaults are those of [DefaultSSD] and [DefaultSSDLite]. Ratios are told by the
// numbers of boxes that the checkpoint has: 1 and 2 if there are four at a place,
// 3 too if there are six.
func WithDefaultBoxes(scales, steps []float64) Option {
	return func(c *config) {
		positive := func(list []float64) bool {
			return !slices.ContainsFunc(list, func(v float64) bool { return !(v > 0) || math.IsInf(v, 0) })
		}
		valid := len(scales) == ssdLevels+1 && positive(scales) &&
			(len(steps) == 0 || len(steps) == ssdLevels && positive(steps))
		want := fmt.Sprintf("%d positive scales, and %d positive steps or none", ssdLevels+1, ssdLevels)
		c.allow("WithDefaultBoxes", valid, fmt.Sprint(scales, " ", steps), want, Detection)
		c.settings.BoxScales, c.settings.BoxSteps = slices.Clone(scales), nil
		if len(steps) > 0 {
			c.settings.BoxSteps = slices.Clone(steps)
		}
	}
}
