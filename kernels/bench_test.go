package kernels

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A convolution is a layer to measure, on n images of h×w pixels.
type convolution struct {
	in, out, kernel, stride, h, w, n, groups int
	residual                                 bool
}

func (c convolution) String() string {
	s := fmt.Sprintf("%dto%d_k%d_s%d_g%d_%dx%d_n%d", c.in, c.out, c.kernel, c.stride, c.groups, c.h, c.w, c.n)
	if c.residual {
		s += "_residual"
	}
	return s
}

// op returns the operator, with ReLU.
func (c convolution) op(r *rand.Rand) *op.Conv2d {
	o := &op.Conv2d{
		Weight: normal(r, c.out, c.in/c.groups, c.kernel, c.kernel), Groups: c.groups, Stride: [2]int{c.stride, c.stride},
		Padding: [2]int{c.kernel / 2, c.kernel / 2}, Epilogue: op.Epilogue{Act: op.ReLU},
	}
	if c.residual {
		o.Residual = op.SameResidual
	}
	return o
}

// operands returns the image, and the residual if there is one.
func (c convolution) operands(r *rand.Rand) []*tensor.Tensor {
	in := []*tensor.Tensor{normal(r, c.n, c.in, c.h, c.w)}
	if c.residual {
		h, w := (c.h-1)/c.stride+1, (c.w-1)/c.stride+1
		in = append(in, normal(r, c.n, c.out, h, w))
	}
	return in
}

// flops counts the operations of the direct method.
func (c convolution) flops() float64 {
	h, w := (c.h-1)/c.stride+1, (c.w-1)/c.stride+1
	return 2 * float64(c.n*h*w) * float64(c.out*c.in/c.groups*c.kernel*c.kernel)
}

// layerOf loads an operator on one thread and runs it once. It returns what
// runs it again, in the middle of a network as it were, without the conversions
// at its border.
func layerOf(b *testing.B, be *backend, o op.Op, in []*tensor.Tensor) (again func() time.Duration) {
	b.Helper()
	var g builder
	var operands []op.Value
	var shapes []tensor.Shape
	for _, x := range in {
		operands, shapes = append(operands, g.input(tensor.Float32)), append(shapes, x.Shape())
	}
	g.Outputs = []op.Value{g.add("layer", o, operands...)}
	m := must(be.Load(b.Context(), &g.Graph, op.Options{Threads: 1})).(*model)
	p := must(m.Program(shapes...)).(*program)
	if err := p.RunInto(b.Context(), outputs(p), in); err != nil {
		b.Fatal(err)
	}
	a := must(m.arenas.acquire(context.Background(), p.floats))
	a.vectors = &be.tier.Vectors
	return func() time.Duration {
		start := time.Now()
		for i := range p.steps {
			if s := &p.steps[i]; s.path != "" {
				a.do(s, 1)
			}
		}
		return time.Since(start)
	}
}

