package optest

import (
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// denseDetections turns logits and deltas of anchors into objects; the steps are
// those of op.DenseDetections. out is boxes (N, D, 4), labels (N, D), scores
// (N, D) and counts (N); in is sizes (N, 2), the image, and per level logits
// (N, A·K, h, w), deltas (N, 4A, h, w) and with Centerness (N, A, h, w).
func denseDetections(o *op.DenseDetections, suppress suppressor, out, in []*tensor.Tensor) {
	sizes, image, levels := in[0], in[1].Shape(), len(o.Anchors)
	places := out[1].Shape()[1]
	for n := range image[0] {
		height, width := floats(sizes)[2*n], floats(sizes)[2*n+1]
		var found candidates
		for l, anchors := range o.Anchors {
			logits, deltas := in[2+l], in[2+levels+l]
			a, h, w := len(anchors), logits.Shape()[2], logits.Shape()[3]
			classes := logits.Shape()[1] / a
			var scores []float32 // (y, x, a, k)
			for i := range h * w {
				for c := range a * classes {
					score := sigmoid(plane(logits, n, c)[i])
					if o.Centerness {
						center := sigmoid(plane(in[2+2*levels+l], n, c/classes)[i])
						score = float32(math.Sqrt(float64(float32(score * center))))
					}
					if !(score > float32(o.ScoreThreshold)) {
						score = -1
					}
					scores = append(scores, score)
				}
			}
			best := descending(scores)
			for _, index := range best[:min(o.Candidates, len(best))] {
				if scores[index] < 0 {
					break
				}
				place, i := index/classes%a, index/classes/a
				x, y := float32(i%w*(image[3]/w)), float32(i/w*(image[2]/h))
				anchor := box(anchors[place])
				anchor = box{anchor[0] + x, anchor[1] + y, anchor[2] + x, anchor[3] + y}
				var d [4]float32
				for k := range d {
					d[k] = plane(deltas, n, 4*place+k)[i]
				}
				b := anchor.decode(d, [4]float32{1, 1, 1, 1})
				if o.Centerness {
					b = anchor.sides(d)
				}
				found.add(b.clip(height, width), scores[index], index%classes)
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

// sides returns the box of the given distances from the centre of b to its left,
// top, right and bottom, torchvision's BoxLinearCoder.
func (b box) sides(d [4]float32) box {
	cx, cy := float32(0.5*(b[0]+b[2])), float32(0.5*(b[1]+b[3]))
	return box{
		cx - float32(d[0]*b.width()), cy - float32(d[1]*b.height()),
		cx + float32(d[2]*b.width()), cy + float32(d[3]*b.height()),
	}
}

// head describes inputs of denseDetections.
type head struct {
	n, h, w int   // pictures, size of the padded image
	strides []int // per level
	a, k    int   // anchors of a place, classes
	sizes   []float32
	op.DenseDetections

	logit func(s source) float32 // nil for logits from -14 to 6 of which no two are equal
	any   bool                   // centerness of any size; without, its sigmoid is 0, 1/2 or 1
	huge  bool                   // some dw, dh are beyond the clip
}

// eighths returns one of a hundred logits: many are equal.
func eighths(s source) float32 { return float32(s.IntN(97)-64) / 8 }

func (h head) sample(s source) sample {
	o := h.DenseDetections
	var logits, deltas, centers []*tensor.Tensor
	total := 0
	for _, stride := range h.strides {
		o.Anchors = append(o.Anchors, anchors(float32(min(4*stride, 32)))[:h.a]) // alike, so that levels overlap
		y, x := (h.h+stride-1)/stride, (h.w+stride-1)/stride
		logits = append(logits, empty(tensor.Float32, h.n, h.a*h.k, y, x))
		deltas = append(deltas, empty(tensor.Float32, h.n, 4*h.a, y, x))
		centers = append(centers, empty(tensor.Float32, h.n, h.a, y, x))
		total += logits[len(logits)-1].Len()
	}
	rank := s.Perm(total)
	for l := range logits {
		for i := range floats(logits[l]) {
			if h.logit != nil {
				floats(logits[l])[i] = h.logit(s)
			} else {
				floats(logits[l])[i], rank = 20*float32(rank[0])/float32(total)-14, rank[1:]
			}
		}
		for i := range floats(deltas[l]) {
			floats(deltas[l])[i] = h.delta(s, i/deltas[l].Shape()[2:].Len()%4)
		}
		for i := range floats(centers[l]) {
			floats(centers[l])[i] = []float32{-40, 0, 40}[s.IntN(3)]
			if h.any {
				floats(centers[l])[i] = float32(s.NormFloat64())
			}
		}
	}
	in := append([]*tensor.Tensor{of(h.sizes, h.n, 2), empty(tensor.Float32, h.n, 1, h.h, h.w)}, logits...)
	in = append(in, deltas...)
	if o.Centerness {
		in = append(in, centers...)
	}
	return one(&o, in...)
}

// delta returns steps of an eighth, so that overlaps are exact.
func (h head) delta(s source, k int) float32 {
	switch {
	case h.Centerness:
		return float32(s.IntN(9)) / 8
	case k < 2:
		return float32(s.IntN(9)-4) / 8
	case h.huge && s.IntN(3) == 0:
		return []float32{40, 1e30, -500}[s.IntN(3)]
	}
	return 0
}

func denseDetectionsCases() (cases []testCase) {
	type rule = op.DenseDetections
	with := func(o rule, change ...func(o *rule)) rule {
		for _, c := range change {
			c(&o)
		}
		return o
	}
	retina := func(change ...func(o *rule)) rule {
		return with(rule{Candidates: 1000, ScoreThreshold: 0.05, NMSThreshold: 0.5, Max: 300}, change...)
	}
	fcos := func(change ...func(o *rule)) rule {
		return with(rule{Candidates: 1000, ScoreThreshold: 0.2, NMSThreshold: 0.6, Max: 100, Centerness: true}, change...)
	}
	best := func(n int) func(o *rule) { return func(o *rule) { o.Candidates = n } }
	places := func(n int) func(o *rule) { return func(o *rule) { o.Max = n } }
	above := func(score float64) func(o *rule) { return func(o *rule) { o.ScoreThreshold = score } }
	all := func(o *rule) { o.NMSThreshold = 2 }
	two, three := []float32{40, 40, 25.5, 33}, []float32{40, 40, 20, 33.25, 11, 39}

	for _, c := range []struct {
		name string
		rule rule
		head
	}{
		{"one class of one anchor", retina(), head{n: 1, h: 8, w: 8, strides: []int{8}, a: 1, k: 1,
			sizes: []float32{8, 8}, logit: func(source) float32 { return 2 }}},
		{"levels", retina(), head{n: 1, h: 64, w: 96, strides: []int{8, 16, 32, 64}, a: 3, k: 5, sizes: []float32{60, 90}}},
		{"shifted at once", retina(), head{n: 1, h: 32, w: 32, strides: []int{8, 16}, a: 3, k: 7,
			sizes: []float32{32, 30}, logit: eighths}},
		{"class by class", retina(), head{n: 2, h: 64, w: 64, strides: []int{4, 8, 16}, a: 3, k: 5,
			sizes: []float32{64, 64, 50, 41.5}}},
		{"many classes", retina(), head{n: 1, h: 48, w: 40, strides: []int{8, 16}, a: 2, k: 91, sizes: []float32{48, 40}}},
		{"few candidates", retina(best(17)), head{n: 3, h: 40, w: 40, strides: []int{8, 16, 32}, a: 2, k: 6,
			sizes: three, logit: eighths}},
		{"no candidates", retina(best(0)), head{n: 2, h: 40, w: 40, strides: []int{8}, a: 2, k: 3, sizes: two}},
		{"few places", retina(places(5)), head{n: 2, h: 40, w: 40, strides: []int{8, 16}, a: 3, k: 3, sizes: two,
			logit: eighths}},
		{"no places", retina(places(0)), head{n: 2, h: 40, w: 40, strides: []int{8}, a: 3, k: 3, sizes: two}},
		{"nothing above the threshold", retina(above(1)), head{n: 2, h: 40, w: 40, strides: []int{8}, a: 3, k: 3,
			sizes: two}},
		{"all above the threshold", retina(above(0)), head{n: 2, h: 40, w: 40, strides: []int{8}, a: 3, k: 3,
			sizes: two, logit: eighths}},
		{"scores of one", retina(best(60)), head{n: 2, h: 40, w: 40, strides: []int{8, 16}, a: 3, k: 3, sizes: two,
			logit: func(s source) float32 { return []float32{10, 20, 25, 30}[s.IntN(4)] }}},
		{"near the threshold", retina(best(5000), places(5000)), head{n: 1, h: 32, w: 32, strides: []int{4}, a: 3, k: 8,
			sizes: []float32{32, 32}, logit: func(s source) float32 {
				return float32(math.Log(0.05/0.95) + float64(2*s.IntN(2)-1)*float64(s.IntN(20)+1)*1e-5)
			}}},
		{"scores of the threshold", retina(above(0.5)), head{n: 2, h: 40, w: 40, strides: []int{8, 16}, a: 3, k: 3,
			sizes: two, logit: eighths}},
		{"huge deltas", retina(), head{n: 2, h: 40, w: 40, strides: []int{8, 16}, a: 3, k: 4, sizes: two, huge: true,
			logit: eighths}},
		{"no picture", retina(), head{h: 16, w: 16, strides: []int{8}, a: 3, k: 3, sizes: []float32{}}},
		{"levels of another stride down than across", retina(), head{n: 1, h: 36, w: 20, strides: []int{8, 16}, a: 3,
			k: 4, sizes: []float32{36, 20}, logit: eighths}},
		{"centerness", fcos(), head{n: 1, h: 64, w: 96, strides: []int{8, 16, 32, 64}, a: 1, k: 5,
			sizes: []float32{60, 90}}},
		{"centerness of any size", fcos(), head{n: 1, h: 40, w: 40, strides: []int{8}, a: 1, k: 3,
			sizes: []float32{40, 39}, any: true}},
		{"centerness of more anchors", fcos(best(150)), head{n: 2, h: 40, w: 40, strides: []int{4, 8}, a: 3, k: 4,
			sizes: two, logit: eighths}},
		{"centerness, all above the threshold", fcos(above(0)), head{n: 2, h: 40, w: 40, strides: []int{8}, a: 1, k: 9,
			sizes: two, logit: eighths}},
		{"centerness, many places and classes", fcos(), head{n: 1, h: 256, w: 256, strides: []int{4, 8}, a: 1, k: 91,
			sizes: []float32{256, 250}, logit: eighths}},
	} {
		c.head.DenseDetections = c.rule
		cases = append(cases, against("dense_detections/"+c.name, selection, c.sample))
	}
	for _, far := range []bool{false, true} {
		name := "dense_detections/overlap within the rounding of the shift"
		if far {
			name += ", class by class"
		}
		near := func(s source) sample { return nearDense(s, retina(best(5000), places(5000)), far) }
		cases = append(cases, against(name, selection, near))
	}
	for _, r := range []rule{retina(all), fcos(all)} {
		h := head{n: 2, h: 40, w: 56, strides: []int{8, 16}, a: 3, k: 3, sizes: []float32{2000, 2000, 37.5, 50},
			DenseDetections: r}
		decoding := func(s source) sample {
			x := h.sample(s)
			for _, t := range x.in[4:6] {
				for i := range floats(t) {
					floats(t)[i] = float32(3 * s.NormFloat64()) // some beyond the clip
				}
			}
			return x
		}
		special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}
		strange := func(s source) sample {
			x := h.sample(s)
			for _, t := range x.in[2:] {
				for i := range floats(t) {
					if s.IntN(4) == 0 {
						floats(t)[i] = special[s.IntN(3)]
					}
				}
			}
			return x
		}
		name := "dense_detections/"
		if r.Centerness {
			name += "centerness, "
		}
		cases = append(cases, against(name+"decoding", selection, decoding), survives(name+"NaN and infinities", strange))
	}
	return cases
}

// nearDense makes pairs of boxes of the last of 91 classes whose overlap is a
// half up to a few millionths, as near does for detections. With far there are
// further candidates, more than may be shifted.
func nearDense(s source, o op.DenseDetections, far bool) sample {
	const k, stride, h, w, last = 91, 8, 80, 800, 90
	o.Anchors = [][][4]float32{{{-32, -16, 32, 16}}}
	logits, deltas := empty(tensor.Float32, 1, k, h/stride, w/stride), empty(tensor.Float32, 1, 4, h/stride, w/stride)
	for i := range floats(logits) {
		floats(logits)[i] = -40
	}
	dx, n := plane(deltas, 0, 0), 0
	for y := 0; y < h/stride; y++ {
		for x := 0; x < w/stride; x++ {
			p, pair := y*(w/stride)+x, y%4 == 1 && x%12 > 3 && x%12 < 6 && x < 96
			switch {
			case pair:
				plane(logits, 0, last)[p] = 4 - float32(n)/64
				n++
				if x%12 == 5 { // a third of a width to the right of the other of the pair
					dx[p] = (64./3 - stride + float32(s.IntN(3)-1)/4096) / 64
				}
			case far:
				plane(logits, 0, 1)[p], plane(logits, 0, 2)[p] = -1-float32(p)/1024, -1-float32(p)/1024
			}
		}
	}
	image := empty(tensor.Float32, 1, 1, h, w)
	return one(&o, of([]float32{h, w}, 1, 2), image, logits, deltas)
}
