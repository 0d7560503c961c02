package optest

import (
	"cmp"
	"math"
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// This file has what proposals and detections share. Every operation is
// rounded to float32 by itself, in torchvision's order: the conversions keep
// the compiler from fusing a product and a sum.

// box is x1, y1, x2, y2.
type box [4]float32

func (b box) width() float32  { return b[2] - b[0] }
func (b box) height() float32 { return b[3] - b[1] }

// decode applies deltas dx, dy, dw, dh to a box, torchvision's BoxCoder.
func (b box) decode(deltas, weights [4]float32) box {
	w, h := b.width(), b.height()
	cx, cy := b[0]+float32(0.5*w), b[1]+float32(0.5*h)
	dx, dy := deltas[0]/weights[0], deltas[1]/weights[1]
	dw, dh := min(deltas[2]/weights[2], op.BoxXformClip), min(deltas[3]/weights[3], op.BoxXformClip)
	cx, cy = float32(dx*w)+cx, float32(dy*h)+cy
	w, h = exp(dw)*w, exp(dh)*h
	halfW, halfH := float32(0.5*w), float32(0.5*h)
	return box{cx - halfW, cy - halfH, cx + halfW, cy + halfH}
}

// clip moves the corners into a picture.
func (b box) clip(height, width float32) box {
	return box{
		min(max(b[0], 0), width), min(max(b[1], 0), height),
		min(max(b[2], 0), width), min(max(b[3], 0), height),
	}
}

func exp(x float32) float32     { return float32(math.Exp(float64(x))) }
func sigmoid(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }

// descending returns the indices of scores, the greatest first, equal ones in
// order of index, NaN last.
func descending(scores []float32) []int {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(scores[j], scores[i]) })
	return order
}

// nms returns which boxes to keep, in descending order of score: those that
// overlap no better one by more than threshold.
func nms(boxes []box, scores []float32, threshold float64) (keep []int) {
	suppressed := make([]bool, len(boxes))
	order := descending(scores)
	for k, i := range order {
		if suppressed[i] {
			continue
		}
		keep = append(keep, i)
		for _, j := range order[k+1:] {
			if float64(iou(boxes[i], boxes[j])) > threshold {
				suppressed[j] = true
			}
		}
	}
	return keep
}

// iou is the intersection over union; NaN for two boxes without area.
func iou(a, b box) float32 {
	w := max(0, min(a[2], b[2])-max(a[0], b[0]))
	h := max(0, min(a[3], b[3])-max(a[1], b[1]))
	shared := float32(w * h)
	union := float32(a.width()*a.height()) + float32(b.width()*b.height()) - shared
	return shared / union
}

// candidates are boxes on their way through the steps of selection.
type candidates struct {
	boxes    []box
	scores   []float32
	category []int
}

func (c *candidates) add(b box, score float32, category int) {
	c.boxes, c.scores, c.category = append(c.boxes, b), append(c.scores, score), append(c.category, category)
}

// suppressor returns which candidates to keep, in descending order of score.
type suppressor func(c *candidates, threshold float64) []int

// batchedNMS is nms among the boxes of each category: up to
// [op.CoordinateTrick] boxes at once, more of them category by category.
func batchedNMS(c *candidates, threshold float64) []int {
	if len(c.boxes) <= op.CoordinateTrick {
		return shiftedNMS(c, threshold)
	}
	return eachNMS(c, threshold)
}

// shiftedNMS treats all boxes at once, shifted apart by category, which rounds
// them.
func shiftedNMS(c *candidates, threshold float64) []int {
	greatest := float32(math.Inf(-1))
	for _, b := range c.boxes {
		greatest = max(greatest, b[0], b[1], b[2], b[3])
	}
	shifted := make([]box, len(c.boxes))
	for i, b := range c.boxes {
		offset := float32(float32(c.category[i]) * (greatest + 1))
		shifted[i] = box{b[0] + offset, b[1] + offset, b[2] + offset, b[3] + offset}
	}
	return nms(shifted, c.scores, threshold)
}

// eachNMS treats one category after the other.
func eachNMS(c *candidates, threshold float64) []int {
	members := make(map[int][]int)
	for i, category := range c.category {
		members[category] = append(members[category], i)
	}
	kept := make([]bool, len(c.boxes))
	for _, indices := range members {
		var boxes []box
		var scores []float32
		for _, i := range indices {
			boxes, scores = append(boxes, c.boxes[i]), append(scores, c.scores[i])
		}
		for _, i := range nms(boxes, scores, threshold) {
			kept[indices[i]] = true
		}
	}
	return slices.DeleteFunc(descending(c.scores), func(i int) bool { return !kept[i] })
}
