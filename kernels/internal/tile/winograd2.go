package tile

// spread2 multiplies G of F(2×2, 3×3) by a column.
func spread2(g0, g1, g2 float64) [6]float64 {
	return [6]float64{g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2}
}

// patch2From transforms channels from, from+1, … of a patch of 4×4 pixels.
func patch2From(p *Patch, from int) {
	for c := from; c < p.N; c++ {
		var t [16]float32
		for j := range 4 {
			o := p.Off[j:]
			t[j], t[4+j], t[8+j], t[12+j] = evaluate2(p.X[o[0]+c], p.X[o[4]+c], p.X[o[8]+c], p.X[o[12]+c])
		}
		for i := range 4 {
			v := p.V[4*i*p.Stride+c:]
			v[0], v[p.Stride], v[2*p.Stride], v[3*p.Stride] = evaluate2(t[4*i], t[4*i+1], t[4*i+2], t[4*i+3])
		}
	}
}

// evaluate2 multiplies Bᵀ by a column.
func evaluate2(d0, d1, d2, d3 float32) (v0, v1, v2, v3 float32) {
	return d0 - d2, d1 + d2, d2 - d1, d1 - d3
}

// quad2From transforms channels from, from+1, … of a tile of 2×2 pixels back.
func quad2From(q *Quad, from int) {
	for c := from; c < q.N; c++ {
		var t [8]float32
		for j := range 4 {
			at := j*q.Stride + c
			t[j], t[4+j] = interpolate2(q.M[at], q.M[at+4*q.Stride], q.M[at+8*q.Stride], q.M[at+12*q.Stride])
		}
		for i := range 2 {
			var y [2]float32
			y[0], y[1] = interpolate2(t[4*i], t[4*i+1], t[4*i+2], t[4*i+3])
			for j, v := range y {
				q.store(2*i+j, c, v)
			}
		}
	}
}

// interpolate2 multiplies Aᵀ by a column.
func interpolate2(m0, m1, m2, m3 float32) (y0, y1 float32) { return m0 + (m1 + m2), m1 - m2 - m3 }

// store stores channel c of a pixel with the epilogue, if it is in the image.
func (q *Quad) store(pixel, c int, v float32) {
	if q.YOff[pixel] < 0 {
		return
	}
	v += q.Bias[c]
	if q.R != nil {
		v += q.R[q.ROff[pixel]+c]
	}
	if q.ReLU != 0 && v < 0 { // false for NaN, which stays
		v = 0
	}
	q.Y[q.YOff[pixel]+c] = v
}
