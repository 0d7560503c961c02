package kernels

import (
	"math"
	"slices"
	"unsafe"

	"github.com/argand-go/argand/nn/op"
)

// dense is what the two steps of DenseDetections share. A picture of 800×1216
// has 16 million logits: the first step looks through them on all threads, chunk
// by chunk, and notes the best of each; the second goes on with those.
type dense struct {
	*op.DenseDetections
	sizes                   *value
	height, width           int      // of the padded image
	logits, deltas, centers []*value // per level: (N, A·K, h, w), (N, 4A, h, w) and, with Centerness, (N, A, h, w)
	objects
	chunks   []chunk
	noted    *value // of each picture: keys that the chunks have noted
	numbers  *value // of each picture: how many, chunk by chunk
	places   int    // for noted keys per picture
	scratch  *value // candidates of each picture
	capacity int    // candidates per picture
}

// A chunk is some pixels of a level, and where it notes keys.
type chunk struct{ level, first, end, at, most int }

// chunkLogits is how many logits a chunk has, a tenth of a millisecond's work.
// It is no function of threads: neither are results.
const chunkLogits = 1 << 18

func (p *planner) denseDetections(n *op.Node, o *op.DenseDetections) {
	levels := len(o.Anchors)
	k := &dense{DenseDetections: o, sizes: p.read(n, 0), objects: p.objects(n)}
	image := p.specs[n.In[1]].Shape
	k.height, k.width = image[2], image[3]
	for l := range levels {
		x := p.read(n, 2+l)
		k.logits, k.deltas = append(k.logits, x), append(k.deltas, p.read(n, 2+levels+l))
		if o.Centerness {
			k.centers = append(k.centers, p.read(n, 2+2*levels+l))
		}
		k.capacity += k.selected(l)
		per := max(1, chunkLogits/x.c)
		for first := 0; first < x.h*x.w; first += per {
			c := chunk{level: l, first: first, end: min(first+per, x.h*x.w), at: k.places}
			c.most = min(o.Candidates, (c.end-c.first)*x.c)
			k.chunks = append(k.chunks, c)
			k.places += c.most
		}
	}
	pictures := k.boxes.n
	k.noted = p.scratch(2 * pictures * k.places)
	k.numbers = p.scratch(pictures * len(k.chunks))
	k.scratch = p.scratch(pictures * candidateFloats(k.capacity, k.classes()))
	p.addStep(n, "", k.boxes, noting{k})
	p.program.steps[len(p.program.steps)-1].begins = true
	p.addStep(n, "", k.boxes, finding{k})
}

func (k *dense) classes() int { return k.logits[0].c / len(k.Anchors[0]) }

// selected returns how many scores of a level go on at most.
func (k *dense) selected(level int) int {
	x := k.logits[level]
	return min(k.Candidates, x.h*x.w*x.c)
}

// notes returns where the chunks of picture n note keys, and how many.
func (k *dense) notes(l *lane, n int) (keys []key, numbers []int32) {
	mem := l.f32(k.noted)[2*n*k.places:][:2*k.places]
	counts := l.f32(k.numbers)[n*len(k.chunks):][:len(k.chunks)]
	return unsafe.Slice((*key)(unsafe.Pointer(unsafe.SliceData(mem))), k.places), intsOf(counts)
}

// noting looks for the best scores; its items are chunks of pictures.
type noting struct{ *dense }

func (k noting) items(rows int) int { return rows * len(k.chunks) }

func (k noting) do(l *lane, _, i int) {
	n, c := i/len(k.chunks), k.chunks[i%len(k.chunks)]
	keys, numbers := k.notes(l, n)
	top := topK(keys[c.at : c.at : c.at+c.most])
	least := float32(k.ScoreThreshold)
	x, centers, run := k.logits[c.level], []float32(nil), k.logits[c.level].c // logits of a run have one centerness
	if k.Centerness {
		run = k.classes()
	}
	for p := c.first; p < c.end; p++ {
		logits := l.mem[x.at(n, 0, 0)+p*x.stride:][:x.c]
		if k.Centerness {
			m := k.centers[c.level]
			centers = l.mem[m.at(n, 0, 0)+p*m.stride:][:m.c]
		}
		for at := 0; at < len(logits); at += run {
			center := float32(1)
			if k.Centerness {
				center = sigmoidOf(centers[at/run])
			}
			bar := k.bar(least, center)
			for j, logit := range logits[at:][:run] {
				if !(logit > bar) {
					continue
				}
				if score := k.score(logit, center); score > least {
					top.push(keyOf(score, p*x.c+at+j))
				}
			}
			if len(top) > 0 && len(top) == cap(top) {
				least = top[0].score()
			}
		}
	}
	numbers[i%len(k.chunks)] = int32(len(top))
}

// score returns the score of a logit of an anchor, whose centerness is 1 without
// Centerness.
func (k *dense) score(logit, center float32) float32 {
	score := sigmoidOf(logit)
	if k.Centerness {
		score = float32(math.Sqrt(float64(float32(score * center))))
	}
	return score
}

// bar returns a logit of which and below which no score is greater than least,
// however the arithmetic of [dense.score] rounds: to compare with it is what
// most logits cost.
func (k *dense) bar(least, center float32) float32 {
	p := float64(least) // the probability that is too low
	if k.Centerness {
		p *= p / float64(center)
	}
	const slack = 1e-6 // ten times what rounding can amount to
	p *= 1 - slack
	switch {
	case least < 1e-9: // what there is below may have no full precision
		return float32(math.Inf(-1))
	case !(p < 1):
		return float32(math.Inf(1))
	}
	logit := math.Log(p / (1 - p))
	return float32(logit - slack*(1+math.Abs(logit)))
}

// finding makes objects of the best scores; its items are pictures.
type finding struct{ *dense }

func (k finding) items(rows int) int { return rows }

func (k finding) do(l *lane, _, n int) {
	size := candidateFloats(k.capacity, k.classes())
	c := candidatesIn(l.f32(k.scratch)[n*size:], k.capacity, k.classes())
	picture := l.f32(k.sizes)[n*k.sizes.stride:]
	keys, numbers := k.notes(l, n)
	for level := range k.logits {
		top := topK(c.keys[:0:k.selected(level)])
		for i, chunk := range k.chunks {
			if chunk.level == level {
				for _, key := range keys[chunk.at:][:numbers[i]] {
					top.push(key)
				}
			}
		}
		slices.Sort(top)
		for _, key := range top {
			b := k.boxOf(l, n, level, key.number()/k.classes()).clip(picture[0], picture[1])
			c.add(b, key.score(), key.number()%k.classes())
		}
	}
	k.store(l, n, &c, k.NMSThreshold)
}

// boxOf returns the box of an anchor of a level of picture n; anchors are in
// order of y, x, place.
func (k *dense) boxOf(l *lane, n, level, anchor int) box {
	x, d, places := k.logits[level], k.deltas[level], len(k.Anchors[level])
	p, a := anchor/places, anchor%places
	dx, dy := float32(p%x.w*(k.width/x.w)), float32(p/x.w*(k.height/x.h))
	b := box(k.Anchors[level][a])
	b = box{b[0] + dx, b[1] + dy, b[2] + dx, b[3] + dy}
	delta := [4]float32(l.mem[d.at(n, 0, 0)+p*d.stride+4*a:])
	if k.Centerness {
		return decodeSides(b, delta)
	}
	return decode(b, delta, [4]float32{1, 1, 1, 1})
}
