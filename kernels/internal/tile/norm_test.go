package tile

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestNorm: rows of every length, and nothing beside them, against float64.
func TestNorm(t *testing.T) {
	r := rand.New(rand.NewPCG(61, 62))
	for _, tier := range runnable(t) {
		for n := 1; n < 75; n++ {
			_, x := guarded(n, n%5)
			_, gamma := guarded(n, n%3)
			_, beta := guarded(n, n%7)
			all, dst := guarded(n, n%4)
			fill(r, gamma)
			fill(r, beta)
			const eps = 1e-6
			var mean, variance float64
			for i := range x {
				x[i] = float32(7 + r.NormFloat64())
				mean += float64(x[i]) / float64(n)
			}
			for _, v := range x {
				variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
			}
			tier.Norm(dst, x, gamma, beta, eps)
			for i, v := range dst {
				want := (float64(x[i])-mean)/math.Sqrt(variance+eps)*float64(gamma[i]) + float64(beta[i])
				if n == 1 {
					want = float64(beta[0])
				}
				if !(math.Abs(float64(v)-want) <= 2e-5) {
					t.Fatalf("%s: number %d of %d is %v, want %v", tier.Name, i, n, v, want)
				}
			}
			onlyInside(t, tier.Name, all, n, n%4)
			tier.Norm(x, x, gamma, beta, eps)
			for i := range x {
				if x[i] != dst[i] {
					t.Fatalf("%s: in place number %d of %d is %v, not %v", tier.Name, i, n, x[i], dst[i])
				}
			}
		}
	}
}

// TestSoftmax: rows of every length, and nothing beside them, against float64.
func TestSoftmax(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 64))
	for _, tier := range runnable(t) {
		for n := 1; n < 75; n++ {
			for _, spread := range []float64{0.01, 3, 100} {
				all, x := guarded(n, n%5)
				scale, sum, greatest := float32(0.125), 0.0, math.Inf(-1)
				exact := make([]float64, n)
				for i := range x {
					x[i] = float32(r.NormFloat64()*spread - 1000)
					greatest = max(greatest, float64(x[i]))
				}
				for i, v := range x {
					exact[i] = math.Exp((float64(v) - greatest) * float64(scale))
					sum += exact[i]
				}
				tier.Softmax(x, scale)
				for i, v := range x {
					if want := exact[i] / sum; !(math.Abs(float64(v)-want) <= 1e-6*want+1e-37) {
						t.Fatalf("%s: number %d of %d is %v, want %v", tier.Name, i, n, v, want)
					}
				}
				onlyInside(t, tier.Name, all, n, n%5)
			}
		}
		row := []float32{1, 2, float32(math.NaN()), 4, 5}
		tier.Softmax(row, 1)
		for i, v := range row {
			if v == v {
				t.Errorf("%s: beside a NaN number %d is %v", tier.Name, i, v)
			}
		}
	}
}

// onlyInside checks that what guarded returned was written inside only.
func onlyInside(t *testing.T, tier string, all []float32, n, shift int) {
	t.Helper()
	for i, v := range all {
		if at := i - 64 - shift; (at < 0 || at >= n) && v == v {
			t.Fatalf("%s: wrote %v at %d, outside a row of %d", tier, v, at, n)
		}
	}
}

// BenchmarkRows measures a norm of 768 channels and a softmax of 197 scores, as
// ViT-B has them.
func BenchmarkRows(b *testing.B) {
	for _, tier := range runnable(b) {
		x, y := make([]float32, 768), make([]float32, 768)
		fill(rand.New(rand.NewPCG(65, 66)), x)
		b.Run(tier.Name+"/norm", func(b *testing.B) {
			for b.Loop() {
				tier.Norm(y, x, x, x, 1e-6)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/768, "ns/number")
		})
		b.Run(tier.Name+"/softmax", func(b *testing.B) {
			for b.Loop() {
				copy(y, x[:197])
				tier.Softmax(y[:197], 0.125)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/197, "ns/number")
		})
	}
}
