package picture

import (
	"fmt"
	"image"
	"math"
	"slices"
)

// maxOutline bounds the work for polygons of a few bytes: their outlines' length in fifths of a pixel.
const maxOutline = 1 << 28

// NewBitmapFromCOCO returns the pixels of a w×h picture that a segmentation of COCO's annotations covers: polygons of
// numbers x1, y1, x2, y2 and so on, of which a pixel need only be in one. They are the same, bit by bit, as
// pycocotools' frPyObjects and merge make them. It returns an error if a polygon has fewer than three points or an
// odd number of numbers, if a number is not finite, or if the picture or the polygons are too large.
func NewBitmapFromCOCO(w, h int, polygons [][]float64) (*Bitmap, error) {
	if err := (RLE{H: h, W: w}).checkSize(); err != nil {
		return nil, err
	}
	var parts [][]int // runs: a bitmap of each would take more memory than all of them together
	var bounds image.Rectangle
	work := 0
	for i, p := range polygons {
		if len(p) < 6 || len(p)%2 != 0 {
			return nil, fmt.Errorf("picture: polygon %d has %d numbers, not at least 3 pairs", i, len(p))
		}
		grid := make([]gridPoint, len(p)/2)
		for k := range grid {
			var err error
			if grid[k], err = onGrid(p[2*k], p[2*k+1]); err != nil {
				return nil, fmt.Errorf("picture: polygon %d, point %d: %w", i, k, err)
			}
		}
		for k, a := range grid {
			b := grid[(k+1)%len(grid)]
			work += max(absolute(a.x-b.x), absolute(a.y-b.y))
		}
		if work > maxOutline {
			return nil, fmt.Errorf("picture: polygon %d: its outline is too long", i)
		}
		part := runsInside(grid, w, h)
		parts, bounds = append(parts, part), bounds.Union(boundsOf(part, h))
	}
	all := newBitmap(bounds, w, h)
	for _, part := range parts {
		all.setRuns(part)
	}
	return all, nil
}

// A gridPoint is a point in fifths of a pixel: COCO's rasteriser has five lines of its grid per pixel.
type gridPoint struct{ x, y int }

const perPixel = 5

func onGrid(x, y float64) (p gridPoint, err error) {
	const far = 1 << 20
	if !(math.Abs(x) <= far && math.Abs(y) <= far) {
		return p, fmt.Errorf("(%v, %v) is not within ±%d", x, y, far)
	}
	return gridPoint{int(float64(perPixel*x) + 0.5), int(float64(perPixel*y) + 0.5)}, nil
}

func absolute(v int) int { return max(v, -v) }

// runsInside returns the runs of the pixels inside a polygon. Its outline is drawn on the grid; whenever it steps over
// the middle of a column of pixels, everything below in that column, and in the columns after it, changes from outside
// to inside or back.
func runsInside(ring []gridPoint, w, h int) []int {
	var changes []int
	last := ring[0]
	visit := func(p gridPoint) {
		x, y, same := p.x, min(p.y, last.y), p.x == last.x
		if p.x > last.x {
			x--
		}
		last = p
		if same || x%perPixel != perPixel/2 || x < 0 || x/perPixel >= w {
			return
		}
		row := min(max(math.Ceil((float64(y)+0.5)/perPixel-0.5), 0), float64(h))
		changes = append(changes, x/perPixel*h+int(row))
	}
	for i, a := range ring {
		along(a, ring[(i+1)%len(ring)], visit)
	}
	slices.Sort(changes)
	var runs []int
	at := 0
	for _, c := range append(changes, w*h) {
		runs = append(runs, c-at)
		at = c
	}
	return runs
}

// along visits the points of the grid from a to b, one per column or per row, whichever are more. The points are the
// same in both directions.
func along(a, b gridPoint, visit func(gridPoint)) {
	dx, dy := absolute(b.x-a.x), absolute(b.y-a.y)
	n, steep := max(dx, dy), dx < dy
	from, to := a, b
	turned := !steep && a.x > b.x || steep && a.y > b.y
	if turned {
		from, to = b, a
	}
	for d := range n + 1 {
		t := d
		if turned {
			t = n - d
		}
		switch {
		case n == 0:
			visit(a)
		case steep:
			slope := float64(to.x-from.x) / float64(n)
			visit(gridPoint{int(float64(from.x) + float64(slope*float64(t)) + 0.5), from.y + t})
		default:
			slope := float64(to.y-from.y) / float64(n)
			visit(gridPoint{from.x + t, int(float64(from.y) + float64(slope*float64(t)) + 0.5)})
		}
	}
}
