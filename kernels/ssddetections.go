package kernels

import (
	"slices"
	"unsafe"

	"github.com/argand-go/argand/nn/op"
)

// ssd is what the kernels of SSDDetections share. There are three, one after
// the other: the scores of all default boxes; the best of each class; and what
// is left of those in each picture.
type ssd struct {
	*op.SSDDetections
	sizes          *value
	image          [2]int   // height and width, padded
	logits, deltas []*value // per level: (N, A·K, h, w), (N, 4A, h, w)
	first          []int    // per level, and then of all: default boxes of a picture before it
	classes        int      // without the background
	capacity       int      // candidates of a class
	objects

	shares  *value // scores of every picture and class: numbers of default boxes
	best    *value // keys of the candidates of every picture and class, the best first
	found   *value // how many those are
	scratch *value // candidates of each picture, so many at a time
	room    int
}

func (p *planner) ssdDetections(n *op.Node, o *op.SSDDetections) {
	levels := len(o.DefaultBoxes)
	k := &ssd{SSDDetections: o, sizes: p.read(n, 0), first: []int{0}, objects: p.objects(n)}
	image := p.specs[n.In[1]].Shape
	k.image = [2]int{image[2], image[3]}
	pixels := 0
	for l, places := range o.DefaultBoxes {
		x := p.read(n, 2+l)
		k.logits, k.deltas = append(k.logits, x), append(k.deltas, p.read(n, 2+levels+l))
		k.first = append(k.first, k.first[l]+len(places)*x.h*x.w)
		k.classes = x.c/len(places) - 1
		pixels += x.h * x.w
	}
	k.capacity = min(o.Candidates, k.first[levels])
	of := k.boxes.n * k.classes
	k.shares = p.scratch(of * k.first[levels])
	k.best = p.scratch(2 * of * k.capacity)
	k.found = p.scratch(of)
	k.room = max(min(k.classes*k.capacity, op.CoordinateTrick), k.places(), k.classes)
	k.scratch = p.scratch(k.boxes.n * candidateFloats(k.room, k.classes+1))

	scoring := &ssdScoring{ssd: k, pixels: pixels}
	scoring.spans = spansOf(k.boxes.n*pixels, k.first[levels]/pixels*(k.classes+1))
	p.addStep(n, "", k.boxes, scoring)
	p.program.steps[len(p.program.steps)-1].begins = true
	p.addStep(n, "", k.boxes, &ssdRanking{k})
	p.program.steps[len(p.program.steps)-1].begins = true
	p.addStep(n, "", k.boxes, &ssdKeeping{k})
}

// row returns the scores of all default boxes of picture n for a class, 0 being
// the first after the background.
func (k *ssd) row(l *lane, n, class int) []float32 {
	boxes := k.first[len(k.logits)]
	return l.f32(k.shares)[(n*k.classes+class)*boxes:][:boxes]
}

// keys returns the room for the candidates of a class of picture n.
func (k *ssd) keys(l *lane, n, class int) []key {
	if k.capacity == 0 {
		return nil
	}
	room := l.f32(k.best)[2*(n*k.classes+class)*k.capacity:][:2*k.capacity]
	return unsafe.Slice((*key)(unsafe.Pointer(unsafe.SliceData(room))), k.capacity)
}

// ssdScoring makes scores of logits; its items are runs of pixels, of all levels
// of all pictures.
type ssdScoring struct {
	*ssd
	pixels int // of a picture
	spans  spans
}

func (k *ssdScoring) items(rows int) int { return k.spans.upTo(rows * k.pixels).items() }

func (k *ssdScoring) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows * k.pixels).of(i)
	for p := first; p < end; p++ {
		n, pixel, level := p/k.pixels, p%k.pixels, 0
		for pixel >= k.logits[level].h*k.logits[level].w {
			pixel -= k.logits[level].h * k.logits[level].w
			level++
		}
		x := k.logits[level]
		logits := l.mem[x.at(n, 0, 0)+pixel*x.stride:][:x.c]
		places := len(k.DefaultBoxes[level])
		for a := range places {
			k.score(l, logits[a*(k.classes+1):][:k.classes+1], n, k.first[level]+pixel*places+a)
		}
	}
}

