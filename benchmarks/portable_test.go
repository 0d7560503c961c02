package benchmarks

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// BenchmarkGonum multiplies square matrices as a linear layer and by gonum's
// Sgemm, in turns, and reports the least times of both on one thread. Under
// "-tags purego" the layer is the portable one, while gonum has its assembly
// unless "noasm" or "safe" is given too.
func BenchmarkGonum(b *testing.B) {
	for _, n := range []int{256, 512, 1024} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 2))
			numbers := func() []float32 {
				s := make([]float32, n*n)
				for i := range s {
					s[i] = float32(r.NormFloat64())
				}
				return s
			}
			w, x, y, z := numbers(), numbers(), numbers(), numbers()
			of := func(s []float32) *tensor.Tensor {
				t, err := tensor.Of(s, n, n)
				if err != nil {
					b.Fatal(err)
				}
				return t
			}
			g := &op.Graph{
				Inputs: []op.Input{{Value: 0, DType: tensor.Float32}}, Outputs: []op.Value{1}, Values: 2,
				Nodes: []op.Node{{Path: "fc", Op: &op.Linear{Weight: of(w)}, In: []op.Value{0}, Out: []op.Value{1}}},
			}
			m, err := kernels.CPU().Load(b.Context(), g, op.Options{Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			p, err := m.Program(tensor.Shape{n, n})
			if err != nil {
				b.Fatal(err)
			}
			in, out := []*tensor.Tensor{of(x)}, []*tensor.Tensor{of(y)}
			ours, theirs := time.Hour, time.Hour
			for b.Loop() {
				start := time.Now()
				if err := p.RunInto(b.Context(), out, in); err != nil {
					b.Fatal(err)
				}
				ours = min(ours, time.Since(start))
				start = time.Now()
				gonum.Implementation{}.Sgemm(blas.NoTrans, blas.Trans, n, n, n, 1, x, n, w, n, 0, z, n)
				theirs = min(theirs, time.Since(start))
			}
			rate := func(d time.Duration) float64 { return 2 * float64(n*n*n) / float64(d.Nanoseconds()) }
			b.ReportMetric(rate(ours), "GFLOP/s")
			b.ReportMetric(rate(theirs), "gonum-GFLOP/s")
			b.ReportMetric(float64(ours)/float64(theirs), "time/gonum's")
		})
	}
}
