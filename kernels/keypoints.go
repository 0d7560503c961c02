package kernels

import (
	"math"

	"github.com/argand-go/argand/nn/op"
)

// A locating is the kernel of Keypoints; its items are places for objects.
//
// A box of a person has far more pixels than its heat map, and all but a few of
// them cannot be the hottest. So a map is divided into cells, the pixels that
// are means of the same 4×4 samples, and only cells are looked into whose
// samples allow as much as is found already.
type locating struct {
	scale                    int
	maps, boxes, counts, out *value
}

func (p *planner) keypoints(n *op.Node, o *op.Keypoints) {
	k := &locating{o.Scale, p.read(n, 0), p.read(n, 1), p.read(n, 2), p.write(n, 0)}
	p.addStep(n, "", k.out, k)
}

func (k *locating) items(rows int) int { return rows * k.out.c }

func (k *locating) do(l *lane, _, i int) {
	places := k.out.c
	n, d := i/places, i%places
	set := func(kind int, x, y, score float32) {
		for j, v := range [3]float32{x, y, score} {
			l.mem[k.out.at(n, kind, j)+d] = v
		}
	}
	kinds, counts := k.out.h, l.i32(k.counts)
	b := l.boxes(k.boxes)[i]
	w, columns, okX := op.HeatSide(b[0], b[2])
	h, lines, okY := op.HeatSide(b[1], b[3])
	if d >= place(counts[n], places) || !okX || !okY {
		for kind := range kinds {
			set(kind, 0, 0, 0)
		}
		return
	}
	row := d
	for _, c := range counts[:n] {
		row += place(c, places)
	}
	heat := k.heatIn(l, columns, lines)
	stepX, stepY := w/float32(columns), h/float32(lines)
	for kind := range kinds {
		k.enlarge(l, &heat, row, kind)
		heat.find()
		x, y := float32(heat.at%columns)+0.5, float32(heat.at/columns)+0.5
		set(kind, float32(x*stepX)+b[0], float32(y*stepY)+b[1], heat.best)
	}
}

// enlarge sets the map of h to one of an object's, scaled bilinearly.
func (k *locating) enlarge(l *lane, h *heatMap, row, kind int) {
	size := k.maps.h
	for y := range size {
		for x := range size {
			h.small[x] = l.mem[k.maps.at(row, y, x)+kind]
		}
		h.larger.scale(h.wide[y*h.side:][:h.side], h.small)
	}
	for y, share := range h.larger.share {
		above, below := h.wide[h.larger.low[y]*h.side:], h.wide[h.larger.high[y]*h.side:]
		blend(h.m[y*h.side:][:h.side], above[:h.side], below, share)
	}
}

// A heatMap is a square map m that is scaled cubically to the pixels of a box,
// and the hottest of these that is known.
type heatMap struct {
	m             []float32
	side          int
	larger        axis      // how m is made of
	small, wide   []float32 // a row of what the network gives, and all its rows scaled
	x, y          cubicAxis
	high, low     []float32 // per row of m and cell of x: bounds of the row scaled
	bounds        []float32 // per cell of y and of x: what no number of it exceeds
	scaled        []float32 // four rows of a cell
	best          float32
	at            int // the pixel of best, row by row
	width, height int // of the box
}

// A cubicAxis is how one axis of a heat map is scaled.
type cubicAxis struct {
	weights []float32 // four per pixel
	first   []int     // per cell: the first of its samples
	begin   []int     // per cell, and the end of the last: its first pixel
}

// heatIn returns the map of a box of so many pixels, in scratch of the lane.
func (k *locating) heatIn(l *lane, width, height int) heatMap {
	size := k.maps.h
	side := size * k.scale
	across, down := min(side+1, width), min(side+1, height) // cells, at most
	ints := l.ints(2*(across+down+side) + 2)
	floats := l.floats(8*width + 4*height + side*(side+2*across+size+1) + size + across*down)
	cutInts := func(n int) (s []int) { s, ints = ints[:n:n], ints[n:]; return s }
	cut := func(n int) (s []float32) { s, floats = floats[:n:n], floats[n:]; return s }
	h := heatMap{
		m: cut(side * side), side: side, width: width, height: height,
		larger: axis{cutInts(side), cutInts(side), cut(side)},
		small:  cut(size),
		wide:   cut(size * side),
		x:      cubicAxis{cut(4 * width), cutInts(across), cutInts(across + 1)},
		y:      cubicAxis{cut(4 * height), cutInts(down), cutInts(down + 1)},
		high:   cut(side * across),
		low:    cut(side * across),
		bounds: cut(across * down),
		scaled: cut(4 * width),
	}
	for i := range side {
		h.larger.low[i], h.larger.high[i], h.larger.share[i] = op.Between(i, size, side)
	}
	h.x.fill(side, width)
	h.y.fill(side, height)
	return h
}

