package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// SSDDetections turns what a single-shot detector says of every default box
// into objects, torchvision's SSD.postprocess_detections, for each picture by
// itself:
//
//  1. softmax over the K classes; the default box is decoded with Weights, dw
//     and dh clipped at [BoxXformClip], and clipped to the picture; class 0, the
//     background, is dropped;
//  2. per class the Candidates boxes of greatest score (equal ones in order of
//     index) of those with a score greater than ScoreThreshold;
//  3. batched NMS at IoU NMSThreshold with the class as category;
//  4. the first Max, in descending order of score.
//
// Default boxes are [SSDDetections.Box]; index (level, y, x, place).
//
// Picture sizes (N, 2) float32 as height, width without padding; the padded
// image (N, ·, H, W), of which only the shape is used; per level logits
// (N, A·K, h, w), channel a·K+k; per level deltas (N, 4A, h, w), channel 4a+k →
// boxes (N, D, 4) float32 in pixels of the padded image, labels (N, D) int64,
// scores (N, D) float32, counts (N) int32. D is Max, or K−1 times the least of
// Candidates and the default boxes if that is less; unused places are 0.
type SSDDetections struct {
	DefaultBoxes   [][][2]float32 // per level and place: width and height as shares of the image's
	Steps          []float64      // per level: pixels from place to place; nil for the image's size by the level's
	ScoreThreshold float64        // 0.01
	NMSThreshold   float64        // 0.45
	Candidates     int            // 400 per class
	Max            int            // 200
	Weights        [4]float32     // of dx, dy, dw, dh: 10, 10, 5, 5
}

// Name implements [Op].
func (*SSDDetections) Name() string { return "ssd_detections" }

// Box returns a default box as x1, y1, x2, y2 in pixels of the padded image: that
// of place a at (y, x) of a level of the given height and width, as torchvision's
// DefaultBoxGenerator computes it in float32. Its centre is, in pixels,
//
//	((x+0.5)·step, (y+0.5)·step)
func (o *SSDDetections) Box(level, a, y, x int, size, image [2]int) [4]float32 {
	axis := func(i, axis int, side float32) (from, to float32) {
		places := float32(size[axis])
		if o.Steps != nil {
			places = float32(float64(image[axis]) / o.Steps[level])
		}
		center, half, pixels := (float32(i)+0.5)/places, float32(0.5*side), float32(image[axis])
		return (center - half) * pixels, (center + half) * pixels
	}
	b := o.DefaultBoxes[level][a]
	x1, x2 := axis(x, 1, b[0])
	y1, y2 := axis(y, 0, b[1])
	return [4]float32{x1, y1, x2, y2}
}

// Infer implements [Op].
func (o *SSDDetections) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	levels := len(o.DefaultBoxes)
	if levels == 0 || len(in) != 2+2*levels {
		return fail(fmt.Sprintf("sizes, image, %d logits and %d deltas", levels, levels))
	}
	if o.Candidates < 0 || o.Max < 0 || o.Steps != nil && len(o.Steps) != levels {
		return fail("Candidates and Max of at least 0, and a step for every level or none")
	}
	n, ok := pictures(in[0])
	if image := in[1].Shape; !ok || len(image) != 4 || image[0] != n {
		return fail("sizes float32 (N, 2) and image (N, ·, H, W)")
	}
	classes, boxes := 0, 0
	for l, places := range o.DefaultBoxes {
		x, d, a := in[2+l], in[2+levels+l], len(places)
		if a == 0 || x.DType != tensor.Float32 || len(x.Shape) != 4 || x.Shape[0] != n || x.Shape[2]*x.Shape[3] == 0 {
			return fail(fmt.Sprintf("logits %d float32 (N, %d·K, h, w) of at least one pixel", l, a))
		}
		if l == 0 {
			classes = x.Shape[1] / a
		}
		if classes == 0 || x.Shape[1] != a*classes {
			return fail(fmt.Sprintf("logits %d of %d channels, at least one for each place", l, a*classes))
		}
		if want := F32(n, 4*a, x.Shape[2], x.Shape[3]); !d.Equal(want) {
			return fail(fmt.Sprintf("deltas %d %v", l, want))
		}
		boxes += a * x.Shape[2] * x.Shape[3]
	}
	d := min(o.Max, (classes-1)*min(o.Candidates, boxes))
	return []Spec{F32(n, d, 4), {tensor.Int64, tensor.Shape{n, d}}, F32(n, d), {tensor.Int32, tensor.Shape{n}}}, nil
}
