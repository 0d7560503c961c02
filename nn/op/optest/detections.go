package optest

import (
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// detections turns class logits (N·R, K) and deltas (N·R, 4K), with packed
// rows, into objects; the steps are those of op.Detections. out is boxes
// (N, D, 4), labels (N, D), scores (N, D) and counts (N); in is sizes (N, 2),
// proposals (N, R, 4), their counts (N), logits and deltas.
func detections(o *op.Detections, suppress suppressor, out, in []*tensor.Tensor) {
	sizes, proposals, count, logits, deltas := in[0], in[1], in[2], in[3], in[4]
	capacity, places := proposals.Shape()[1], out[1].Shape()[1]
	classes := logits.Shape()[1]
	row := 0
	for n, used := range rows(count, capacity) {
		height, width := floats(sizes)[2*n], floats(sizes)[2*n+1]
		var found candidates
		for r := range used {
			proposal := box(floats(proposals)[(n*capacity+r)*4:])
			for class, score := range softmax(floats(logits)[row*classes : (row+1)*classes]) {
				d := [4]float32(floats(deltas)[(row*classes+class)*4:])
				b := proposal.decode(d, o.Weights).clip(height, width)
				if class > 0 && score > float32(o.ScoreThreshold) && large(b, o.MinSize) {
					found.add(b, score, class)
				}
			}
			row++
		}
		keep := suppress(&found, o.NMSThreshold)
		keep = keep[:min(len(keep), places)]
		for d, i := range keep {
			at := n*places + d
			copy(floats(out[0])[at*4:], found.boxes[i][:])
			data[int64](out[1])[at] = int64(found.category[i])
			floats(out[2])[at] = found.scores[i]
		}
		data[int32](out[3])[n] = int32(len(keep))
	}
}

// softmax returns eˣ / Σ eˣ.
func softmax(x []float32) []float32 {
	greatest := x[0]
	for _, v := range x {
		greatest = max(greatest, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v) - float64(greatest))
	}
	p := make([]float32, len(x))
	for i, v := range x {
		p[i] = float32(math.Exp(float64(v)-float64(greatest)) / sum)
	}
	return p
}

// heads describes inputs of detections.
type heads struct {
	counts []int // proposals used per picture
	r, k   int   // capacity, classes
	sizes  []float32
	perRow int  // classes of a proposal with a score above the threshold
	spread int  // proposals lie on this many places per axis
	repeat int  // every repeat-th row has the logits of the one before it
	huge   bool // some dw, dh beyond the clip
	op.Detections
}

// sample makes proposals whose sides are powers of two and deltas in steps of
// an eighth of a side, so that overlaps are exact, and scores that are either
// equal in the same class or far enough apart for any order of summing.
func (h heads) sample(s source) sample {
	n := len(h.counts)
	props, counts := empty(tensor.Float32, n, h.r, 4), empty(tensor.Int32, n)
	logits, deltas := empty(tensor.Float32, n*h.r, h.k), empty(tensor.Float32, n*h.r, 4*h.k)
	for _, t := range []*tensor.Tensor{props, logits, deltas} {
		fillNaN(t) // of what is not counted, nothing may be used
	}
	total := 0
	for _, c := range h.counts {
		total += c
	}
	step := 0.85 / float64(max(total*h.perRow, 1)) // of the share of a row that a class may take
	rank := s.Perm(total * h.perRow)
	row := 0
	for i, c := range h.counts {
		data[int32](counts)[i] = int32(c)
		for r := range c {
			side := [2]float32{float32(int(8) << s.IntN(3)), float32(int(8) << s.IntN(3))}
			x, y := float32(s.IntN(h.spread))*2, float32(s.IntN(h.spread))*2
			copy(floats(props)[(i*h.r+r)*4:], []float32{x, y, x + side[0], y + side[1]})
			line := floats(logits)[row*h.k : (row+1)*h.k]
			if h.repeat > 0 && r > 0 && r%h.repeat == 0 {
				copy(line, floats(logits)[(row-1)*h.k:])
			} else {
				h.scores(s, line, rank[row*h.perRow:], step)
			}
			for c := range h.k {
				for k := range 4 {
					floats(deltas)[(row*h.k+c)*4+k] = h.delta(s, k)
				}
			}
			row++
		}
	}
	return one(&h.Detections, of(h.sizes, n, 2), props, counts, logits, deltas)
}

