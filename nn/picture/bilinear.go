package picture

import "math"

// ResizeBilinear resizes one float32 plane, src of sh×sw (H, W) into dst of dh×dw, as torch's
// interpolate(mode="bilinear", align_corners=False, antialias=False) does on the CPU. The slices must hold at least
// dh*dw and sh*sw values and must not overlap; an empty plane leaves dst as it is.
//
// The arithmetic is torch 1.13's, in every bit: with r = float32(in)/float32(out), output i reads position
// max(float64(r)*(i+0.5)-0.5, 0); the weights are float32; columns first, then rows, each fma(t0, 1-l, t1*l); an axis
// that keeps its size is copied. torch 2.15 computes the position in float32: results differ from it by up to 4e-5 of
// the range of neighbouring values for positions of about a thousand, by 3e-6 for a hundred.
func ResizeBilinear(dst []float32, dh, dw int, src []float32, sh, sw int) {
	if dh <= 0 || dw <= 0 || sh <= 0 || sw <= 0 {
		return
	}
	src = src[:sh*sw]
	columns := newTaps(sw, dw, 0, dw)
	rows := newTaps(sh, dh, 0, dh)
	source := newRowCache(dw, func(dst []float32, y int) { columns.apply(dst, src[y*sw:(y+1)*sw]) })
	for y := range rows {
		source.blend(dst[y*dw:(y+1)*dw], rows[y])
	}
}

// A tap says how one output sample is made: from input samples i0 and i1 with weights w0 and w1.
type tap struct {
	i0, i1 int32
	w0, w1 float32
}

type taps []tap

// newTaps returns the taps for outputs from … to-1 of an axis of in samples resized to out. It takes the part so that a
// mask can be pasted into a small picture from a box of any size.
func newTaps(in, out, from, to int) taps {
	t := make(taps, to-from)
	ratio := float64(float32(in) / float32(out))
	for k := range t {
		i := from + k
		if in == out {
			t[k] = tap{int32(i), int32(i), 1, 0}
			continue
		}
		at := max(float64(ratio*(float64(i)+0.5))-0.5, 0)
		i0 := min(int(at), in-1)
		l := float32(at - float64(i0))
		t[k] = tap{int32(i0), int32(min(i0+1, in-1)), 1 - l, l}
	}
	return t
}

// apply resizes one row.
func (t taps) apply(dst, src []float32) {
	dst = dst[:len(t)]
	for k := range t {
		c := &t[k]
		if c.w1 == 0 { // keeps an infinity next to a sample that is taken whole from becoming NaN
			dst[k] = src[c.i0]
			continue
		}
		dst[k] = fma32(src[c.i0], c.w0, src[c.i1]*c.w1)
	}
}

// A rowCache holds the last two source rows already resized in width: going down the rows, each is made once.
type rowCache struct {
	rows [2][]float32
	held [2]int
	fill func(dst []float32, y int)
}

func newRowCache(width int, fill func(dst []float32, y int)) *rowCache {
	rows := [2][]float32{make([]float32, width), make([]float32, width)}
	return &rowCache{rows: rows, held: [2]int{-1, -1}, fill: fill}
}

// row returns source row y; the other held row stays.
func (c *rowCache) row(y int) []float32 {
	slot := y & 1 // neighbours never share a slot
	if c.held[slot] != y {
		c.fill(c.rows[slot], y)
		c.held[slot] = y
	}
	return c.rows[slot]
}

// blend makes one output row of the two source rows that t names.
func (c *rowCache) blend(dst []float32, t tap) {
	top := c.row(int(t.i0))
	if t.w1 == 0 {
		copy(dst, top)
		return
	}
	bottom := c.row(int(t.i1))[:len(top)]
	dst = dst[:len(top)]
	for x, v := range top {
		dst[x] = fma32(v, t.w0, bottom[x]*t.w1)
	}
}

// fma32 is a*b + c rounded once to float32. The product of two float32 is exact in float64; the sum may be rounded
// there, and rounding it again to float32 goes wrong only if the first rounding made it an exact midpoint. (Subnormal
// results have their midpoints elsewhere and may be one unit off.)
func fma32(a, b, c float32) float32 {
	const below, midpoint = 1<<29 - 1, 1 << 28 // the bits of a float64 that a float32 lacks
	p := float64(a) * float64(b)
	s := p + float64(c)
	if math.Float64bits(s)&below == midpoint {
		return float32(nudge(s, p, float64(c)))
	}
	return float32(s)
}

// nudge moves s = round(p+c) by one bit toward what the sum lost, so that it is a midpoint only if p+c is.
func nudge(s, p, c float64) float64 {
	back := s - p // TwoSum: lost is p + c - s, exactly
	lost := (p - (s - back)) + (c - back)
	switch {
	case lost > 0:
		return math.Nextafter(s, math.Inf(1))
	case lost < 0:
		return math.Nextafter(s, math.Inf(-1))
	}
	return s
}
