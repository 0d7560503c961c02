package kernels

import (
	"math"

	"github.com/argand-go/argand/nn/op"
)

// An axis is how one of an image is scaled: which samples each pixel lies
// between, and the second one's share. See [op.Between].
type axis struct {
	low, high []int
	share     []float32
}

// axis returns pixels from from on of an axis scaled from in pixels to out, as
// many as there are shares, in these and in the lane's scratch.
func (l *lane) axis(shares []float32, in, out, from int) axis {
	n := len(shares)
	places := l.ints(2 * n)
	a := axis{places[:n], places[n:], shares}
	for k := range n {
		a.low[k], a.high[k], a.share[k] = op.Between(from+k, in, out)
	}
	return a
}

// scale sets dst to a row scaled.
func (a axis) scale(dst, src []float32) {
	for x, share := range a.share {
		dst[x] = between(src[a.low[x]], src[a.high[x]], share)
	}
}

// between returns the number between a and b, of which b has a share.
func between(a, b, share float32) float32 {
	if share == 0 { // keeps an infinity next to a sample that is taken whole from becoming NaN
		return a
	}
	return fma32(a, 1-share, b*share)
}

// blend sets dst to the numbers between a and b, of which b has a share.
func blend(dst, a, b []float32, share float32) {
	if share == 0 {
		copy(dst, a)
		return
	}
	dst, b = dst[:len(a)], b[:len(a)]
	for i, v := range a { // fma32, which is too long to be inlined
		s := float64(v)*float64(1-share) + float64(b[i]*share)
		dst[i] = float32(s)
		if midpoint(s) {
			dst[i] = nudged(v, 1-share, b[i]*share)
		}
	}
}

// fma32 is a·b + c rounded once to float32. The product of two float32 is exact
// in float64; the sum may be rounded there, and rounding it again goes wrong only
// if the first rounding made it an exact midpoint. (Subnormal results have their
// midpoints elsewhere and may be one unit off.)
func fma32(a, b, c float32) float32 {
	s := float64(a)*float64(b) + float64(c)
	if midpoint(s) {
		return nudged(a, b, c)
	}
	return float32(s)
}

// midpoint reports whether s lies halfway between two float32: the bits that
// these lack are a one and zeros.
func midpoint(s float64) bool { return math.Float64bits(s)<<35 == 1<<63 }

// nudged is fma32 where the sum was rounded to a midpoint: it moves it by one bit
// toward what it lost, if it lost something.
func nudged(a, b, c float32) float32 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	back := s - p // TwoSum: lost is p + q − s, exactly
	lost := (p - (s - back)) + (q - back)
	switch {
	case lost > 0:
		s = math.Nextafter(s, math.Inf(1))
	case lost < 0:
		s = math.Nextafter(s, math.Inf(-1))
	}
	return float32(s)
}
