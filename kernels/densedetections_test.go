package kernels

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

func TestKeysHoldTheirScores(t *testing.T) {
	for _, score := range []float32{0, 1, 0.05, -3, 1e-45, -1e-45, 3e38, float32(math.Inf(1)), float32(math.Inf(-1))} {
		if got := keyOf(score, 7).score(); got != score {
			t.Errorf("%v became %v", score, got)
		}
	}
	if got := keyOf(float32(math.NaN()), 7).score(); got == got {
		t.Errorf("NaN became %v", got)
	}
}

// TestNoScoreIsLostBelowTheBar: whatever is greater than the least score has a
// logit above the bar, and little that is not has.
func TestNoScoreIsLostBelowTheBar(t *testing.T) {
	r := rand.New(rand.NewPCG(37, 38))
	for _, centerness := range []bool{false, true} {
		k := &dense{DenseDetections: &op.DenseDetections{Centerness: centerness}}
		for range 200_000 {
			logit, center := float32(6*r.NormFloat64()), float32(1)
			if centerness {
				center = sigmoidOf(float32(4 * r.NormFloat64()))
			}
			score := k.score(logit, center)
			least := math.Nextafter32(score, 0)
			bar := k.bar(least, center)
			if score > least && !(logit > bar) {
				t.Fatalf("logit %v, centerness %v: a score of %v is below the bar %v for %v", logit, center, score, bar, least)
			}
			if logit < 6 && least > 1e-9 && bar < logit-0.1 {
				t.Fatalf("logit %v, centerness %v: the bar for %v is %v, far below", logit, center, least, bar)
			}
		}
	}
	k := &dense{DenseDetections: &op.DenseDetections{Centerness: true}}
	for _, c := range []struct{ least, center, want float32 }{
		{0, 1, float32(math.Inf(-1))}, {1, 1, 13}, {0.5, 0, float32(math.Inf(1))}, {0.5, 0.1, float32(math.Inf(1))},
		{0.5, float32(math.NaN()), float32(math.Inf(1))},
	} {
		if got := k.bar(c.least, c.center); math.Abs(float64(got-c.want)) > 1 {
			t.Errorf("the bar for %v of centerness %v is %v", c.least, c.center, got)
		}
	}
}

// denseOperands returns what a RetinaNet or, with centerness, an FCOS of 91 classes says of an image: logits of the
// given mean and deviation, deltas and perhaps centerness of each level.
func denseOperands(
	r *rand.Rand, o *op.DenseDetections, height, width int, grids [][2]int, places int, mean, deviation float32,
) []*tensor.Tensor {
	in := []*tensor.Tensor{
		must(tensor.Of([]float32{float32(height), float32(width)}, 1, 2)), must(tensor.New(tensor.Float32, 1, 1, height, width)),
	}
	var deltas, centers []*tensor.Tensor
	for l, g := range grids {
		o.Anchors = append(o.Anchors, nil)
		for a := range places {
			side := float32(int(8)<<l) * (1 + float32(a)/3)
			o.Anchors[l] = append(o.Anchors[l], [4]float32{-side, -side, side, side})
		}
		x := normal(r, 1, 91*places, g[0], g[1])
		for i, v := range must(tensor.Data[float32](x)) {
			must(tensor.Data[float32](x))[i] = mean + deviation*v
		}
		in = append(in, x)
		deltas = append(deltas, normal(r, 1, 4*places, g[0], g[1]))
		centers = append(centers, normal(r, 1, places, g[0], g[1]))
	}
	in = append(in, deltas...)
	if o.Centerness {
		in = append(in, centers...)
	}
	return in
}