// score writes the scores of one default box.
func (k *ssdScoring) score(l *lane, logits []float32, n, box int) {
	shares := l.floats(len(logits))
	copy(shares, logits)
	l.vectors.Softmax(shares, 1)
	boxes := k.first[len(k.logits)]
	for class, share := range shares[1:] { // 0 is the background
		l.f32(k.shares)[(n*k.classes+class)*boxes+box] = share
	}
}

// ssdRanking finds the best default boxes of each class; its items are classes of
// pictures.
type ssdRanking struct{ *ssd }

func (k *ssdRanking) items(rows int) int { return rows * k.classes }

func (k *ssdRanking) do(l *lane, _, i int) {
	n, class := i/k.classes, i%k.classes
	top := topK(k.keys(l, n, class)[:0])
	threshold := float32(k.ScoreThreshold)
	for box, score := range k.row(l, n, class) {
		if score > threshold {
			top.push(keyOf(score, box))
		}
	}
	slices.Sort(top)
	l.i32(k.found)[i] = int32(len(top))
}

// ssdKeeping decodes the candidates of a picture and keeps the best that do not
// overlap; its items are pictures.
type ssdKeeping struct{ *ssd }

func (k *ssdKeeping) items(rows int) int { return rows }

func (k *ssdKeeping) do(l *lane, _, n int) {
	size := candidateFloats(k.room, k.classes+1)
	c := candidatesIn(l.f32(k.scratch)[n*size:], k.room, k.classes+1)
	found, total := l.i32(k.found)[n*k.classes:][:k.classes], 0
	for _, f := range found {
		total += int(f)
	}
	if total > op.CoordinateTrick {
		k.write(l, n, &c, k.merge(l, &c, n, found))
		return
	}
	for class := range found {
		for _, key := range k.keys(l, n, class)[:found[class]] {
			c.add(k.decoded(l, n, key.number()), key.score(), class+1)
		}
	}
	k.store(l, n, &c, k.NMSThreshold)
}

// merge does what candidates.suppress does of many, class by class: it goes
// through the candidates of all classes from the best on, and keeps those that
// overlap no kept one of their class. Most are never decoded.
func (k *ssdKeeping) merge(l *lane, c *candidates, n int, found []int32) []int32 {
	heads := c.keys[:0] // of the best candidates left of every class, the least on top
	rank := l.ints(k.classes)
	for class := range found {
		rank[class], c.first[class] = 0, -1
		if found[class] > 0 {
			heads = append(heads, keyOf(k.keys(l, n, class)[0].score(), class))
		}
	}
	slices.Sort(heads)
	for len(heads) > 0 && c.n < k.places() {
		class := heads[0].number()
		keys := k.keys(l, n, class)[rank[class]:found[class]]
		b := k.decoded(l, n, keys[0].number())
		area, j := b.area(), c.first[class]
		for j >= 0 && !(float64(overlap(c.boxes[j], b, c.areas[j], area)) > k.NMSThreshold) {
			j = c.next[j]
		}
		if j < 0 {
			i := int32(c.n)
			c.kept[i], c.areas[i], c.next[i], c.first[class] = i, area, c.first[class], i
			c.add(b, keys[0].score(), class+1)
		}
		rank[class]++
		if len(keys) > 1 {
			heads[0] = keyOf(keys[1].score(), class)
		} else {
			heads[0], heads = heads[len(heads)-1], heads[:len(heads)-1]
		}
		settle(heads)
	}
	return c.kept[:c.n]
}

// settle moves the first key of a heap with the least on top to its place.
func settle(heap []key) {
	for i, child := 0, 1; child < len(heap); i, child = child, 2*child+1 {
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if heap[i] <= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
	}
}

// decoded returns default box number i of picture n, moved by its deltas and cut
// to the picture.
func (k *ssdKeeping) decoded(l *lane, n, i int) box {
	level := 0
	for i >= k.first[level+1] {
		level++
	}
	d, places := k.deltas[level], len(k.DefaultBoxes[level])
	pixel, a := (i-k.first[level])/places, (i-k.first[level])%places
	b := k.Box(level, a, pixel/d.w, pixel%d.w, [2]int{d.h, d.w}, k.image)
	delta := l.mem[d.at(n, 0, 0)+pixel*d.stride+4*a:]
	picture := l.f32(k.sizes)[n*k.sizes.stride:]
	return decode(b, [4]float32(delta[:4]), k.Weights).clip(picture[0], picture[1])
}
