package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// BoxXformClip is the greatest dw and dh that boxes are decoded with,
// torchvision's BoxCoder.bbox_xform_clip = log(1000/16).
const BoxXformClip = 4.135166556742356

// CoordinateTrick is the most boxes for which torchvision's batched_nms on the
// CPU suppresses all categories at once, on boxes shifted apart by category in
// float32; above, it goes category by category. The two differ in rounding.
const CoordinateTrick = 1000

// Proposals selects the regions worth a look, torchvision's
// RegionProposalNetwork.filter_proposals in eval mode, for each picture by
// itself:
//
//  1. per level the PreNMS anchors of greatest objectness (logits; equal ones
//     in order of index);
//  2. decoded with weights (1, 1, 1, 1), dw and dh clipped at [BoxXformClip];
//     objectness becomes its sigmoid; boxes are clipped to the picture;
//  3. boxes narrower or lower than MinSize, or of a score below ScoreThreshold,
//     are dropped;
//  4. batched NMS at IoU NMSThreshold with the level as category;
//  5. the first PostNMS.
//
// An anchor is Anchors[level][a] + (x·sx, y·sy, x·sx, y·sy) with s the
// image's size divided by the level's, in whole numbers; index (y, x, a).
//
// Picture sizes (N, 2) float32 as height, width without padding; the padded
// image (N, ·, H, W), of which only the shape is used; per level objectness
// (N, A, h, w); per level deltas (N, 4A, h, w), channel 4a+k → boxes (N, R, 4)
// float32 as x1, y1, x2, y2 and counts (N) int32. R is PostNMS, or less where
// the image has fewer anchors; unused boxes are 0.
type Proposals struct {
	Anchors        [][][4]float32 // per level and place: x1, y1, x2, y2 around 0
	PreNMS         int            // 1000 per level
	PostNMS        int            // 1000
	NMSThreshold   float64        // 0.7
	ScoreThreshold float64        // 0
	MinSize        float64        // 1e-3
}

// Name implements [Op].
func (*Proposals) Name() string { return "proposals" }

// Infer implements [Op].
func (o *Proposals) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	levels := len(o.Anchors)
	if levels == 0 || len(in) != 2+2*levels {
		return fail(fmt.Sprintf("sizes, image, %d objectness and %d deltas", levels, levels))
	}
	if o.PreNMS < 0 || o.PostNMS < 0 {
		return fail("PreNMS and PostNMS of at least 0")
	}
	n, ok := pictures(in[0])
	if image := in[1].Shape; !ok || len(image) != 4 || image[0] != n {
		return fail("sizes float32 (N, 2) and image (N, ·, H, W)")
	}
	capacity := 0
	for l, anchors := range o.Anchors {
		x, d := in[2+l], in[2+levels+l]
		if x.DType != tensor.Float32 || len(x.Shape) != 4 || x.Shape[0] != n || x.Shape[1] != len(anchors) {
			return fail(fmt.Sprintf("objectness %d float32 (N, %d, h, w)", l, len(anchors)))
		}
		if want := F32(n, 4*len(anchors), x.Shape[2], x.Shape[3]); !d.Equal(want) {
			return fail(fmt.Sprintf("deltas %d %v", l, want))
		}
		if h, w := x.Shape[2], x.Shape[3]; h == 0 || w == 0 || h > in[1].Shape[2] || w > in[1].Shape[3] {
			return fail("levels of at least one pixel and no larger than the image")
		}
		capacity += min(o.PreNMS, x.Shape[1:].Len())
	}
	capacity = min(capacity, o.PostNMS)
	return []Spec{F32(n, capacity, 4), {tensor.Int32, tensor.Shape{n}}}, nil
}

// pictures reports whether s is (N, 2) float32, and returns N.
func pictures(s Spec) (n int, ok bool) {
	if s.DType != tensor.Float32 || len(s.Shape) != 2 || s.Shape[1] != 2 {
		return 0, false
	}
	return s.Shape[0], true
}
