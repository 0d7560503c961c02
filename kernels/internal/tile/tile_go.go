package tile

// portable returns the tier of plain Go, which every machine can run.
func portable() Tier {
	return Tier{
		Name:   "go",
		Tiles:  []Tile{{"tile_4x4_go", 4, 4, []func(*Args){tile4x4, tile4x4, tile4x4, tile4x4}}},
		GFLOPS: 5,
		Vectors: Vectors{
			Max: maxGo, Add: addGo, Mul: mulGo, Blend: blendGo, DepthRun: depthRunGo, Norm: normGo, Softmax: softmaxGo,
			Depth: func(d *Depth) { depthFrom(d, 0) },
			F2:    Winograd{func(p *Patch) { patch2From(p, 0) }, func(q *Quad) { quad2From(q, 0) }},
			F4:    Winograd{func(p *Patch) { patchFrom(p, 0) }, func(q *Quad) { quadFrom(q, 0) }},
			Acts:  actsGo(),
		},
	}
}

// tile4x4 does two rows at a time: their 8 sums, 4 weights and 2 activations
// stay in the 15 registers that Go's compiler has for floats on amd64.
func tile4x4(t *Args) {
	for i := 0; i < t.Rows; i += 2 {
		j := min(i+1, t.Rows-1) // a single last row is computed twice
		s := start(t, i, j)
		b := t.B
		for tap := range t.Taps {
			at := t.AOff[tap*t.Rows:]
			a0, a1 := t.A[at[i]:], t.A[at[j]:]
			s = multiply(s, a0[:t.K], a1[:t.K], b[:4*t.K])
			b = b[4*t.K:]
		}
		finish(t, i, s[:4])
		if j > i {
			finish(t, j, s[4:])
		}
	}
}

// start returns what the sums of rows i and j begin with.
func start(t *Args, i, j int) (s [8]float32) {
	if t.Load != 0 {
		copy(s[:t.Cols], t.C[t.COff[i]:])
		copy(s[4:4+t.Cols], t.C[t.COff[j]:])
	}
	return s
}

// multiply adds to s two rows of activations times the weights [len(a0)][4].
func multiply(s [8]float32, a0, a1, b []float32) [8]float32 {
	s0, s1, s2, s3, s4, s5, s6, s7 := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	a1 = a1[:len(a0)]
	for k, x := range a0 {
		y := a1[k]
		w := b[:4:4]
		b = b[4:]
		w0, w1, w2, w3 := w[0], w[1], w[2], w[3]
		s0 += x * w0
		s1 += x * w1
		s2 += x * w2
		s3 += x * w3
		s4 += y * w0
		s5 += y * w1
		s6 += y * w2
		s7 += y * w3
	}
	return [8]float32{s0, s1, s2, s3, s4, s5, s6, s7}
}

// finish stores one row of sums.
func finish(t *Args, row int, s []float32) {
	s = s[:t.Cols]
	if t.Bias != nil {
		for j := range s {
			s[j] += t.Bias[j]
		}
	}
	if t.R != nil {
		for j, r := range t.R[t.ROff[row]:][:t.Cols] {
			s[j] += r
		}
	}
	if t.ReLU != 0 {
		for j, v := range s {
			if v < 0 { // false for NaN, which stays
				s[j] = 0
			}
		}
	}
	copy(t.C[t.COff[row]:][:t.Cols], s)
}

func maxGo(dst, x []float32) {
	for i, v := range x[:len(dst)] {
		if !(v <= dst[i]) && dst[i] == dst[i] { // greater, or NaN; a NaN stays
			dst[i] = v
		}
	}
}

func addGo(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] + y[i]
	}
}

func mulGo(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

func blendGo(dst []float32, s *Samples) { blendFrom(dst, s, 0) }

// blendFrom computes channels from, from+1, ….
func blendFrom(dst []float32, s *Samples, from int) {
	clear(dst[from:])
	for p, at := range s.Off {
		w, x := s.W[p], s.X[at:][:len(dst)]
		for i := from; i < len(dst); i++ {
			dst[i] += w * x[i]
		}
	}
}