// fill makes the axis that scales side samples to pixels.
func (a *cubicAxis) fill(side, pixels int) {
	cells := 0
	for i := range pixels {
		first, weights := op.Cubic(i, side, pixels)
		copy(a.weights[4*i:], weights[:])
		if cells == 0 || a.first[cells-1] != first {
			a.first[cells], a.begin[cells] = first, i
			cells++
		}
	}
	a.first, a.begin = a.first[:cells], a.begin[:cells+1]
	a.begin[cells] = pixels
}

// find sets best and at to the hottest pixel, the first of equals.
func (h *heatMap) find() {
	h.bound()
	hottest := 0
	for i, b := range h.bounds[:len(h.y.first)*len(h.x.first)] {
		if b > h.bounds[hottest] {
			hottest = i
		}
	}
	h.best, h.at = float32(math.Inf(-1)), 0
	columns := len(h.x.first)
	h.look(hottest/columns, hottest%columns)
	for i := range h.y.first {
		for j := range h.x.first {
			if !(h.bounds[i*columns+j] < h.best) { // also for NaN
				h.look(i, j)
			}
		}
	}
}

// bound fills in the bounds of all cells. What arithmetic in float32 loses is
// less than the slack.
func (h *heatMap) bound() {
	columns := len(h.x.first)
	var most, odd float32
	for _, v := range h.m {
		most = max(most, v, -v)
		odd += v * 0
	}
	if odd != 0 { // there are infinities or NaNs, which may come from anywhere
		for i := range h.bounds {
			h.bounds[i] = float32(math.Inf(1))
		}
		return
	}
	slack := 1e-5 * most
	for r := range h.side {
		row := h.m[r*h.side:][:h.side]
		low, high := h.low[r*columns:][:columns], h.high[r*columns:][:columns]
		for j, first := range h.x.first {
			a, b, c, d := h.around(first)
			high[j] = atMost(max(row[b], row[c]), min(row[a], row[d]))
			low[j] = -atMost(-min(row[b], row[c]), -max(row[a], row[d]))
		}
	}
	for i, first := range h.y.first {
		a, b, c, d := h.around(first)
		for j := range columns {
			inner := max(h.high[b*columns+j], h.high[c*columns+j])
			outer := min(h.low[a*columns+j], h.low[d*columns+j])
			h.bounds[i*columns+j] = atMost(inner, outer) + slack
		}
	}
}

// atMost returns what no cubic mean of four samples exceeds, from the greater of
// the inner two and the lesser of the outer two: the weights of these are
// negative, and −3/4·t·(1−t) together.
func atMost(inner, outer float32) float32 { return inner + 3./16*max(inner-outer, 0) }

// around returns the indices of four samples, held within the map.
func (h *heatMap) around(first int) (a, b, c, d int) {
	last := h.side - 1
	return min(max(first, 0), last), min(max(first+1, 0), last), min(max(first+2, 0), last), min(max(first+3, 0), last)
}

// look compares the pixels of a cell with the best.
func (h *heatMap) look(i, j int) {
	from, end := h.x.begin[j], h.x.begin[j+1]
	width := end - from
	a, b, c, d := h.around(h.x.first[j])
	p, q, r, s := h.around(h.y.first[i])
	for k, y := range [4]int{p, q, r, s} {
		row, dst := h.m[y*h.side:][:h.side], h.scaled[k*width:][:width]
		for x := range dst {
			dst[x] = cubic(row[a], row[b], row[c], row[d], h.x.weights[4*(from+x):])
		}
	}
	above, upper, lower, below := h.scaled[:width], h.scaled[width:], h.scaled[2*width:], h.scaled[3*width:]
	for y := h.y.begin[i]; y < h.y.begin[i+1]; y++ {
		for x := range above {
			v := cubic(above[x], upper[x], lower[x], below[x], h.y.weights[4*y:])
			if !(v < h.best) {
				h.offer(v, y*h.width+from+x)
			}
		}
	}
}

// offer takes the number of a pixel if it is greater than the best, or as great
// and earlier. A NaN is greater than any number.
func (h *heatMap) offer(v float32, at int) {
	if v > h.best || v != v && h.best == h.best || (v == h.best || v != v) && at < h.at {
		h.best, h.at = v, at
	}
}

// cubic is the weighted sum of four samples, rounded as [op.Keypoints] says.
func cubic(a, b, c, d float32, weights []float32) float32 {
	_ = weights[3]
	return fma32(d, weights[3], fma32(c, weights[2], fma32(a, weights[0], float32(b*weights[1]))))
}
