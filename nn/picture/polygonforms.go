package picture

import "slices"

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
		ring := one.joined()
		list[i] = make([]float64, 0, 2*len(ring))
		for _, q := range ring {
			list[i] = append(list[i], q[0], q[1])
		}
	}
	return list
}
