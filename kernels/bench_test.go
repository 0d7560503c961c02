package kernels

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// BenchmarkConv2d measures layers of ResNet-50 at 224×224 and of Mask R-CNN on
// one thread, each tier by itself. GFLOP/s are those of the direct method,
// 2·K²·C/G·O per output pixel, the best of all runs: cores are shared. Layers
// run in the middle of a network, without the conversions at its border.
func BenchmarkConv2d(b *testing.B) {
	for _, l := range []struct{ in, out, kernel, stride, size, n, groups int }{
		{3, 64, 7, 2, 224, 1, 1},
		{64, 64, 1, 1, 56, 1, 1}, {64, 256, 1, 1, 56, 1, 1}, {256, 64, 1, 1, 56, 1, 1},
		{128, 512, 1, 1, 28, 1, 1}, {512, 128, 1, 1, 28, 1, 1},
		{256, 1024, 1, 1, 14, 1, 1}, {1024, 256, 1, 1, 14, 1, 1},
		{512, 2048, 1, 1, 7, 1, 1}, {2048, 512, 1, 1, 7, 1, 1},
		{64, 64, 3, 1, 56, 1, 1}, {128, 128, 3, 1, 28, 1, 1}, {256, 256, 3, 1, 14, 1, 1}, {512, 512, 3, 1, 7, 1, 1},
		{128, 128, 3, 2, 56, 1, 1}, {256, 512, 1, 2, 56, 1, 1},
		{256, 256, 3, 1, 14, 20, 1}, {256, 256, 3, 1, 100, 1, 1}, {64, 256, 1, 1, 200, 1, 1},
		{12544, 1024, 1, 1, 1, 250, 1},
		{144, 144, 3, 1, 56, 1, 144}, {96, 96, 3, 2, 112, 1, 96}, {256, 256, 3, 1, 56, 1, 32},
	} {
		for _, be := range backends(b) {
			name := fmt.Sprintf("%dto%d_k%d_s%d_g%d_%dx%d_n%d/%s",
				l.in, l.out, l.kernel, l.stride, l.groups, l.size, l.size, l.n, be.tier.Name)
			b.Run(name, func(b *testing.B) {
				r := rand.New(rand.NewPCG(29, 30))
				var g builder
				x := g.input(tensor.Float32)
				o := &op.Conv2d{
					Weight: normal(r, l.out, l.in/l.groups, l.kernel, l.kernel), Groups: l.groups, Stride: [2]int{l.stride, l.stride},
					Padding: [2]int{l.kernel / 2, l.kernel / 2}, Epilogue: op.Epilogue{Act: op.ReLU},
				}
				g.Outputs = []op.Value{g.add("conv", o, x)}
				m := must(be.Load(b.Context(), &g.Graph, op.Options{Threads: 1}))
				in := normal(r, l.n, l.in, l.size, l.size)
				p := must(m.Program(in.Shape())).(*program)
				out := outputs(p)
				if err := p.RunInto(b.Context(), out, []*tensor.Tensor{in}); err != nil {
					b.Fatal(err)
				}
				s := out[0].Shape()
				work := 2 * float64(s[0]*s[2]*s[3]) * float64(o.Weight.Len())
				a := must(m.(*model).arenas.acquire(b.Context(), p.floats))
				defer m.(*model).arenas.release(a)
				a.vectors = &be.tier.Vectors
				var best, peak float64
				for b.Loop() {
					begin := time.Now()
					for i := range p.steps {
						if s := &p.steps[i]; s.path != "" {
							a.do(s, 1)
						}
					}
					best = max(best, work/float64(time.Since(begin).Nanoseconds()))
					peak = max(peak, peakOf(be.tier, 0))
				}
				b.ReportMetric(best, "GFLOP/s")
				if peak > 0 {
					b.ReportMetric(100*best/peak, "%peak")
				}
			})
		}
	}
}

// BenchmarkTinyRun measures what a run costs beside its arithmetic: a network
// of one number in and one out.
func BenchmarkTinyRun(b *testing.B) {
	var g builder
	r := rand.New(rand.NewPCG(35, 36))
	g.Outputs = []op.Value{g.add("fc", &op.Linear{Weight: normal(r, 1, 1)}, g.input(tensor.Float32))}
	m := must(CPU().Load(b.Context(), &g.Graph, op.Options{}))
	p := must(m.Program(tensor.Shape{1, 1}))
	in, out := []*tensor.Tensor{normal(r, 1, 1)}, outputs(p)
	b.ReportAllocs()
	for b.Loop() {
		if err := p.RunInto(b.Context(), out, in); err != nil {
			b.Fatal(err)
		}
	}
}
