package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Detections turns class logits and box deltas into objects, torchvision's
// RoIHeads.postprocess_detections, for each picture by itself:
//
//  1. softmax over the K classes; every class decodes its own box from the
//     proposal with Weights, dw and dh clipped at [BoxXformClip]; boxes are
//     clipped to the picture; class 0, the background, is dropped;
//  2. candidates in order (proposal, class): those of a score greater than
//     ScoreThreshold, then those at least MinSize wide and high;
//  3. batched NMS at IoU NMSThreshold with the class as category;
//  4. the first Max, in descending order of score.
//
// Picture sizes (N, 2) float32 as height, width without padding, proposals
// (N, R, 4), counts (N) int32, logits (N·R, K) and deltas (N·R, 4K), column
// 4·class+k, both with packed rows (see [RoIAlign]) → boxes (N, D, 4) float32
// in pixels of the padded image, labels (N, D) int64, scores (N, D) float32,
// counts (N) int32. D is Max, or R·(K−1) if that is less; unused places are 0.
type Detections struct {
	ScoreThreshold float64    // 0.05
	NMSThreshold   float64    // 0.5
	MinSize        float64    // 1e-2
	Max            int        // 100
	Weights        [4]float32 // of dx, dy, dw, dh: 10, 10, 5, 5
}

// Name implements [Op].
func (*Detections) Name() string { return "detections" }

// Infer implements [Op].
func (o *Detections) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 5 {
		return fail("sizes, proposals, counts, logits and deltas")
	}
	if o.Max < 0 {
		return fail("Max of at least 0")
	}
	n, ok := boxes(in[1], in[2])
	if m, sizes := pictures(in[0]); !ok || !sizes || m != n {
		return fail("sizes float32 (N, 2), proposals float32 (N, R, 4) and counts int32 (N,)")
	}
	rows, logits := n*in[1].Shape[1], in[3]
	if logits.DType != tensor.Float32 || len(logits.Shape) != 2 || logits.Shape[0] != rows || logits.Shape[1] < 1 {
		return fail(fmt.Sprintf("logits float32 (%d, K)", rows))
	}
	classes := logits.Shape[1]
	if want := F32(rows, 4*classes); !in[4].Equal(want) {
		return fail(fmt.Sprintf("deltas %v", want))
	}
	d := min(o.Max, in[1].Shape[1]*(classes-1))
	return []Spec{F32(n, d, 4), {tensor.Int64, tensor.Shape{n, d}}, F32(n, d), {tensor.Int32, tensor.Shape{n}}}, nil
}
