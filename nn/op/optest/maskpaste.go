package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// maskPaste sets bit (d, i, j) of a picture of a width if the probability there
// is at least the threshold: masks (D, S, S) and boxes (D, 4) → (D, H, words).
// Results are decisions, so that numbers are rounded as the operator says.
func maskPaste(o *op.MaskPaste, y, masks, boxes *tensor.Tensor, width int) {
	size, height, words := masks.Shape()[1], y.Shape()[1], y.Shape()[2]
	for d := range y.Shape()[0] {
		left, top, w, h, ok := op.MaskBox([4]float32(floats(boxes)[4*d:]), size)
		if !ok {
			continue
		}
		mask := floats(masks)[d*size*size:]
		number := func(i, j int) float32 { // with the ring of zeros
			if i == 0 || j == 0 || i > size || j > size {
				return 0
			}
			return mask[(i-1)*size+j-1]
		}
		for i := max(top, 0); i < min(top+h, height); i++ {
			upper, lower, p := op.Between(i-top, size+2, h)
			for j := max(left, 0); j < min(left+w, width); j++ {
				a, b, q := op.Between(j-left, size+2, w)
				above := weighed(number(upper, a), number(upper, b), q)
				below := weighed(number(lower, a), number(lower, b), q)
				if weighed(above, below, p) >= o.Threshold {
					data[uint64](y)[(d*height+i)*words+j/64] |= 1 << (j % 64)
				}
			}
		}
	}
}

// weighed is between in float32: a product that is rounded, and a multiply-add.
func weighed(a, b, share float32) float32 {
	if share == 0 {
		return a
	}
	return float32(float64(a)*float64(1-share) + float64(b*share))
}

func maskPasteCases() (cases []testCase) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, m := range []struct {
		size, H, W int
		threshold  float32
		boxes      [][4]float32
	}{
		{28, 60, 70, 0.5, [][4]float32{
			{5.3, 7.1, 44.9, 51}, {-20, -30, 200, 150}, {60.2, 3, 69.9, 20}, {10, 10, 10.2, 10.1}}},
		{28, 33, 200, 0.5, [][4]float32{{63, 1, 129, 30}, {0, 0, 200, 33}, {190, 30, 300, 90}}},
		{1, 9, 64, 0.5, [][4]float32{{3, 2, 7, 8}, {0, 0, 64, 9}}},
		{5, 20, 65, 0, [][4]float32{{3, 4, 60, 15}, {7, 7, 7, 7}}}, // a whole ring
		{5, 20, 30, 1, [][4]float32{{3, 4, 20, 15}}},               // equal to the threshold
		{28, 20, 30, 0.5, [][4]float32{
			{-9, -9, -5, -5}, {40, 40, 90, 90}, {20, 15, 5, 3}, {nan, 0, 9, 9}, {0, -inf, 9, inf}, {-inf, 0, 9, 9},
			{-1e30, -1e30, 1e30, 1e30}, {-1e9, -1e9, 1e9, 1e9}, {5, 5, 1e20, 1e20}, {0, 0, 16777216, 12}}},
		{3, 0, 7, 0.5, [][4]float32{{1, 1, 5, 5}}},
		{3, 7, 0, 0.5, [][4]float32{{1, 1, 5, 5}}},
		{3, 7, 9, 0.5, nil},
	} {
		name := fmt.Sprintf("mask_paste/%d of %d into %dx%d at %v", len(m.boxes), m.size, m.H, m.W, m.threshold)
		cases = append(cases, exact(name, func(s source) sample {
			masks, boxes := empty(tensor.Float32, len(m.boxes), m.size, m.size), empty(tensor.Float32, len(m.boxes), 4)
			for i := range floats(masks) {
				floats(masks)[i] = min(max(0.5+float32(s.NormFloat64()), 0), 1) // often 0, often 1
			}
			for d, b := range m.boxes {
				copy(floats(boxes)[4*d:], b[:])
			}
			return one(&op.MaskPaste{Threshold: m.threshold}, masks, boxes, empty(tensor.Uint8, 1, 0, m.H, m.W))
		}))
	}
	return cases
}