// scores fills a row with logits: perRow classes have probabilities of their
// own between 0.12 and 0.97 of an equal share, or, one in six, below the usual
// threshold; the background has the rest.
func (h heads) scores(s source, line []float32, rank []int, step float64) {
	for c := range line {
		line[c] = -40
	}
	rest := 1.0
	for j, c := range s.Perm(h.k - 1)[:min(h.perRow, h.k-1)] {
		p := (0.12 + step*float64(rank[j])) / float64(h.perRow)
		if rank[j]%6 == 5 {
			p = 0.04
		}
		line[c+1] = float32(math.Log(p))
		rest -= p
	}
	line[0] = float32(math.Log(rest))
}

func (h heads) delta(s source, k int) float32 {
	if k < 2 {
		return float32(s.IntN(5)-2) / 8 * h.Weights[k]
	}
	if h.huge && s.IntN(3) == 0 {
		return []float32{200, 1e30, -500}[s.IntN(3)]
	}
	return 0
}

func detectionsCases() (cases []testCase) {
	rule := op.Detections{
		ScoreThreshold: 0.05, NMSThreshold: 0.5, MinSize: 1e-2, Max: 100, Weights: [4]float32{10, 10, 5, 5},
	}
	with := func(change func(o *op.Detections)) op.Detections {
		o := rule
		change(&o)
		return o
	}
	for _, c := range []struct {
		name string
		heads
	}{
		{"one proposal", heads{counts: []int{1}, r: 1, k: 2, sizes: []float32{60, 60}, perRow: 1, spread: 4,
			Detections: rule}},
		{"shifted at once", heads{counts: []int{150}, r: 200, k: 91, sizes: []float32{100, 90}, perRow: 1,
			spread: 20, Detections: rule}},
		{"three pictures", heads{counts: []int{40, 0, 25}, r: 40, k: 5, sizes: []float32{64, 50, 33.5, 80, 70, 41.25},
			perRow: 2, spread: 14, Detections: rule}},
		{"class by class", heads{counts: []int{30, 700}, r: 800, k: 7, sizes: []float32{64, 64, 90, 80}, perRow: 2,
			spread: 30, Detections: with(func(o *op.Detections) { o.Max = 500 })}},
		{"equal scores", heads{counts: []int{60}, r: 64, k: 4, sizes: []float32{64, 64}, perRow: 1, spread: 12,
			repeat: 1, Detections: rule}},
		{"pairs of equal scores, class by class", heads{counts: []int{1200}, r: 1200, k: 4,
			sizes: []float32{200, 200}, perRow: 1, spread: 80, repeat: 2, Detections: rule}},
		{"no proposals", heads{counts: []int{0, 0}, r: 10, k: 5, sizes: []float32{64, 64, 32, 32}, perRow: 1,
			spread: 4, Detections: rule}},
		{"no picture", heads{r: 10, k: 5, perRow: 1, spread: 4, sizes: []float32{}, Detections: rule}},
		{"no capacity", heads{counts: []int{0}, r: 0, k: 5, perRow: 1, spread: 4, sizes: []float32{8, 8},
			Detections: rule}},
		{"only background", heads{counts: []int{3}, r: 4, k: 1, perRow: 0, spread: 4, sizes: []float32{64, 64},
			Detections: rule}},
		{"nothing above the threshold", heads{counts: []int{20}, r: 20, k: 5, sizes: []float32{64, 64}, perRow: 1,
			spread: 9, Detections: with(func(o *op.Detections) { o.ScoreThreshold = 0.99 })}},
		{"few", heads{counts: []int{50, 60}, r: 64, k: 5, sizes: []float32{64, 64, 64, 64}, perRow: 2, spread: 20,
			Detections: with(func(o *op.Detections) { o.Max = 7 })}},
		{"fewer places than the greatest number", heads{counts: []int{3}, r: 3, k: 3, sizes: []float32{64, 64},
			perRow: 2, spread: 20, Detections: rule}},
		{"outside the picture", heads{counts: []int{50}, r: 50, k: 5, sizes: []float32{10, 12}, perRow: 2,
			spread: 20, Detections: rule}},
		{"huge deltas", heads{counts: []int{30}, r: 32, k: 4, sizes: []float32{60, 50}, perRow: 1, spread: 20,
			huge: true, Detections: rule}},
		{"a least size that boxes have", heads{counts: []int{50}, r: 50, k: 5, sizes: []float32{30, 30}, perRow: 2,
			spread: 16, Detections: with(func(o *op.Detections) { o.MinSize = 8 })}},
		{"lower overlap", heads{counts: []int{90}, r: 90, k: 3, sizes: []float32{64, 64}, perRow: 1, spread: 16,
			Detections: with(func(o *op.Detections) { o.NMSThreshold = 0.3 })}},
		{"other weights", heads{counts: []int{20}, r: 30, k: 3, sizes: []float32{64, 64}, perRow: 1, spread: 16,
			Detections: with(func(o *op.Detections) { o.Weights = [4]float32{4, 2, 1, 2} })}},
	} {
		cases = append(cases, against("detections/"+c.name, selection, c.sample))
	}
	for _, far := range []int{0, 1000} {
		name := "detections/overlap within the rounding of the shift"
		if far > 0 {
			name += ", class by class"
		}
		cases = append(cases, against(name, selection, func(s source) sample { return near(s, rule, far) }))
	}
	cases = append(cases, against("detections/decoding", selection, func(s source) sample {
		h := heads{counts: []int{25, 17}, r: 25, k: 6, sizes: []float32{2000, 2000, 41.5, 37.25}, perRow: 2, spread: 20,
			Detections: with(func(o *op.Detections) { o.NMSThreshold = 2 })}
		x := h.sample(s)
		d := floats(x.in[4])
		for i := range d {
			d[i] = float32(12 * s.NormFloat64()) // some beyond the clip
		}
		return x
	}))
	return append(cases, survives("detections/NaN and infinities", func(s source) sample {
		x := heads{counts: []int{40, 30}, r: 40, k: 7, sizes: []float32{64, 64, 30, 30}, perRow: 2, spread: 20,
			Detections: rule}.sample(s)
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
		for _, t := range []*tensor.Tensor{x.in[1], x.in[3], x.in[4]} {
			for i := range floats(t) {
				if s.IntN(4) == 0 {
					floats(t)[i] = special[s.IntN(3)]
				}
			}
		}
		return x
	}))
}

