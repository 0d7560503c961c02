package picture

import (
	"image"
	"math"
)

// simplify leaves out points of a ring, whose new outline passes at most tolerance from each of the old. From half a
// pixel on, it first makes the lines of stairs, which takes up to half a pixel of the tolerance; Douglas and
// Peucker's method has the rest. (Of the stairs themselves it would choose corners of one side only, here inner,
// there outer ones: as many points for 40 pixels' round things then have an IoU of 0.988 instead of 1.) A ring that
// would collapse gets half the tolerance, and so on.
func simplify(ring []image.Point, tolerance float64) []Point {
	const leastStep = 0.01 // no two points of a grid of pixels are so near to a line and not on it that this matters
	ring = twice(ring)
	limit := 2 * min(max(tolerance, 0), math.MaxInt32) // NaN stays NaN, which keeps all points
	if tolerance >= 0.5 {
		ring = lineStairs(ring)
		limit--
	}
	for {
		s := douglasPeucker(ring, limit*limit)
		if len(s) >= 3 && (doubleArea(s) > 0) == (doubleArea(ring) > 0) || !(limit > leastStep) {
			return halves(s)
		}
		limit /= 2
	}
}

// lineStairs replaces the corners at edges of one pixel by the middles of their edges. Nothing moves by half a pixel or
// more, and no pixel's centre changes sides. The ring is in half pixels.
func lineStairs(ring []image.Point) []image.Point {
	n := len(ring)
	long := func(i int) bool { // whether the edge from point i is longer than a pixel
		d := ring[(i+1)%n].Sub(ring[i%n])
		return absolute(d.X+d.Y) > 2
	}
	stays := func(i int) bool { return long(i+n-1) && long(i) }
	var line []image.Point
	for i, p := range ring {
		if stays(i) {
			line = append(line, p)
		}
		if !stays(i) || !stays((i+1)%n) {
			line = append(line, p.Add(ring[(i+1)%n]).Div(2))
		}
	}
	return line
}

func twice(ring []image.Point) []image.Point {
	points := make([]image.Point, len(ring))
	for i, p := range ring {
		points[i] = p.Mul(2)
	}
	return points
}

func halves(ring []image.Point) []Point {
	points := make([]Point, len(ring))
	for i, p := range ring {
		points[i] = Point{float64(p.X) / 2, float64(p.Y) / 2}
	}
	return points
}

// douglasPeucker keeps the first point of the ring and the one furthest from it, and then from each line between two
// neighbours that are kept the point furthest from it, if its squared distance is above limit.
func douglasPeucker(ring []image.Point, limit float64) []image.Point {
	n := len(ring)
	far := 0
	for i, p := range ring {
		if d, e := p.Sub(ring[0]), ring[far].Sub(ring[0]); d.X*d.X+d.Y*d.Y > e.X*e.X+e.Y*e.Y {
			far = i
		}
	}
	keep := make([]bool, n+1)
	keep[0], keep[far] = true, true
	for open := [][2]int{{0, far}, {far, n}}; len(open) > 0; {
		span := open[len(open)-1]
		open = open[:len(open)-1]
		from, to, greatest, at := ring[span[0]], ring[span[1]%n], limit, 0
		for i := span[0] + 1; i < span[1]; i++ {
			if d := squaredDistance(ring[i], from, to); d > greatest {
				greatest, at = d, i
			}
		}
		if at > 0 {
			keep[at] = true
			open = append(open, [2]int{span[0], at}, [2]int{at, span[1]})
		}
	}
	var kept []image.Point
	for i, p := range ring {
		if keep[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// squaredDistance is from p to the nearest point between a and b.
func squaredDistance(p, a, b image.Point) float64 {
	d, v := b.Sub(a), p.Sub(a)
	dot, length := v.X*d.X+v.Y*d.Y, d.X*d.X+d.Y*d.Y
	switch {
	case dot <= 0:
		return float64(v.X*v.X + v.Y*v.Y)
	case dot >= length:
		v = p.Sub(b)
		return float64(v.X*v.X + v.Y*v.Y)
	}
	cross := float64(v.X*d.Y - v.Y*d.X)
	return cross * cross / float64(length)
}
