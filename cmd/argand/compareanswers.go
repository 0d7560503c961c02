package main

import (
	"fmt"
	"image"
	"math"

	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// An answer is what a network says of the golden's input beside what the golden says.
type answer struct {
	What   string `json:"what"` // a sentence
	Agrees bool   `json:"agrees"`
}

// sameInput is how far the numbers of inputs may be apart: much less than a level of 255.
const sameInput = 1e-5

// compareInput compares what becomes of the golden's picture before the network sees it.
func (g *dump) compareInput(preprocess func(image.Image) (*tensor.Tensor, error)) (*answer, error) {
	data, err := g.bytes("picture")
	if err != nil {
		return nil, err
	}
	img, err := picture.Decode(data, picture.DecodeOptions{}) // as Pillow: without regard to its orientation
	if err != nil {
		return nil, err
	}
	own, err := preprocess(img)
	if err != nil {
		return nil, err
	}
	x, err := g.file.Tensor("input")
	if err != nil {
		return nil, err
	}
	if !x.Shape().Equal(own.Shape()) {
		return &answer{What: fmt.Sprintf("%v here, %v there", own.Shape(), x.Shape())}, nil
	}
	theirs, err := tensor.Data[float32](x)
	if err != nil {
		return nil, err
	}
	ours, err := tensor.Data[float32](own)
	if err != nil {
		return nil, err
	}
	off := apart(theirs, ours)
	return &answer{fmt.Sprintf("%v, numbers differ by at most %.2g", x.Shape(), off), off <= sameInput}, nil
}

// compareLogits compares logits (N, K) or (N, K, H, W), and which class has the greatest.
func (g *dump) compareLogits(logits *tensor.Tensor, tolerance float64) (*answer, error) {
	want, err := g.file.Tensor("logits")
	if err != nil {
		return nil, err
	}
	if !want.Shape().Equal(logits.Shape()) {
		return &answer{What: fmt.Sprintf("logits %v here, %v there", logits.Shape(), want.Shape())}, nil
	}
	theirs, err := tensor.Data[float32](want)
	if err != nil {
		return nil, err
	}
	ours, err := tensor.Data[float32](logits)
	if err != nil {
		return nil, err
	}
	greatest := 0.0
	for _, v := range theirs {
		greatest = math.Max(greatest, math.Abs(float64(v)))
	}
	off := apart(theirs, ours) / math.Max(greatest, leastUnit)
	classes, pixels := want.Shape()[1], tensor.Shape(want.Shape()[2:]).Len()
	same := 0
	places := len(ours) / max(classes, 1)
	for i := range places {
		at := i/pixels*classes*pixels + i%pixels
		if best(ours[at:], classes, pixels) == best(theirs[at:], classes, pixels) {
			same++
		}
	}
	what := fmt.Sprintf("logits differ by at most %.2g of the greatest; the best class is the same at %d of %d places",
		off, same, places)
	return &answer{what, off <= tolerance && same >= places-places/1000}, nil
}

// best returns which of n numbers, a step apart, is the greatest.
func best(v []float32, n, step int) int {
	most := 0
	for i := range n {
		if v[i*step] > v[most*step] {
			most = i
		}
	}
	return most
}

// What objects that are the same may differ by.
const (
	sameIoU   = 0.9
	sameScore = 1e-3
	sameBox   = 0.5 // pixels
)

// compareObjects pairs objects of the same class that overlap, those whose scores are closest: boxes without area,
// which detectors of one stage find too, suppress none of each other and may be in the same place. One whose score is
// as low as that of the last may have no partner: the list is cut there. So may one in a hundred: of two boxes that
// overlap as much as is allowed, each side may have dropped another. If most have no partner, nothing is known.
func (g *dump) compareObjects(found *vision.Detections) (*answer, error) {
	boxes, err := g.floats("boxes")
	if err != nil {
		return nil, err
	}
	scores, err := g.floats("scores")
	if err != nil {
		return nil, err
	}
	x, err := g.file.Tensor("labels")
	if err != nil {
		return nil, err
	}
	labels, err := tensor.Data[int64](x)
	if err != nil {
		return nil, err
	}
	if len(boxes) != 4*len(scores) || len(labels) != len(scores) {
		return nil, fmt.Errorf("%d numbers of boxes, %d labels and %d scores", len(boxes), len(labels), len(scores))
	}
	masks, err := g.masks(found, len(scores))
	if err != nil {
		return nil, err
	}
	points, err := g.keypoints(found, len(scores))
	if err != nil {
		return nil, err
	}
	taken := make([]bool, found.Len())
	paired, cut, pixels := 0, 0, 0
	var score, box float64
	for i := range scores {
		theirs := [4]float32(boxes[4*i:])
		best, least := -1, math.Inf(1)
		for j, ours := range found.Boxes {
			off := math.Abs(float64(found.Scores[j] - scores[i]))
			if off < least && !taken[j] && int64(found.Labels[j]) == labels[i] && alike(ours, theirs) {
				best, least = j, off
			}
		}
		if best < 0 {
			if scores[i] <= scores[len(scores)-1]+sameScore {
				cut++
			}
			continue
		}
		taken[best] = true
		paired++
		score = math.Max(score, math.Abs(float64(found.Scores[best]-scores[i])))
		box = math.Max(box, apart(theirs[:], found.Boxes[best][:]))
		if masks != nil {
			pixels = max(pixels, differing(masks[i], &found.Masks[best]))
		}
		if points != nil {
			points.count(i, found.Keypoints[best])
		}
	}
	what := fmt.Sprintf("%d of %d objects here are among the %d there; scores differ by at most %.2g, "+
		"boxes by %.2g pixels", paired, found.Len(), len(scores), score, box)
	if masks != nil {
		what += fmt.Sprintf(", masks in at most %d pixels", pixels)
	}
	what += points.String()
	if cut > 0 {
		what += fmt.Sprintf("; %d more there score as little as the last, where lists are cut", cut)
	}
	alone := max(len(scores), found.Len()) - paired - cut
	agrees := alone <= len(scores)/100 && 2*paired >= len(scores) && score <= sameScore && box <= sameBox && points.agree()
	return &answer{what, agrees}, nil
}

// masks returns the bits of the golden's masks, a row of bytes for each object, or nil if there are none.
func (g *dump) masks(found *vision.Detections, objects int) ([][]byte, error) {
	if found.Masks == nil {
		return nil, nil
	}
	bits, err := g.bytes("masks")
	if err != nil {
		return nil, err
	}
	size := (found.Width*found.Height + 7) / 8
	if len(bits) != objects*size {
		return nil, fmt.Errorf("%d bytes of masks for %d objects in %d×%d pixels", len(bits), objects, found.Width,
			found.Height)
	}
	rows := make([][]byte, objects)
	for i := range rows {
		rows[i] = bits[i*size : (i+1)*size]
	}
	return rows, nil
}

// alike reports whether two boxes may be of the same object.
func alike(a, b [4]float32) bool { return iou(a, b) >= sameIoU || apart(a[:], b[:]) <= sameBox }

// iou returns how much two boxes have in common.
func iou(a, b [4]float32) float64 {
	w := float64(min(a[2], b[2]) - max(a[0], b[0]))
	h := float64(min(a[3], b[3]) - max(a[1], b[1]))
	if w <= 0 || h <= 0 {
		return 0
	}
	area := func(r [4]float32) float64 { return float64(r[2]-r[0]) * float64(r[3]-r[1]) }
	return w * h / (area(a) + area(b) - w*h)
}

// differing counts the pixels of a mask that are not those of bits.
func differing(bits []byte, m *picture.Mask) int {
	own, n := m.Binary(vision.MaskThreshold), 0
	for y := range m.H {
		for x := range m.W {
			i := y*m.W + x
			if own.At(x, y) != (bits[i/8]>>(7-i%8)&1 == 1) {
				n++
			}
		}
	}
	return n
}
