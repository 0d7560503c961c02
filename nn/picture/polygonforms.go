package picture

import (
	"cmp"
	"math"
	"slices"
)

// A MultiPolygon is a GeoJSON geometry (RFC 7946): for each region its outer ring and then its holes, each closed by a
// copy of its first point. Its coordinates are pixels of a picture, not degrees.
type MultiPolygon struct {
	Type        string      `json:"type"`        // Type is "MultiPolygon".
	Coordinates [][][]Point `json:"coordinates"` // Coordinates are points of rings of polygons.
}

// GeoJSON returns the polygons as a geometry of GeoJSON. It is a MultiPolygon whether there is one polygon or none or
// many.
func (p Polygons) GeoJSON() MultiPolygon {
	m := MultiPolygon{Type: "MultiPolygon", Coordinates: make([][][]Point, len(p))}
	for i, one := range p {
		rings := [][]Point{closed(one.Outer)}
		for _, h := range one.Holes {
			rings = append(rings, closed(h))
		}
		m.Coordinates[i] = rings
	}
	return m
}

func closed(ring []Point) []Point {
	return append(slices.Clone(ring), ring[:min(1, len(ring))]...)
}

// COCO returns the polygons as a segmentation of COCO's annotations: for each region the numbers x1, y1, x2, y2 and so
// on. COCO knows no holes, so that each hole is joined to the ring around it by a cut of no width, there and back, from
// its leftmost point to the left. Pycocotools and other programs that fill by the even-odd or by the nonzero rule leave
// the hole out, and see nothing of the cut.
func (p Polygons) COCO() [][]float64 {
	list := make([][]float64, len(p))
	for i, one := range p {
		ring := one.Outer
		for _, h := range fromTheLeft(one.Holes) {
			ring = join(ring, h)
		}
		list[i] = make([]float64, 0, 2*len(ring))
		for _, q := range ring {
			list[i] = append(list[i], q[0], q[1])
		}
	}
	return list
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

// join goes along ring to the place that is nearest to the left of the hole's first point, round the hole, and on.
func join(ring, hole []Point) []Point {
	from := hole[0]
	after, at := 0, ring[0] // if simplified rings have crossed and nothing is to the left
	nearest := math.Inf(-1)
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		if (a[1] <= from[1]) == (b[1] <= from[1]) {
			continue
		}
		if x := a[0] + (b[0]-a[0])*(from[1]-a[1])/(b[1]-a[1]); x <= from[0] && x > nearest {
			nearest, after, at = x, i, Point{x, from[1]}
		}
	}
	return slices.Concat(ring[:after+1], []Point{at}, hole, []Point{from, at}, ring[after+1:])
}