// BenchmarkConv2d measures layers of ResNet-50 at 224×224 and of Mask R-CNN at
// 800×1216 on one thread, each tier by itself. GFLOP/s are those of the direct
// method, 2·K²·C/G·O per output pixel, the best of all runs: cores are shared.
func BenchmarkConv2d(b *testing.B) {
	for _, c := range []convolution{
		{3, 64, 7, 2, 224, 224, 1, 1, false},
		{64, 64, 1, 1, 56, 56, 1, 1, false}, {64, 256, 1, 1, 56, 56, 1, 1, false}, {256, 64, 1, 1, 56, 56, 1, 1, false},
		{128, 512, 1, 1, 28, 28, 1, 1, false}, {512, 128, 1, 1, 28, 28, 1, 1, false},
		{256, 1024, 1, 1, 14, 14, 1, 1, false}, {1024, 256, 1, 1, 14, 14, 1, 1, false},
		{512, 2048, 1, 1, 7, 7, 1, 1, false}, {2048, 512, 1, 1, 7, 7, 1, 1, false},
		{64, 256, 1, 1, 56, 56, 1, 1, true}, {128, 512, 1, 1, 28, 28, 1, 1, true},
		{256, 1024, 1, 1, 14, 14, 1, 1, true}, {512, 2048, 1, 1, 7, 7, 1, 1, true},
		{64, 256, 1, 1, 200, 304, 1, 1, false}, {64, 256, 1, 1, 200, 304, 1, 1, true},
		{128, 512, 1, 1, 100, 152, 1, 1, true}, {256, 1024, 1, 1, 50, 76, 1, 1, true},
		{64, 64, 3, 1, 56, 56, 1, 1, false}, {128, 128, 3, 1, 28, 28, 1, 1, false},
		{256, 256, 3, 1, 14, 14, 1, 1, false}, {512, 512, 3, 1, 7, 7, 1, 1, false},
		{128, 128, 3, 2, 56, 56, 1, 1, false}, {256, 512, 1, 2, 56, 56, 1, 1, false},
		{256, 256, 3, 1, 14, 14, 20, 1, false}, {256, 256, 3, 1, 100, 100, 1, 1, false},
		{12544, 1024, 1, 1, 1, 1, 250, 1, false},
		{144, 144, 3, 1, 56, 56, 1, 144, false}, {96, 96, 3, 2, 112, 112, 1, 96, false},
		{96, 96, 7, 1, 56, 56, 1, 96, false}, {192, 192, 7, 1, 28, 28, 1, 192, false},
		{384, 384, 7, 1, 14, 14, 1, 384, false}, {768, 768, 7, 1, 7, 7, 1, 768, false},
		{256, 256, 3, 1, 56, 56, 1, 32, false},
	} {
		for _, be := range backends(b) {
			b.Run(c.String()+"/"+be.tier.Name, func(b *testing.B) {
				r := rand.New(rand.NewPCG(29, 30))
				again := layerOf(b, be, c.op(r), c.operands(r))
				var best, peak float64
				for b.Loop() {
					best = max(best, c.flops()/float64(again().Nanoseconds()))
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

// BenchmarkAttention measures the attention of ViT-B/32, B/16, B/16 at 384×384
// and H/14 at 518×518 on one thread, each tier by itself. GFLOP/s are those of
// its two products, the best of all runs.
func BenchmarkAttention(b *testing.B) {
	for _, s := range []struct{ heads, d, tokens int }{{12, 64, 50}, {12, 64, 197}, {12, 64, 577}, {16, 80, 1370}} {
		for _, be := range backends(b) {
			b.Run(fmt.Sprintf("%dx%d_%d/%s", s.heads, s.d, s.tokens, be.tier.Name), func(b *testing.B) {
				x := normal(rand.New(rand.NewPCG(37, 38)), 1, 3*s.heads*s.d, s.tokens, 1)
				again := layerOf(b, be, &op.Attention{Heads: s.heads}, []*tensor.Tensor{x})
				best := 0.0
				for b.Loop() {
					best = max(best, 4*float64(s.tokens*s.tokens*s.heads*s.d)/float64(again().Nanoseconds()))
				}
				b.ReportMetric(best, "GFLOP/s")
			})
		}
	}
}

// BenchmarkConvolutionChoice runs all 3×3 layers of stride 1 of ResNet-18 and
// ResNet-50 at 224×224, alone and in a batch of eight, and of Mask R-CNN at
// 800×1216 with 100 masks, on one thread in each of the three ways. It reports
// the least time of each, and that of the way which Auto chooses by the
// channels over the least of all three.
func BenchmarkConvolutionChoice(b *testing.B) {
	be := backends(b)[0]
	for _, s := range []struct{ channels, h, w, n int }{
		{64, 56, 56, 1}, {128, 28, 28, 1}, {256, 14, 14, 1}, {512, 7, 7, 1},
		{64, 56, 56, 8}, {128, 28, 28, 8}, {256, 14, 14, 8}, {512, 7, 7, 8},
		{64, 200, 304, 1}, {128, 100, 152, 1}, {256, 50, 76, 1}, {512, 25, 38, 1},
		{256, 200, 304, 1}, {256, 100, 152, 1}, {256, 25, 38, 1}, {256, 13, 19, 1}, {256, 14, 14, 100},
	} {
		c := convolution{s.channels, s.channels, 3, 1, s.h, s.w, s.n, 1, false}
		b.Run(fmt.Sprintf("%d_%dx%d_n%d", s.channels, s.h, s.w, s.n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(31, 32))
			o, in := c.op(r), c.operands(r)
			ways := []Convolution{Direct, F2, f4}
			var again [3]func() time.Duration
			var least [3]time.Duration
			for i, way := range ways {
				again[i], least[i] = layerOf(b, &backend{be.tier, way}, o, in), time.Hour
			}
			for b.Loop() {
				for i := range ways {
					for range 3 { // caches as this way leaves them
						least[i] = min(least[i], again[i]())
					}
				}
			}
			chosen := map[int]int{0: 0, 2: 1, 4: 2}[Auto.edge(o)]
			for i, name := range []string{"ms_direct", "ms_F2", "ms_F4"} {
				b.ReportMetric(least[i].Seconds()*1e3, name)
			}
			b.ReportMetric(float64(least[chosen])/float64(min(least[0], least[1], least[2])), "×best")
			b.ReportMetric(0, "ns/op")
		})
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
