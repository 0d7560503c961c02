package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// proposals selects the regions worth a look, for each picture by itself; the
// steps are those of op.Proposals. image is (N, ·, H, W); objectness and deltas
// are per level (N, A, h, w) and (N, 4A, h, w); boxes (N, R, 4), count (N).
func proposals(o *op.Proposals, suppress suppressor, out, in []*tensor.Tensor) {
	boxes, count, sizes, image := out[0], out[1], in[0], in[1].Shape()
	objectness, deltas := in[2:2+len(o.Anchors)], in[2+len(o.Anchors):]
	capacity := boxes.Shape()[1]
	for n := range image[0] {
		height, width := floats(sizes)[2*n], floats(sizes)[2*n+1]
		var found candidates
		for l, anchors := range o.Anchors {
			h, w := objectness[l].Shape()[2], objectness[l].Shape()[3]
			sy, sx := image[2]/h, image[3]/w
			logits := make([]float32, 0, h*w*len(anchors)) // (y, x, a)
			for i := range h * w {
				for a := range anchors {
					logits = append(logits, plane(objectness[l], n, a)[i])
				}
			}
			best := descending(logits)
			for _, index := range best[:min(o.PreNMS, len(best))] {
				a, i := index%len(anchors), index/len(anchors)
				x, y := float32(i%w*sx), float32(i/w*sy)
				anchor := box(anchors[a])
				anchor = box{anchor[0] + x, anchor[1] + y, anchor[2] + x, anchor[3] + y}
				var d [4]float32
				for k := range d {
					d[k] = plane(deltas[l], n, 4*a+k)[i]
				}
				b := anchor.decode(d, [4]float32{1, 1, 1, 1}).clip(height, width)
				score := sigmoid(logits[index])
				if large(b, o.MinSize) && score >= float32(o.ScoreThreshold) {
					found.add(b, score, l)
				}
			}
		}
		keep := suppress(&found, o.NMSThreshold)
		keep = keep[:min(len(keep), capacity)]
		for r, i := range keep {
			copy(floats(boxes)[(n*capacity+r)*4:], found.boxes[i][:])
		}
		data[int32](count)[n] = int32(len(keep))
	}
}

// large compares as PyTorch compares a tensor with a number: in float32.
func large(b box, size float64) bool {
	return b.width() >= float32(size) && b.height() >= float32(size)
}

// anchors returns a square, a low and a high anchor of about the given side, a
// power of two. Their sides are powers of two as well, so that steps of an
// eighth of a side are exact numbers and no decision hangs on rounding.
func anchors(side float32) [][4]float32 {
	around := func(w, h float32) [4]float32 { return [4]float32{-w / 2, -h / 2, w / 2, h / 2} }
	return [][4]float32{around(side*2, side), around(side, side), around(side, side*2)}
}

// rpn describes inputs of proposals.
type rpn struct {
	n, h, w int   // pictures, size of the padded image
	strides []int // per level
	sizes   []float32
	op.Proposals

	logit func(s source, i int) float32 // objectness of the i-th anchor; nil for steps of 1/8 with ties
	delta func(s source, k int) float32 // dx, dy, dw, dh; nil for steps of an eighth, and no dw, dh
}

func (r rpn) sample(s source) sample {
	o := r.Proposals
	if r.logit == nil {
		r.logit = func(s source, _ int) float32 { return float32(s.IntN(97)-48) / 8 }
	}
	if r.delta == nil {
		r.delta = func(s source, k int) float32 {
			if k >= 2 {
				return 0
			}
			return float32(s.IntN(9)-4) / 8
		}
	}
	in := []*tensor.Tensor{of(r.sizes, r.n, 2), empty(tensor.Float32, r.n, 1, r.h, r.w)}
	var deltas []*tensor.Tensor
	for _, stride := range r.strides {
		o.Anchors = append(o.Anchors, anchors(float32(min(4*stride, 32)))) // alike, so that levels overlap
		h, w := (r.h+stride-1)/stride, (r.w+stride-1)/stride
		x, d := empty(tensor.Float32, r.n, 3, h, w), empty(tensor.Float32, r.n, 12, h, w)
		for i := range floats(x) {
			floats(x)[i] = r.logit(s, i)
		}
		for i := range floats(d) {
			floats(d)[i] = r.delta(s, i/(h*w)%4)
		}
		in, deltas = append(in, x), append(deltas, d)
	}
	return one(&o, append(in, deltas...)...)
}

