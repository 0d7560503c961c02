package tile

import (
	"iter"
	"math"
	"math/rand/v2"
	"testing"
)

// winograds are the transforms, by the output pixels a side.
func (v *Vectors) winograds() iter.Seq2[int, Winograd] {
	return func(yield func(int, Winograd) bool) { _ = yield(2, v.F2) && yield(4, v.F4) }
}

// TestWinogradIsAConvolution: transforming a patch, multiplying and
// transforming back is a 3×3 convolution, with its epilogue.
func TestWinogradIsAConvolution(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, tier := range runnable(t) {
		for m, w := range tier.winograds() {
			for n := range 51 {
				checkWinograd(t, tier.Name, r, w, m, n)
			}
		}
	}
}

func checkWinograd(t *testing.T, tier string, r *rand.Rand, w Winograd, edge, n int) {
	wide := edge + 2
	in, out := wide*wide, edge*edge
	shift, stride := n%3, n+n%4
	_, x := guarded((in+4)*max(n, 1), shift)
	allV, v := guarded(in*stride+1, shift)
	allY, y := guarded((out+4)*max(n, 1), shift)
	_, m := guarded(in*stride+1, shift)
	_, bias := guarded(n, shift)
	_, res := guarded((out+4)*max(n, 1), shift)
	fill(r, x)
	fill(r, bias)
	fill(r, res)

	p := &Patch{X: x, V: v, Stride: stride, N: n}
	q := &Quad{M: m, Stride: stride, N: n, Bias: bias, Y: y, ReLU: n % 2}
	if n%3 > 0 {
		q.R = res
	}
	places := r.Perm(in + 4)
	for i := range in {
		p.Off = append(p.Off, places[i]*n)
	}
	places = r.Perm(out + 4)
	for i := range out {
		q.YOff, q.ROff = append(q.YOff, places[i]*n), append(q.ROff, places[(i+1)%out]*n)
		if i%5 == n%7 {
			q.YOff[i] = -1
		}
	}
	filters := make([][9]float64, n)
	w.Patch(p)
	for c := range n {
		for i := range filters[c] {
			filters[c][i] = r.NormFloat64()
		}
		u := Filter(edge, filters[c], 2)
		for f := range in {
			m[f*stride+c] = float32(u[f]) * v[f*stride+c]
		}
	}
	w.Quad(q)

	written := make(map[int]bool)
	for i := range out {
		for c := range n {
			if q.YOff[i] < 0 {
				continue
			}
			var want float64
			for k, g := range filters[c] {
				want += 2 * g * float64(x[p.Off[(i/edge+k/3)*wide+i%edge+k%3]+c])
			}
			want += float64(bias[c])
			if q.R != nil {
				want += float64(res[q.ROff[i]+c])
			}
			if q.ReLU != 0 {
				want = max(want, 0)
			}
			at := q.YOff[i] + c
			written[at] = true
			if got := float64(y[at]); !(math.Abs(got-want) <= 2e-4) {
				t.Fatalf("%s F(%d): pixel %d channel %d of %d: got %v, want %v", tier, edge, i, c, n, got, want)
			}
		}
	}
	for i, v := range allY {
		if !written[i-64-shift] && v == v {
			t.Fatalf("%s F(%d): wrote %v at %d, outside the pixels", tier, edge, v, i)
		}
	}
	for i, v := range allV {
		if at := i - 64 - shift; v == v && (at < 0 || at >= in*stride || at%stride >= n) {
			t.Fatalf("%s F(%d): wrote %v at %d, outside the channels", tier, edge, v, i)
		}
	}
}

func TestWinogradKeepsNaN(t *testing.T) {
	for _, tier := range runnable(t) {
		for edge, w := range tier.winograds() {
			const n = 25
			m := make([]float32, 36*n)
			for i := range m {
				m[i] = float32(math.NaN())
			}
			y := make([]float32, n)
			q := &Quad{M: m, Stride: n, N: n, Bias: make([]float32, n), Y: y, YOff: make([]int, 16), ReLU: 1}
			w.Quad(q)
			for c, v := range y {
				if v == v {
					t.Errorf("%s F(%d): channel %d: ReLU of NaN is %v", tier.Name, edge, c, v)
				}
			}
		}
	}
}
