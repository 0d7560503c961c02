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
		Mul: func(dst, x, y []float32) {
			x, y = x[:len(dst)], y[:len(dst)]
			n := len(dst) &^ 7
			if n > 0 {
				mulAVX2(&dst[0], &x[0], &y[0], n)
			}
			mulGo(dst[n:], x[n:], y[n:])
		},
		Blend: func(dst []float32, s *Samples) {
			n := len(dst) &^ 7
			if n > 0 {
				blendAVX2(&dst[0], &s.X[0], &s.Off[0], &s.W[0], len(s.Off), n)
			}
			blendFrom(dst, s, n)
		},
		Norm: func(dst, x, gamma, beta []float32, eps float32) {
			x, gamma, beta = x[:len(dst)], gamma[:len(dst)], beta[:len(dst)]
			normAVX2(&dst[0], &x[0], &gamma[0], &beta[0], len(dst), eps)
		},
		Softmax: func(x []float32, scale float32) { softmaxAVX2(&x[0], len(x), scale) },
		Depth: func(d *Depth) {
			n := len(d.Y) &^ 7
			if n > 0 {
				depthAVX2(d, n)
			}
			depthFrom(d, n)
		},
		DepthRun: func(d *DepthRun, k int) {
			n := d.N &^ 7
			switch {
			case n == 0:
			case k == 3:
				depthRun3AVX2(d, n)
			case k == 5:
				depthRun5AVX2(d, n)
			case k == 7:
				depthRun7AVX2(d, n)
			default:
				n = 0
			}
			depthRunFrom(d, k, n)
		},
		F2: Winograd{
			func(p *Patch) { over(p, p.N, 8, patch2AVX2, nil, patch2From) },
			func(q *Quad) { over(q, q.N, 8, quad2AVX2, nil, quad2From) },
		},
		F4: Winograd{
			func(p *Patch) { over(p, p.N, 8, patchAVX2, nil, patchFrom) },
			func(q *Quad) { over(q, q.N, 8, quadAVX2, nil, quadFrom) },
		},
		Acts: Acts{
			ReLU: rows(reluAVX2), Sigmoid: rows(sigmoidAVX2), SiLU: rows(siluAVX2),
			HardSwish: rows(hardswishAVX2), HardSigmoid: rows(hardsigmoidAVX2), ReLU6: rows(relu6AVX2),
			GELU: rows(geluAVX2),
		},
	}
}

func rows(act func(dst, x *float32, off *int, rows, n int)) Rows {
	return func(dst, x []float32, off []int, n int) {
		if len(off) > 0 && n > 0 {
			act(&dst[0], &x[0], &off[0], len(off), n)
		}
	}
}

// vectorsAVX512 are those loops of [vectorsAVX2] for which more registers, or
// wider ones, are faster.
func vectorsAVX512() Vectors {
	v := vectorsAVX2()
	v.GELU = rows(geluAVX512)
	v.F2 = Winograd{
		func(p *Patch) { over(p, p.N, 16, patch2AVX512, patch2AVX2, patch2From) },
		func(q *Quad) { over(q, q.N, 16, quad2AVX512, quad2AVX2, quad2From) },
	}
	v.F4 = Winograd{
		func(p *Patch) { over(p, p.N, 16, patchAVX512, patchAVX2, patchFrom) },
		func(q *Quad) { over(q, q.N, 16, quadAVX512, quadAVX2, quadFrom) },
	}
	return v
}

// over does n channels: whole vectors of the given lanes, then 8 if half can
// and there are so many left, and the last few in Go.
func over[T any](x *T, n, lanes int, whole, half func(x *T, from, n int), last func(x *T, from int)) {
	at := n / lanes * lanes
	if at > 0 {
		whole(x, 0, at)
	}
	if half != nil && n-at >= 8 {
		half(x, at, 8)
		at += 8
	}
	last(x, at)
}