func proposalsCases() (cases []testCase) {
	rule := op.Proposals{PreNMS: 1000, PostNMS: 1000, NMSThreshold: 0.7, MinSize: 1e-3}
	with := func(change func(o *op.Proposals)) op.Proposals {
		o := rule
		change(&o)
		return o
	}
	small := []int{4, 8}
	for _, c := range []struct {
		name string
		rpn
	}{
		{"one anchor place", rpn{n: 1, h: 32, w: 32, strides: []int{32}, sizes: []float32{32, 32}, Proposals: rule}},
		{"shifted at once", rpn{n: 1, h: 32, w: 40, strides: small, sizes: []float32{30, 37}, Proposals: rule}},
		{"three pictures of different sizes", rpn{n: 3, h: 32, w: 48, strides: small,
			sizes: []float32{32, 20, 17, 48, 25.5, 33.25}, Proposals: rule}},
		{"level by level", rpn{n: 2, h: 64, w: 96, strides: []int{4, 8, 16, 32, 64},
			sizes: []float32{64, 90, 50, 96}, Proposals: rule}},
		{"the best of many", rpn{n: 1, h: 96, w: 96, strides: []int{4, 8}, sizes: []float32{96, 96}, Proposals: rule}},
		{"few of a level and fewer in all", rpn{n: 2, h: 32, w: 48, strides: small, sizes: []float32{32, 48, 31, 47},
			Proposals: with(func(o *op.Proposals) { o.PreNMS, o.PostNMS = 37, 23 })}},
		{"equal logits", rpn{n: 1, h: 32, w: 32, strides: small, sizes: []float32{32, 32},
			Proposals: with(func(o *op.Proposals) { o.PreNMS = 50 }),
			logit:     func(source, int) float32 { return 0.5 }}},
		// From about 17 up a sigmoid in float32 is 1: selected by logit, then
		// suppressed by equal scores in the order of selection.
		{"scores of one", rpn{n: 1, h: 32, w: 32, strides: small, sizes: []float32{32, 32},
			Proposals: with(func(o *op.Proposals) { o.PreNMS = 40 }),
			logit:     func(s source, _ int) float32 { return float32(20 + s.IntN(40)) }}},
		{"lower overlap", rpn{n: 2, h: 32, w: 48, strides: small, sizes: []float32{32, 48, 31, 47},
			Proposals: with(func(o *op.Proposals) { o.NMSThreshold = 0.3 })}},
		{"a score threshold", rpn{n: 1, h: 32, w: 48, strides: small, sizes: []float32{32, 48},
			Proposals: with(func(o *op.Proposals) { o.ScoreThreshold = 0.6 })}},
		{"a least size that boxes have", rpn{n: 1, h: 32, w: 48, strides: small, sizes: []float32{32, 48},
			Proposals: with(func(o *op.Proposals) { o.MinSize = 8 })}},
		{"nothing in the picture", rpn{n: 2, h: 32, w: 32, strides: small, sizes: []float32{32, 32, 32, 32},
			Proposals: rule,
			delta:     func(s source, k int) float32 { return []float32{1000, -1000, 0, 0}[k] }}},
		{"no picture", rpn{n: 0, h: 32, w: 32, strides: small, sizes: []float32{}, Proposals: rule}},
		{"huge deltas", rpn{n: 1, h: 32, w: 32, strides: small, sizes: []float32{32, 30}, Proposals: rule,
			delta: func(s source, k int) float32 {
				if k < 2 {
					return float32(s.IntN(5)-2) / 8
				}
				return []float32{0, -60, 5, 100, 1e30}[s.IntN(5)]
			}}},
		// Real numbers: nothing overlaps by more than two, so that no decision
		// hangs on them.
		{"decoding", rpn{n: 2, h: 64, w: 64, strides: small, sizes: []float32{4000, 4000, 61.3, 47.7},
			Proposals: with(func(o *op.Proposals) { o.NMSThreshold = 2 }),
			logit:     func(s source, i int) float32 { return float32((i*7919)%8192)/1024 - 4 },
			delta:     func(s source, _ int) float32 { return float32(2 * s.NormFloat64()) }}},
		{"image of no whole stride", rpn{n: 1, h: 37, w: 45, strides: small, sizes: []float32{37, 45}, Proposals: rule}},
	} {
		cases = append(cases, against("proposals/"+c.name, selection, c.sample))
	}
	for _, crowded := range []bool{false, true} {
		name := "proposals/overlap within the rounding of the shift"
		if crowded {
			name += ", level by level"
		}
		cases = append(cases, against(name, selection, func(s source) sample { return nearLevels(s, crowded) }))
	}
	return append(cases, survives("proposals/NaN and infinities", func(s source) sample {
		special := func(s source, i int) float32 {
			return []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, 1}[s.IntN(5)]
		}
		return rpn{n: 2, h: 64, w: 64, strides: small, sizes: []float32{64, 64, 20, 30}, Proposals: rule,
			logit: special, delta: special}.sample(s)
	}))
}

