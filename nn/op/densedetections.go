package op

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/tensor"
)

// DenseDetections turns what the head of a one-stage detector says of every
// anchor into objects: the postprocess_detections of torchvision's RetinaNet
// and, with Centerness, of its FCOS. For each picture by itself:
//
//  1. the score of an anchor's class is the sigmoid of its logit; with
//     Centerness it is √(sigmoid(logit) · sigmoid(centerness)) of the anchor;
//  2. per level those of a score greater than ScoreThreshold, and of them the
//     Candidates of greatest score (equal ones in order of index);
//  3. boxes are decoded with weights (1, 1, 1, 1), dw and dh clipped at
//     [BoxXformClip]; with Centerness the deltas are distances from the
//     anchor's centre to the left, top, right and bottom of the box, in units
//     of the anchor's width and height; boxes are clipped to the picture;
//  4. batched NMS at IoU NMSThreshold with the class as category;
//  5. the first Max, in descending order of score.
//
// An anchor is Anchors[level][a] moved as [Proposals] moves it; the index of a
// class k of it is (y, x, a, k). Class 0 is one like the others.
//
// Picture sizes (N, 2) float32 as height, width without padding; the padded
// image (N, ·, H, W), of which only the shape is used; per level class logits
// (N, A·K, h, w), channel a·K+k; per level deltas (N, 4A, h, w), channel 4a+k;
// with Centerness per level logits (N, A, h, w) → boxes (N, D, 4) float32 in
// pixels of the padded image, labels (N, D) int64, scores (N, D) float32, counts
// (N) int32. D is Max, or less where there are fewer candidates; unused places
// are 0.
type DenseDetections struct {
	Anchors        [][][4]float32 // per level and place: x1, y1, x2, y2 around 0
	Candidates     int            // 1000 per level
	ScoreThreshold float64        // 0 to 1; 0.05 for RetinaNet, 0.2 for FCOS
	NMSThreshold   float64        // 0.5, 0.6
	Max            int            // 300, 100
	Centerness     bool           // FCOS
}

// Name implements [Op].
func (*DenseDetections) Name() string { return "dense_detections" }

// Infer implements [Op].
func (o *DenseDetections) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	levels, kinds := len(o.Anchors), 2
	if o.Centerness {
		kinds = 3
	}
	if levels == 0 || len(in) != 2+kinds*levels {
		return fail(fmt.Sprintf("sizes, image and %d operands for each of %d levels", kinds, levels))
	}
	if o.Candidates < 0 || o.Max < 0 || !(o.ScoreThreshold >= 0 && o.ScoreThreshold <= 1) {
		return fail("Candidates and Max of at least 0 and a ScoreThreshold of 0 to 1")
	}
	n, ok := pictures(in[0])
	image := in[1].Shape
	if !ok || len(image) != 4 || image[0] != n {
		return fail("sizes float32 (N, 2) and image (N, ·, H, W)")
	}
	classes, capacity := 0, 0
	for l, anchors := range o.Anchors {
		x, a := in[2+l], len(anchors)
		if x.DType != tensor.Float32 || len(x.Shape) != 4 || x.Shape[0] != n || a == 0 || x.Shape[1]%a != 0 {
			return fail(fmt.Sprintf("logits %d float32 (N, %d·K, h, w)", l, a))
		}
		if l == 0 {
			classes = x.Shape[1] / a
		}
		h, w := x.Shape[2], x.Shape[3]
		if x.Shape[1] != a*classes || classes == 0 {
			return fail(fmt.Sprintf("logits %d of %d classes, at least one", l, classes))
		}
		if want := F32(n, 4*a, h, w); !in[2+levels+l].Equal(want) {
			return fail(fmt.Sprintf("deltas %d %v", l, want))
		}
		if want := F32(n, a, h, w); o.Centerness && !in[2+2*levels+l].Equal(want) {
			return fail(fmt.Sprintf("centerness %d %v", l, want))
		}
		if h == 0 || w == 0 || h > image[2] || w > image[3] || int64(x.Shape[1:].Len()) > math.MaxUint32 {
			return fail("levels of at least one pixel, no larger than the image, and of fewer than 2³² logits")
		}
		capacity += min(o.Candidates, x.Shape[1:].Len())
	}
	d := min(o.Max, capacity)
	return []Spec{F32(n, d, 4), {tensor.Int64, tensor.Shape{n, d}}, F32(n, d), {tensor.Int32, tensor.Shape{n}}}, nil
}
