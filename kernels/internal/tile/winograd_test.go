package tile

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWinogradIsAConvolution: transforming a patch, multiplying and
// transforming back is a 3×3 convolution, with its epilogue.
func TestWinogradIsAConvolution(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, tier := range runnable(t) {
		for n := range 35 {
			shift, stride := n%3, n+n%4
			_, x := guarded(40*max(n, 1), shift)
			allV, v := guarded(36*stride+1, shift)
			allY, y := guarded(20*max(n, 1), shift)
			_, m := guarded(36*stride+1, shift)
			_, bias := guarded(n, shift)
			_, res := guarded(20*max(n, 1), shift)
			fill(r, x)
			fill(r, bias)
			fill(r, res)

			p := &Patch{X: x, V: v, Stride: stride, N: n}
			q := &Quad{M: m, Stride: stride, N: n, Bias: bias, Y: y, ReLU: n % 2}
			if n%3 > 0 {
				q.R = res
			}
			places := r.Perm(40)
			for i := range 36 {
				p.Off = append(p.Off, places[i]*n)
			}
			places = r.Perm(20)
			for i := range 16 {
				q.YOff, q.ROff = append(q.YOff, places[i]*n), append(q.ROff, places[(i+1)%16]*n)
				if i%5 == n%7 {
					q.YOff[i] = -1
				}
			}
			filters := make([][9]float64, n)
			tier.Patch(p)
			for c := range n {
				for i := range filters[c] {
					filters[c][i] = r.NormFloat64()
				}
				for f, u := range Filter(filters[c], 2) {
					m[f*stride+c] = float32(u) * v[f*stride+c]
				}
			}
			tier.Quad(q)

			written := make(map[int]bool)
			for i := range 16 {
				for c := range n {
					if q.YOff[i] < 0 {
						continue
					}
					var want float64
					for k, g := range filters[c] {
						want += 2 * g * float64(x[p.Off[(i/4+k/3)*6+i%4+k%3]+c])
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
						t.Fatalf("%s: pixel %d channel %d of %d: got %v, want %v", tier.Name, i, c, n, got, want)
					}
				}
			}
			for i, v := range allY {
				if !written[i-64-shift] && v == v {
					t.Fatalf("%s: wrote %v at %d, outside the pixels", tier.Name, v, i)
				}
			}
			for i, v := range allV {
				if at := i - 64 - shift; v == v && (at < 0 || at >= 36*stride || at%stride >= n) {
					t.Fatalf("%s: wrote %v at %d, outside the channels", tier.Name, v, i)
				}
			}
		}
	}
}

func TestWinogradKeepsNaN(t *testing.T) {
	for _, tier := range runnable(t) {
		const n = 9
		m := make([]float32, 36*n)
		for i := range m {
			m[i] = float32(math.NaN())
		}
		y := make([]float32, n)
		q := &Quad{M: m, Stride: n, N: n, Bias: make([]float32, n), Y: y, YOff: make([]int, 16), ReLU: 1}
		tier.Quad(q)
		for c, v := range y {
			if v == v {
				t.Errorf("%s: channel %d: ReLU of NaN is %v", tier.Name, c, v)
			}
		}
	}
}