// TestDenseThreads: the layers of dense detectors, of several chunks and spans, have the same bits on any number of
// threads, and allocate nothing.
func TestDenseThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	found := &op.DenseDetections{Candidates: 500, ScoreThreshold: 0.05, NMSThreshold: 0.5, Max: 300}
	in := denseOperands(r, found, 160, 240, [][2]int{{20, 30}, {10, 15}}, 9, -3, 1)
	norm := &op.GroupNorm{Groups: 4, Eps: 1e-5, Epilogue: op.Epilogue{Act: op.ReLU}}
	for _, c := range []struct {
		op   op.Op
		outs int
		in   []*tensor.Tensor
	}{{found, 4, in}, {norm, 1, []*tensor.Tensor{normal(r, 2, 64, 40, 35)}}} {
		var want []*tensor.Tensor
		for _, threads := range []int{1, 2, 0} {
			p := programOf(t, CPU(), c.op, c.outs, c.in, threads)
			out := outputs(p)
			run := func() {
				if err := p.RunInto(t.Context(), out, c.in); err != nil {
					t.Error(err)
				}
			}
			run()
			if want == nil {
				want = out
			}
			for i := range out {
				sameBits(t, c.op.Name(), out[i], want[i])
			}
			if n := testing.AllocsPerRun(10, run); n > 0 && !raceEnabled {
				t.Errorf("%s on %d threads: %v allocations", c.op.Name(), threads, n)
			}
		}
	}
}

// programOf plans one operator as a network.
func programOf(t testing.TB, b op.Backend, o op.Op, outs int, in []*tensor.Tensor, threads int) *program {
	t.Helper()
	var g builder
	n := op.Node{Path: "layer", Op: o}
	var shapes []tensor.Shape
	for _, x := range in {
		n.In, shapes = append(n.In, g.input(x.DType())), append(shapes, x.Shape())
	}
	for range outs {
		n.Out = append(n.Out, g.value())
	}
	g.Nodes, g.Outputs = []op.Node{n}, n.Out
	m := must(b.Load(t.Context(), &g.Graph, op.Options{Threads: threads}))
	return must(m.Program(shapes...)).(*program)
}

// BenchmarkDense measures, on one thread, what is not convolution in RetinaNet and FCOS at 800×1216: finding objects
// among all scores, few of them likely or half of them, and the group norms of a level P3. It reports the best of all
// runs.
func BenchmarkDense(b *testing.B) {
	grids := [][2]int{{100, 152}, {50, 76}, {25, 38}, {13, 19}, {7, 10}}
	for _, c := range []struct {
		name            string
		places          int
		centerness      bool
		mean, deviation float32
	}{
		{"retinanet_few", 9, false, -8, 1.5},
		{"retinanet_half", 9, false, -3, 1},
		{"fcos_few", 1, true, -8, 1.5},
		{"fcos_half", 1, true, -3, 1},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := rand.New(rand.NewPCG(39, 40))
			o := &op.DenseDetections{Candidates: 1000, ScoreThreshold: 0.05, NMSThreshold: 0.5, Max: 300}
			if c.centerness {
				o.ScoreThreshold, o.NMSThreshold, o.Max, o.Centerness = 0.2, 0.6, 100, true
			}
			in := denseOperands(r, o, 800, 1216, grids, c.places, c.mean, c.deviation)
			benchmarkStep(b, o, 4, in)
		})
	}
	b.Run("group_norm", func(b *testing.B) {
		r := rand.New(rand.NewPCG(41, 42))
		benchmarkStep(b, &op.GroupNorm{Groups: 32, Eps: 1e-5, Epilogue: op.Epilogue{Act: op.ReLU}}, 1,
			[]*tensor.Tensor{normal(r, 1, 256, 100, 152)})
	})
}

// benchmarkStep runs an operator as in the middle of a network.
func benchmarkStep(b *testing.B, o op.Op, outs int, in []*tensor.Tensor) {
	b.Helper()
	be := backends(b)[0]
	p := programOf(b, be, o, outs, in, 1)
	if err := p.RunInto(b.Context(), outputs(p), in); err != nil {
		b.Fatal(err)
	}
	a := must(p.model.arenas.acquire(b.Context(), p.floats))
	a.vectors = &be.tier.Vectors
	best := time.Hour
	for b.Loop() {
		start := time.Now()
		for i := range p.steps {
			if s := &p.steps[i]; s.path != "" {
				a.do(s, 1)
			}
		}
		best = min(best, time.Since(start))
	}
	b.ReportMetric(best.Seconds()*1e3, "best-ms")
}
