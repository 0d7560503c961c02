package optest

import (
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// ssdDetections turns what is said of default boxes into objects, for each
// picture by itself; the steps are those of op.SSDDetections. in is sizes (N, 2),
// image (N, ·, H, W), per level logits (N, A·K, h, w) and per level deltas
// (N, 4A, h, w); out is boxes (N, D, 4), labels (N, D), scores (N, D) and counts
// (N).
func ssdDetections(o *op.SSDDetections, suppress suppressor, out, in []*tensor.Tensor) {
	sizes, image, levels := in[0], in[1].Shape(), len(o.DefaultBoxes)
	classes, places := in[2].Shape()[1]/len(o.DefaultBoxes[0]), out[1].Shape()[1]
	for n := range image[0] {
		height, width := floats(sizes)[2*n], floats(sizes)[2*n+1]
		var boxes []box
		scores := make([][]float32, classes) // of every box
		for l, defaults := range o.DefaultBoxes {
			logits, deltas := in[2+l], in[2+levels+l]
			h, w := logits.Shape()[2], logits.Shape()[3]
			for i := range h * w {
				for a, sides := range defaults {
					down, across := float32(h), float32(w)
					if o.Steps != nil {
						down, across = float32(float64(image[2])/o.Steps[l]), float32(float64(image[3])/o.Steps[l])
					}
					b := around((float32(i%w)+0.5)/across, (float32(i/w)+0.5)/down, sides, image[3], image[2])
					var d [4]float32
					for k := range d {
						d[k] = plane(deltas, n, 4*a+k)[i]
					}
					boxes = append(boxes, b.decode(d, o.Weights).clip(height, width))
					x := make([]float32, classes)
					for k := range x {
						x[k] = plane(logits, n, a*classes+k)[i]
					}
					for k, score := range softmax(x) {
						scores[k] = append(scores[k], score)
					}
				}
			}
		}
		var found candidates
		for k := 1; k < classes; k++ {
			best := descending(scores[k])
			for _, i := range best[:min(o.Candidates, len(best))] {
				if scores[k][i] > float32(o.ScoreThreshold) {
					found.add(boxes[i], scores[k][i], k)
				}
			}
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

// around returns the box of the given sides around a centre, all shares of an
// image, in its pixels.
func around(cx, cy float32, sides [2]float32, width, height int) box {
	w, h := float32(0.5*sides[0]), float32(0.5*sides[1])
	return box{
		(cx - w) * float32(width), (cy - h) * float32(height),
		(cx + w) * float32(width), (cy + h) * float32(height),
	}
}

// shots describes inputs of ssdDetections.
type shots struct {
	n, k   int       // pictures, classes
	image  [2]int    // height, width
	sizes  []float32 // of the pictures
	levels [][2]int  // height, width
	sides  []float32 // per level: of its squares, as a share of the image
	steps  []float64 // per level
	perBox int       // classes of a default box with a score above the threshold
	equal  bool      // one score for each class
	delta  func(s source, k int) float32
	op.SSDDetections
}

// sample makes default boxes whose sides are powers of two of the image and
// deltas in steps of an eighth of a side, so that overlaps are exact, and scores
// far enough apart for any order of summing.
func (x shots) sample(s source) sample {
	o := x.SSDDetections
	o.Steps = x.steps
	if x.delta == nil {
		x.delta = func(s source, k int) float32 {
			if k >= 2 {
				return 0
			}
			return float32(s.IntN(5)-2) / 8 * o.Weights[k]
		}
	}
	in := []*tensor.Tensor{of(x.sizes, x.n, 2), empty(tensor.Float32, x.n, 1, x.image[0], x.image[1])}
	boxes := 0
	for l, size := range x.levels {
		a := x.sides[l]
		// One level has another number of places.
		o.DefaultBoxes = append(o.DefaultBoxes, [][2]float32{{a, a}, {a, a / 2}, {a / 2, a}, {a / 4, a / 2}}[:4-l%2])
		boxes += size[0] * size[1] * len(o.DefaultBoxes[l])
	}
	total := x.n * boxes * x.perBox
	step := 0.85 / float64(max(total, 1))
	rank := s.Perm(total)
	var deltas []*tensor.Tensor
	for l, size := range x.levels {
		a := len(o.DefaultBoxes[l])
		logits := empty(tensor.Float32, x.n, a*x.k, size[0], size[1])
		d := empty(tensor.Float32, x.n, 4*a, size[0], size[1])
		for n := range x.n {
			for c := range 4 * a {
				for i := range plane(d, n, c) {
					plane(d, n, c)[i] = x.delta(s, c%4)
				}
			}
			for i := range size[0] * size[1] {
				for place := range a {
					line := make([]float32, x.k)
					if x.equal {
						for k := range line {
							line[k] = -40
						}
						line[0], line[1+s.IntN(x.k-1)] = 0, 2
					} else {
						heads{k: x.k, perRow: x.perBox}.scores(s, line, rank[:x.perBox], step)
						rank = rank[x.perBox:]
					}
					for k, v := range line {
						plane(logits, n, place*x.k+k)[i] = v
					}
				}
			}
		}
		in, deltas = append(in, logits), append(deltas, d)
	}
	return one(&o, append(in, deltas...)...)
}

func ssdDetectionsCases() (cases []testCase) {
	rule := op.SSDDetections{
		ScoreThreshold: 0.05, NMSThreshold: 0.45, Candidates: 400, Max: 200, Weights: [4]float32{10, 10, 5, 5},
	}
	with := func(change func(o *op.SSDDetections)) op.SSDDetections {
		o := rule
		change(&o)
		return o
	}
	small := shots{n: 1, k: 5, image: [2]int{64, 64}, sizes: []float32{64, 64}, levels: [][2]int{{4, 4}, {2, 2}},
		sides: []float32{0.25, 0.5}, perBox: 2, SSDDetections: rule}
	changed := func(change func(x *shots)) shots {
		x := small
		change(&x)
		return x
	}
	large := changed(func(x *shots) {
		x.image, x.sizes = [2]int{128, 256}, []float32{128, 256}
		x.levels, x.sides = [][2]int{{16, 32}, {8, 16}, {1, 2}}, []float32{0.125, 0.25, 1}
	})
	for _, c := range []struct {
		name string
		shots
	}{
		{"shifted at once", small},
		{"one default box", changed(func(x *shots) {
			x.levels, x.sides = [][2]int{{1, 1}}, []float32{0.5}
			x.k, x.perBox = 2, 1
		})},
		{"class by class", large},
		{"91 classes", changed(func(x *shots) { x.k = 91; x.levels = [][2]int{{5, 7}, {3, 3}} })},
		{"three pictures of different sizes", changed(func(x *shots) {
			x.n, x.sizes = 3, []float32{64, 50, 33.5, 64, 25, 31.25}
		})},
		{"given steps", changed(func(x *shots) {
			x.levels = [][2]int{{5, 5}, {3, 3}} // more than fit on the image
			x.steps = []float64{16, 32}
		})},
		{"steps of no whole share", changed(func(x *shots) { // as SSD300's: 300/64 is 4.6875
			x.image, x.sizes, x.steps = [2]int{75, 75}, []float32{75, 75}, []float64{16, 100}
		})},
		{"an image that is not square", changed(func(x *shots) {
			x.image, x.sizes, x.levels = [2]int{32, 64}, []float32{32, 64}, [][2]int{{2, 4}, {1, 2}}
		})},
		{"the best of each class", changed(func(x *shots) {
			x.SSDDetections = with(func(o *op.SSDDetections) { o.Candidates = 7 })
		})},
		{"few", changed(func(x *shots) { x.SSDDetections = with(func(o *op.SSDDetections) { o.Max = 5 }) })},
		{"fewer places than the greatest number", changed(func(x *shots) {
			x.levels, x.sides = [][2]int{{2, 1}}, []float32{0.25}
		})},
		{"equal scores", changed(func(x *shots) {
			x.equal = true
			x.SSDDetections = with(func(o *op.SSDDetections) { o.Candidates = 9 })
		})},
		{"equal scores, class by class", func() shots {
			x := large
			x.equal = true
			return x
		}()},
		{"nothing above the threshold", changed(func(x *shots) {
			x.SSDDetections = with(func(o *op.SSDDetections) { o.ScoreThreshold = 0.99 })
		})},
		{"only background", changed(func(x *shots) { x.k, x.perBox = 1, 0 })},
		{"no candidates", changed(func(x *shots) {
			x.SSDDetections = with(func(o *op.SSDDetections) { o.Candidates = 0 })
		})},
		{"no picture", changed(func(x *shots) { x.n, x.sizes = 0, []float32{} })},
		{"lower overlap", changed(func(x *shots) {
			x.SSDDetections = with(func(o *op.SSDDetections) { o.NMSThreshold = 0.3 })
		})},
		{"other weights", changed(func(x *shots) {
			x.SSDDetections = with(func(o *op.SSDDetections) { o.Weights = [4]float32{4, 2, 1, 2} })
		})},
		{"huge deltas", changed(func(x *shots) {
			x.delta = func(s source, k int) float32 {
				if k < 2 {
					return float32(s.IntN(5) - 2)
				}
				return []float32{0, -60, 5, 200, 1e30}[s.IntN(5)]
			}
		})},
		// Real numbers: nothing overlaps by more than two, so that no decision hangs on them.
		{"decoding", changed(func(x *shots) {
			x.sizes = []float32{4000, 4000}
			x.SSDDetections = with(func(o *op.SSDDetections) { o.NMSThreshold = 2 })
			x.delta = func(s source, _ int) float32 { return float32(8 * s.NormFloat64()) }
		})},
	} {
		cases = append(cases, against("ssd_detections/"+c.name, selection, c.sample))
	}
	for _, crowded := range []bool{false, true} {
		name := "ssd_detections/overlap within the rounding of the shift"
		if crowded {
			name += ", class by class"
		}
		cases = append(cases, against(name, selection, func(s source) sample { return nearDefaults(s, crowded) }))
	}
	return append(cases, survives("ssd_detections/NaN and infinities", func(s source) sample {
		x := changed(func(x *shots) { x.n, x.sizes = 2, []float32{64, 64, 20, 30} }).sample(s)
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
		for _, t := range x.in[2:] {
			for i := range floats(t) {
				if s.IntN(4) == 0 {
					floats(t)[i] = special[s.IntN(3)]
				}
			}
		}
		return x
	}))
}

// nearDefaults makes pairs of boxes of the last of 91 classes whose overlap is a
// half up to a few millionths. Shifted by 90 times the image's width, where
// float32 numbers are 2⁻⁷ apart, they land on the other side of the threshold, or
// not: whether boxes were shifted shows in what is kept. If crowded, there are too
// many boxes to shift.
func nearDefaults(s source, crowded bool) sample {
	const k, side, places = 91, 1024, 16
	o := &op.SSDDetections{ScoreThreshold: 0.05, NMSThreshold: 0.5, Candidates: 2000, Max: 2000,
		Weights: [4]float32{1, 1, 1, 1}}
	in := []*tensor.Tensor{of([]float32{side, side}, 1, 2), empty(tensor.Float32, 1, 1, side, side)}
	var deltas []*tensor.Tensor
	for l := range 2 {
		h := places
		if l == 0 {
			h = 2
			if crowded {
				h = 32
			}
		}
		o.DefaultBoxes = append(o.DefaultBoxes, [][2]float32{{24. / side, 16. / side}})
		logits, d := empty(tensor.Float32, 1, k, h, h), empty(tensor.Float32, 1, 4, h, h)
		for i := range floats(logits) {
			floats(logits)[i] = -40
		}
		class := 1 + 89*l
		for i, rank := range s.Perm(h * h) {
			p := 0.1 + 0.8*(float64(rank)+0.5*float64(l))/float64(h*h)
			plane(logits, 0, class)[i], plane(logits, 0, 0)[i] = float32(math.Log(p)), float32(math.Log(1-p))
			if l == 0 {
				continue
			}
			dx := plane(d, 0, 0)
			if i%2 == 0 {
				dx[i] = float32(s.IntN(4096)) / 4096
			} else { // a third of its width from the one before it, or a little more or less
				dx[i] = dx[i-1] + (8-side/places)/24. + float32(s.IntN(3)-1)/(24*4096)
			}
		}
		in, deltas = append(in, logits), append(deltas, d)
	}
	return one(o, append(in, deltas...)...)
}
