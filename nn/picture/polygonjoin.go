package picture

import (
	"cmp"
	"math"
	"slices"
)

// joined returns the outer ring with each hole joined to it by a cut.
func (p Polygon) joined() []Point {
	if len(p.Holes) == 0 {
		return p.Outer
	}
	o := outline{rows: map[int][]int{}}
	o.insert(0, 0, p.Outer...)
	for _, h := range fromTheLeft(p.Holes) {
		before, at := o.leftOf(h[0])
		o.insert(before, o.next[before], slices.Concat([]Point{at}, h, []Point{h[0], at})...)
	}
	ring := o.points[:1:1]
	for i := o.next[0]; i != 0; i = o.next[i] {
		ring = append(ring, o.points[i])
	}
	return ring
}

// fromTheLeft returns the rings, each beginning with its leftmost point, in the order of these, so that a cut from one
// to the left meets the outer ring or a ring that is joined to it already.
func fromTheLeft(rings [][]Point) [][]Point {
	var list [][]Point
	for _, r := range rings {
		at := 0
		for i, p := range r {
			if p[0] < r[at][0] {
				at = i
			}
		}
		list = append(list, slices.Concat(r[at:], r[:at]))
	}
	slices.SortStableFunc(list, func(a, b []Point) int { return cmp.Compare(a[0][0], b[0][0]) })
	return list
}

// An outline is a ring that grows. Noise has thousands of holes in one region: to find the place of a cut, only the
// edges in its row are looked at.
type outline struct {
	points []Point
	next   []int         // the places in points of what follows
	rows   map[int][]int // by whole y: points whose edges to the next reach that row, or did before they were cut
}

// insert puts points between two neighbours; the first points make a ring.
func (o *outline) insert(before, after int, points ...Point) {
	first := len(o.points)
	o.points = append(o.points, points...)
	for i := range points {
		o.next = append(o.next, first+i+1)
	}
	last := len(o.points) - 1
	o.next[last] = after
	if first > 0 {
		o.next[before] = first
	}
	for i := first; i <= last; i++ {
		a, b := o.points[i][1], o.points[o.next[i]][1]
		if a == b {
			continue
		}
		for row := int(math.Floor(min(a, b))); row <= int(math.Floor(max(a, b))); row++ {
			o.rows[row] = append(o.rows[row], i)
		}
	}
}

// leftOf returns the place of the outline that is nearest to the left of p, and the point before it.
func (o *outline) leftOf(p Point) (before int, at Point) {
	at = o.points[0] // if simplified rings have crossed and nothing is to the left
	nearest := math.Inf(-1)
	for _, i := range o.rows[int(math.Floor(p[1]))] {
		a, b := o.points[i], o.points[o.next[i]]
		if (a[1] <= p[1]) == (b[1] <= p[1]) {
			continue
		}
		if x := a[0] + (b[0]-a[0])*(p[1]-a[1])/(b[1]-a[1]); x <= p[0] && x > nearest {
			nearest, before, at = x, i, Point{x, p[1]}
		}
	}
	return before, at
}
