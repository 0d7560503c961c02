package kernels

import (
	"slices"
	"unsafe"

	"github.com/argand-go/argand/nn/op"
)

// candidates are scored boxes of several categories, of which the best are to
// be kept: non-maximum suppression, torchvision's batched_nms. Its memory is
// scratch in an arena.
type candidates struct {
	keys    []key // first, for their alignment; scratch
	boxes   []box
	scores  []float32
	class   []int32
	areas   []float32 // scratch, as are all below
	next    []int32
	first   []int32 // per category
	shifted []box
	kept    []int32
	n       int // candidates so far
}

// candidateFloats returns how much memory n candidates of some categories
// take: whole cache lines.
func candidateFloats(n, classes int) int {
	return (11*n + classes + 4*min(n, op.CoordinateTrick) + lineFloats - 1) &^ (lineFloats - 1)
}

// candidatesIn returns no candidates yet, with room for n in mem.
func candidatesIn(mem []float32, n, classes int) candidates {
	take := func(n int) []float32 {
		part := mem[:n:n]
		mem = mem[n:]
		return part
	}
	var c candidates
	c.keys = unsafe.Slice((*key)(unsafe.Pointer(unsafe.SliceData(take(2*n)))), n)
	c.boxes = boxesOf(take(4 * n))
	c.scores = take(n)
	c.class = intsOf(take(n))
	c.areas = take(n)
	c.next = intsOf(take(n))
	c.kept = intsOf(take(n))
	c.first = intsOf(take(classes))
	c.shifted = boxesOf(take(4 * min(n, op.CoordinateTrick)))
	return c
}

func intsOf(s []float32) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

func (c *candidates) add(b box, score float32, class int) {
	c.boxes[c.n], c.scores[c.n], c.class[c.n] = b, score, int32(class)
	c.n++
}

// best returns the numbers of the candidates kept, the best first, at most
// limit. Up to [op.CoordinateTrick] candidates are suppressed as one category,
// on boxes moved apart by category: as torchvision does, because the moved
// boxes are rounded and the choice shows near the threshold.
func (c *candidates) best(threshold float64, limit int) []int32 {
	if c.n > op.CoordinateTrick {
		return c.suppress(c.boxes[:c.n], c.class[:c.n], threshold, limit)
	}
	var far float32
	for i, b := range c.boxes[:c.n] {
		if m := max(b[0], b[1], b[2], b[3]); i == 0 || m > far {
			far = m
		}
	}
	for i, b := range c.boxes[:c.n] {
		shift := float32(float32(c.class[i]) * (far + 1))
		c.shifted[i] = box{b[0] + shift, b[1] + shift, b[2] + shift, b[3] + shift}
	}
	return c.suppress(c.shifted[:c.n], nil, threshold, limit)
}

// suppress goes through the boxes from the best score to the worst and keeps
// those that overlap no kept box of their category by more than the threshold.
// Without class all boxes are of one category. The quotient is float32, the
// comparison float64, as torchvision's.
//
// Going through all categories at once keeps the same boxes as one category
// after the other, and in the order asked for, so that it can stop early.
func (c *candidates) suppress(boxes []box, class []int32, threshold float64, limit int) []int32 {
	for i, b := range boxes {
		c.keys[i] = keyOf(c.scores[i], i)
		c.areas[i] = b.area()
	}
	slices.Sort(c.keys[:len(boxes)])
	for i := range c.first {
		c.first[i] = -1
	}
	none := int32(-1)
	kept := c.kept[:0]
	for _, k := range c.keys[:len(boxes)] {
		if len(kept) == limit {
			break
		}
		i := int32(k.number())
		first := &none // the list of kept boxes of the category
		if class != nil {
			first = &c.first[class[i]]
		}
		j := *first
		for j >= 0 && !(float64(overlap(boxes[j], boxes[i], c.areas[j], c.areas[i])) > threshold) {
			j = c.next[j]
		}
		if j < 0 {
			c.next[i], *first = *first, i
			kept = append(kept, i)
		}
	}
	return kept
}
