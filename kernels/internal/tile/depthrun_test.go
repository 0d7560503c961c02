package tile

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDepthRun: every kernel and number of channels, against float64, and nothing written beside the pixels.
func TestDepthRun(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	for _, tier := range runnable(t) {
		for n := range 50 {
			for _, k := range []int{1, 3, 4, 5, 7} {
				width := k + RunPixels - 1
				rows, step, yStep, rStep := n%(k+1), n+n%3, n+1+n%2, n+n%5
				_, x := guarded(rows*width*n+1, n%7)
				_, w := guarded(rows*k*step+1, n%4)
				_, bias := guarded(n, n%5)
				_, res := guarded(RunPixels*rStep+n, n%3)
				all, out := guarded(RunPixels*yStep+n, n%6)
				for _, s := range [][]float32{x, w, bias, res} {
					fill(r, s)
				}
				d := &DepthRun{X: x, W: w, Step: step, Rows: rows, Y: out, YStep: yStep, Bias: bias, N: n, ReLU: n / 2 % 2}
				for _, i := range r.Perm(rows * width) {
					d.Off = append(d.Off, i*n)
				}
				if n%3 > 0 {
					d.R, d.RStep = res, rStep
				}
				tier.DepthRun(d, k)
				for i, v := range all {
					at := i - 64 - n%6
					j, c := at/yStep, at%yStep
					if at < 0 || j >= RunPixels || c >= n {
						if v == v {
							t.Fatalf("%s: wrote %v at %d, outside seven pixels of %d channels", tier.Name, v, at, n)
						}
						continue
					}
					want := float64(bias[c])
					for u := range rows {
						for l := range k {
							want += float64(x[d.Off[u*width+j+l]+c]) * float64(w[(u*k+l)*step+c])
						}
					}
					if d.R != nil {
						want += float64(res[j*rStep+c])
					}
					if d.ReLU == 1 {
						want = max(want, 0)
					}
					if !(math.Abs(float64(v)-want) <= 2e-5) {
						t.Fatalf("%s: %d columns, pixel %d, channel %d of %d: got %v, want %v", tier.Name, k, j, c, n, v, want)
					}
				}
			}
		}
	}
}