// nearLevels makes pairs of boxes, on the last of five levels, whose overlap is
// the threshold up to a hundred thousandth: for 24/40 the float32 quotient is
// above the float64 threshold. Shifted by four times the picture's width, where
// float32 numbers are 2⁻¹¹ apart, they land on the other side of it, or not:
// whether boxes were shifted shows in what is kept. If crowded, there are too
// many boxes to shift.
func nearLevels(s source, crowded bool) sample {
	const side = 1024
	o := &op.Proposals{PreNMS: 2000, PostNMS: 2000, NMSThreshold: 0.6, MinSize: 1e-3}
	in := []*tensor.Tensor{of([]float32{side, side}, 1, 2), empty(tensor.Float32, 1, 1, side, side)}
	var deltas []*tensor.Tensor
	for l, places := range []int{2, 2, 2, 2, 16} {
		half := float32(4)
		if l == 0 && crowded {
			places = 32
		}
		if l == 4 {
			half = 16
		}
		o.Anchors = append(o.Anchors, [][4]float32{{-half, -half / 2, half, half / 2}})
		x, d := empty(tensor.Float32, 1, 1, places, places), empty(tensor.Float32, 1, 4, places, places)
		for i, rank := range s.Perm(places * places) {
			floats(x)[i] = float32(rank)/256 - 2
			if l < 4 {
				continue
			}
			dx := plane(d, 0, 0)
			if i%2 == 0 {
				dx[i] = 1 + float32(s.IntN(4096))/(32*4096)
			} else { // 8 pixels from the one before it, or a little more or less
				dx[i] = dx[i-1] - 2 + 0.25 + float32(s.IntN(3)-1)/(32*4096)
			}
			plane(d, 0, 1)[i] = 2
		}
		in, deltas = append(in, x), append(deltas, d)
	}
	return one(o, append(in, deltas...)...)
}

// survives returns a case that has to end, with counts that are possible. Its
// numbers may be anything.
func survives(name string, build func(s source) sample) testCase {
	return testCase{name: name, run: func(b op.Backend) error {
		x := build(newSource(name))
		out, err := runOnce(b, op.Options{}, x)
		if err != nil {
			return err
		}
		capacity := out[0].Shape()[1]
		for n, c := range data[int32](out[len(out)-1]) {
			if c < 0 || int(c) > capacity {
				return fmt.Errorf("picture %d has %d of at most %d", n, c, capacity)
			}
		}
		return nil
	}}
}
