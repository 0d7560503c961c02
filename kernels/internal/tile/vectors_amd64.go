//go:build !purego

package tile

// vectorsAVX2 are loops whose last few floats, up to 7, are left to Go.
func vectorsAVX2() Vectors {
	return Vectors{
		Max: func(dst, x []float32) {
			x = x[:len(dst)]
			n := len(dst) &^ 7
			if n > 0 {
				maxAVX2(&dst[0], &x[0], n)
			}
			maxGo(dst[n:], x[n:])
		},
		Add: func(dst, x, y []float32) {
			x, y = x[:len(dst)], y[:len(dst)]
			n := len(dst) &^ 7
			if n > 0 {
				addAVX2(&dst[0], &x[0], &y[0], n)
			}
			addGo(dst[n:], x[n:], y[n:])
		},
		Blend: func(dst []float32, s *Samples) {
			n := len(dst) &^ 7
			if n > 0 {
				blendAVX2(&dst[0], &s.X[0][:n][0], &s.X[1][:n][0], &s.X[2][:n][0], &s.X[3][:n][0], &s.W[0], n)
			}
			if n < len(dst) {
				rest := Samples{W: s.W}
				for i := range rest.X {
					rest.X[i] = s.X[i][n:]
				}
				blendGo(dst[n:], &rest)
			}
		},
		Patch: func(p *Patch) {
			n := p.N &^ 7
			if n > 0 {
				patchAVX2(p, 0, n)
			}
			patchFrom(p, n)
		},
		Quad: func(q *Quad) {
			n := q.N &^ 7
			if n > 0 {
				quadAVX2(q, 0, n)
			}
			quadFrom(q, n)
		},
	}
}

// vectorsAVX512 are those loops of [vectorsAVX2] for which more registers, or
// wider ones, are faster. They take as many channels as are whole vectors, the
// loops of AVX2 the next 8, and Go the last few.
func vectorsAVX512() Vectors {
	v := vectorsAVX2()
	v.Patch = func(p *Patch) {
		wide, n := p.N&^15, p.N&^7
		if wide > 0 {
			patchAVX512(p, 0, wide)
		}
		if n > wide {
			patchAVX2(p, wide, 8)
		}
		patchFrom(p, n)
	}
	v.Quad = func(q *Quad) {
		wide, n := q.N&^15, q.N&^7
		if wide > 0 {
			quadAVX512(q, 0, wide)
		}
		if n > wide {
			quadAVX2(q, wide, 8)
		}
		quadFrom(q, n)
	}
	return v
}