// near makes pairs of boxes of the last of 91 classes whose overlap is a half
// up to a few millionths. Shifted by 90 times the picture's width, where
// float32 numbers are 2⁻⁷ apart, they land on the other side of the threshold,
// or not: whether boxes were shifted shows in what is kept. With far further
// proposals, which overlap nothing that matters, they must not be shifted.
func near(s source, rule op.Detections, far int) sample {
	const pairs, k, width = 60, 91, 800
	n := 2*pairs + far
	rule.Max = n
	props, logits := empty(tensor.Float32, 1, n, 4), empty(tensor.Float32, n, k)
	for r := range n {
		b := floats(props)[4*r : 4*r+4]
		line := floats(logits)[r*k : (r+1)*k]
		for c := range line {
			line[c] = -40
		}
		p := 0.9 - 0.0005*float64(r)
		class := k - 1
		if r < 2*pairs {
			// Two boxes of the same height, one shifted by a third of its width
			// overlap by a half.
			x := float32(r/2%10)*75 + float32(s.IntN(4096))/4096
			y := float32(r/20) * 60
			w := float32(24 + 3*s.IntN(8))
			if r%2 == 1 {
				copy(b, floats(props)[4*r-4:])
				b[0] += (b[2] - b[0]) / 3
				b[2] += b[0] - floats(props)[4*r-4]
			} else {
				copy(b, []float32{x, y, x + w, y + 30})
			}
			b[0] += float32(s.IntN(3)-1) / 4096
		} else {
			i := r - 2*pairs
			x, y := float32(i%50)*16, 400+float32(i/50)*16
			copy(b, []float32{x, y, x + 8, y + 8})
			p, class = 0.25-0.0001*float64(i), 1
		}
		line[class], line[0] = float32(math.Log(p)), float32(math.Log(1-p))
	}
	count := of([]int32{int32(n)}, 1)
	return one(&rule, of([]float32{width, width}, 1, 2), props, count, logits, empty(tensor.Float32, n, 4*k))
}
