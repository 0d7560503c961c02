package tile

// Winograd's minimal filtering F(4×4, 3×3) computes 4×4 output pixels of a 3×3
// convolution of stride 1 from a patch of 6×6 with 36 products per channel
// instead of 144 (Lavin and Gray, "Fast Algorithms for Convolutional Neural
// Networks", 2016):
//
//	Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A
//
// The polynomials are evaluated at 0, ±5/8, ±3/2 and ∞: all constants below
// are exact, and on 256 channels the error is half that of the usual 0, ±1,
// ±2, ∞ (1.3e-6 against 2.9e-6, direct 5.7e-7, relative L2).
const (
	p1, p2 = 0.625, 1.5       // the points
	q1, q2 = p1 * p1, p2 * p2 // their squares
	c1, c2 = p1 * q1, p2 * q2 // their cubes
	sum    = q1 + q2
	prod   = q1 * q2
)

// F(2×2, 3×3) computes 2×2 pixels from 4×4 with 16 products instead of 36, at
// 0, ±1 and ∞. Of the same network it needs less than half the transformed
// weights, and its sums are shorter, with half the error of the direct method.

// Filter returns U = G g Gᵀ times scale for the 3×3 filter g and 4 or 2 output
// pixels a side: 36 or 16 numbers, the first of u.
func Filter(m int, g [9]float64, scale float64) (u [36]float64) {
	n := m + 2
	points := spread
	if m == 2 {
		points = spread2
	}
	var t [3][6]float64 // columns of G g
	for j := range 3 {
		t[j] = points(g[j], g[3+j], g[6+j])
	}
	for i := range n {
		r := points(scale*t[0][i], scale*t[1][i], scale*t[2][i])
		copy(u[n*i:], r[:n])
	}
	return u
}

// A Patch is the input of one tile: its transformation is V = Bᵀ d B.
//
// The assembly reads the fields by their place, which layout_amd64.go checks.
type Patch struct {
	X      []float32 // activations
	Off    []int     // [36], or [16] of F(2×2): where the channels of each pixel begin in X
	V      []float32 // frequency f of channel c is V[f·Stride+c]
	Stride int
	N      int // channels
	Ahead  int // how far after Off the next tile's pixels probably are, to fetch them early
	tmp    [36 * 8]float32
}

// A Quad is the output of one tile, Aᵀ M A with the epilogue. Pixels whose
// YOff is negative are outside the image.
//
// The assembly reads the fields by their place, which layout_amd64.go checks.
type Quad struct {
	M      []float32 // frequency f of channel c is M[f·Stride+c]
	Stride int
	N      int       // channels
	Bias   []float32 // [N]
	R      []float32 // residual to add, nil for none
	ROff   []int     // [16], or [4]
	Y      []float32 // results
	YOff   []int     // [16], or [4]: where the channels of each pixel begin in Y
	ReLU   int       // 1 to store max(y, 0)
	Ahead  int       // how far after YOff the next tile's pixels probably are
	tmp    [24 * 8]float32
}

// spread multiplies G by a column: the polynomial's values at the points, each
// divided by the point's distances from the others.
func spread(g0, g1, g2 float64) [6]float64 {
	const n0, n1, n2 = 1 / (q1 * q2), 1 / (2 * q1 * (q1 - q2)), 1 / (2 * q2 * (q2 - q1))
	even1, even2 := n1*(g0+q1*g2), n2*(g0+q2*g2)
	odd1, odd2 := n1*p1*g1, n2*p2*g1
	return [6]float64{n0 * g0, even1 + odd1, even1 - odd1, even2 + odd2, even2 - odd2, g2}
}

// patchFrom transforms channels from, from+1, … of a patch.
func patchFrom(p *Patch, from int) {
	for c := from; c < p.N; c++ {
		var t [36]float32
		for j := range 6 {
			o := p.Off[j:]
			t[j], t[6+j], t[12+j], t[18+j], t[24+j], t[30+j] = evaluate(
				p.X[o[0]+c], p.X[o[6]+c], p.X[o[12]+c], p.X[o[18]+c], p.X[o[24]+c], p.X[o[30]+c])
		}
		for i := range 6 {
			r := t[6*i : 6*i+6 : 6*i+6]
			r[0], r[1], r[2], r[3], r[4], r[5] = evaluate(r[0], r[1], r[2], r[3], r[4], r[5])
		}
		for f, v := range t {
			p.V[f*p.Stride+c] = v
		}
	}
}

// evaluate multiplies Bᵀ by a column.
func evaluate(d0, d1, d2, d3, d4, d5 float32) (v0, v1, v2, v3, v4, v5 float32) {
	even, odd := d4-q2*d2, p1*(d3-q2*d1)
	v1, v2 = even+odd, even-odd
	even, odd = d4-q1*d2, p2*(d3-q1*d1)
	v3, v4 = even+odd, even-odd
	return prod*d0 + (d4 - sum*d2), v1, v2, v3, v4, prod*d1 + (d5 - sum*d3)
}

// quadFrom transforms channels from, from+1, … of a tile back.
func quadFrom(q *Quad, from int) {
	for c := from; c < q.N; c++ {
		var t [24]float32
		for j := range 6 {
			at := j*q.Stride + c
			t[j], t[6+j], t[12+j], t[18+j] = interpolate(q.M[at], q.M[at+6*q.Stride], q.M[at+12*q.Stride],
				q.M[at+18*q.Stride], q.M[at+24*q.Stride], q.M[at+30*q.Stride])
		}
		for i := range 4 {
			r := t[6*i : 6*i+6 : 6*i+6]
			var y [4]float32
			y[0], y[1], y[2], y[3] = interpolate(r[0], r[1], r[2], r[3], r[4], r[5])
			for j, v := range y {
				q.store(4*i+j, c, v)
			}
		}
	}
}

// interpolate multiplies Aᵀ by a column.
func interpolate(m0, m1, m2, m3, m4, m5 float32) (y0, y1, y2, y3 float32) {
	s1, d1, s2, d2 := m1+m2, m1-m2, m3+m4, m3-m4
	return m0 + s1 + s2, p1*d1 + p2*d2, q1*s1 + q2*s2, c1*d1 + c2*d2 + m5
}
