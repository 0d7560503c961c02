package tile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// runnable returns the tiers this machine can run, and says what it cannot.
func runnable(t testing.TB) []Tier {
	var list []Tier
	for _, tier := range Tiers() {
		if tier.Lacks == "" {
			list = append(list, tier)
		} else {
			t.Logf("NOT TESTED: tier %s, this machine lacks %s", tier.Name, tier.Lacks)
		}
	}
	return list
}

func TestTheLastTierRunsEverywhere(t *testing.T) {
	tiers := Tiers()
	if last := tiers[len(tiers)-1]; last.Lacks != "" || last.Name != "go" {
		t.Errorf("the last tier is %s and lacks %q", last.Name, last.Lacks)
	}
	if b := Best(); b.Lacks != "" || b.Name != runnable(t)[0].Name {
		t.Errorf("Best is %s", b.Name)
	}
}

func TestForTakesTheNarrowestTile(t *testing.T) {
	for _, tier := range Tiers() {
		for channels := 1; channels <= 3*tier.Tiles[0].Cols; channels++ {
			got := tier.For(channels)
			for _, tl := range tier.Tiles {
				if tl.Cols >= channels && tl.Cols < got.Cols {
					t.Errorf("%s: %s for %d channels, where %s would do", tier.Name, got.Name, channels, tl.Name)
				}
			}
			if got.Cols < channels && got.Cols != tier.Tiles[0].Cols {
				t.Errorf("%s: %s for %d channels is not the widest", tier.Name, got.Name, channels)
			}
		}
	}
}

// guarded returns n numbers, not aligned to anything but 4 bytes, with NaN on
// both sides to the end of the memory.
func guarded(n int, shift int) (all, inner []float32) {
	const zone = 64
	all = make([]float32, zone+shift+n+zone)
	for i := range all {
		all[i] = float32(math.NaN())
	}
	return all, all[zone+shift:][:n:n]
}

func fill(r *rand.Rand, s []float32) {
	for i := range s {
		s[i] = float32(r.NormFloat64())
	}
}

// A tileCase is one call of a tile.
type tileCase struct {
	rows, cols, taps, k        int
	load, relu, bias, residual bool
	shift                      int
}

// check runs tl on c between NaN zones and compares with float64 sums.
func (c tileCase) check(tl *Tile, r *rand.Rand) error {
	n := func(x int) int { return max(x, 1) }
	pixels := c.rows + 3
	_, a := guarded(n(pixels*c.k), c.shift)
	_, b := guarded(n(c.taps*c.k*tl.Cols), c.shift)
	_, bias := guarded(tl.Cols, c.shift)
	strideC := c.cols + c.shift
	allC, out := guarded(n(c.rows*strideC), c.shift)
	_, res := guarded(n(c.rows*c.cols), c.shift+1)
	fill(r, a)
	fill(r, b)
	fill(r, bias)
	fill(r, res)

	args := &Args{A: a, B: b, C: out, Rows: c.rows, Cols: c.cols, Taps: c.taps, K: c.k}
	for range c.taps * c.rows {
		args.AOff = append(args.AOff, r.IntN(pixels)*c.k)
	}
	for _, i := range r.Perm(c.rows) { // pixels of the output in any order
		args.COff = append(args.COff, i*strideC)
		args.ROff = append(args.ROff, (c.rows-1-i)*c.cols)
	}
	for _, at := range args.COff {
		if c.load {
			fill(r, out[at:at+c.cols])
		}
	}
	if c.load {
		args.Load = 1
	}
	if c.relu {
		args.ReLU = 1
	}
	if c.bias {
		args.Bias = bias
	}
	if c.residual {
		args.R = res
	}

	want := make([]float64, c.rows*c.cols)
	size := make([]float64, c.rows*c.cols) // of the terms, to judge the error by
	for i := range c.rows {
		for j := range c.cols {
			var s, m float64
			add := func(x float64) { s, m = s+x, m+math.Abs(x) }
			if c.load {
				add(float64(out[args.COff[i]+j]))
			}
			for tap := range c.taps {
				for k := range c.k {
					add(float64(a[args.AOff[tap*c.rows+i]+k]) * float64(b[(tap*c.k+k)*tl.Cols+j]))
				}
			}
			if c.bias {
				add(float64(bias[j]))
			}
			if c.residual {
				add(float64(res[args.ROff[i]+j]))
			}
			if c.relu {
				s = max(s, 0)
			}
			want[i*c.cols+j], size[i*c.cols+j] = s, m
		}
	}

	tl.Run(args)

	written := make(map[int]bool)
	base := len(allC) - 64 - len(out)
	for i := range c.rows {
		for j := range c.cols {
			at := args.COff[i] + j
			written[base+at] = true
			got := float64(out[at])
			if err := math.Abs(got - want[i*c.cols+j]); !(err <= 1e-5*size[i*c.cols+j]) {
				return fmt.Errorf("row %d column %d: got %v, want %v", i, j, got, want[i*c.cols+j])
			}
		}
	}
	for i, v := range allC {
		if !written[i] && v == v {
			return fmt.Errorf("wrote %v at %d of %d, outside the tile", v, i, len(allC))
		}
	}
	return nil
}

func TestTiles(t *testing.T) {
	for _, tier := range runnable(t) {
		for _, tl := range tier.Tiles {
			t.Run(tl.Name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(1, 2))
				n := 0
				for rows := 1; rows <= tl.Rows; rows++ {
					for cols := 1; cols <= tl.Cols; cols++ {
						for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 8, 9, 17} {
							n++
							c := tileCase{
								rows: rows, cols: cols, k: k, taps: n % 4, shift: n % 5,
								load: n%3 == 0, relu: n%2 == 0, bias: n%5 < 3, residual: n%7 < 4,
							}
							if err := c.check(&tl, r); err != nil {
								t.Fatalf("%+v: %v", c, err)
							}
						}
					}
				}
			})
		}
	}
}

// TestTilesDoNotDependOnRows: a pixel has the same bits whichever pixels are
// computed with it, and with its sum in one part or two.
func TestTilesDoNotDependOnRows(t *testing.T) {
	for _, tier := range runnable(t) {
		for _, tl := range tier.Tiles {
			r := rand.New(rand.NewPCG(3, 4))
			const k = 37
			a, b := make([]float32, tl.Rows*k), make([]float32, k*tl.Cols)
			fill(r, a)
			fill(r, b)
			want := make([]float32, tl.Rows*tl.Cols)
			args := &Args{A: a, B: b, C: want, Rows: tl.Rows, Cols: tl.Cols, Taps: 1, K: k}
			for i := range tl.Rows {
				args.AOff, args.COff = append(args.AOff, i*k), append(args.COff, i*tl.Cols)
			}
			tl.Run(args)
			for rows := 1; rows <= tl.Rows; rows++ {
				for first := 0; first+rows <= tl.Rows; first++ {
					got := make([]float32, tl.Rows*tl.Cols)
					part := *args
					part.C, part.Rows = got, rows
					part.AOff, part.COff = args.AOff[first:][:rows], args.COff[first:][:rows]
					part.K = 20
					tl.Run(&part)
					part.A, part.B, part.K, part.Load = a[20:], b[20*tl.Cols:], k-20, 1
					tl.Run(&part)
					for i := first * tl.Cols; i < (first+rows)*tl.Cols; i++ {
						if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
							t.Fatalf("%s: %d rows from %d: element %d is %v, not %v", tl.Name, rows, first, i, got[i], want[i])
						}
					}
				}
			}
		}
	}
}

func TestTilesKeepNaN(t *testing.T) {
	nan := float32(math.NaN())
	for _, tier := range runnable(t) {
		for _, tl := range tier.Tiles {
			out := make([]float32, tl.Cols)
			b := make([]float32, tl.Cols)
			tl.Run(&Args{A: []float32{nan}, AOff: []int{0}, B: b, C: out, COff: []int{0},
				Rows: 1, Cols: tl.Cols, Taps: 1, K: 1, ReLU: 1})
			for j, v := range out {
				if v == v {
					t.Errorf("%s: column %d: ReLU of NaN is %v", tl.Name, j, v)
				}
			}
		}
	}
}

func TestVectors(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	nan := float32(math.NaN())
	for _, tier := range runnable(t) {
		for n := range 75 {
			for shift := range 3 {
				all, dst := guarded(n, shift)
				var x [4][]float32
				for i := range x {
					_, x[i] = guarded(n, shift+i)
					fill(r, x[i])
				}
				check := func(name string, want func(i int) float64) {
					for i := range dst {
						w := want(i)
						if got := float64(dst[i]); !(math.Abs(got-w) <= 1e-5) && (w == w || got == got) {
							t.Errorf("%s %s of %d: element %d is %v, want %v", tier.Name, name, n, i, got, w)
						}
					}
					for i, v := range all {
						if v == v && (i < 64+shift || i >= 64+shift+n) {
							t.Errorf("%s %s of %d: wrote %v outside", tier.Name, name, n, v)
						}
					}
				}

				before := make([]float32, n)
				fill(r, before)
				if n > 0 {
					before[r.IntN(n)], x[0][r.IntN(n)] = nan, nan
				}
				copy(dst, before)
				tier.Max(dst, x[0])
				check("max", func(i int) float64 { return math.Max(float64(before[i]), float64(x[0][i])) })

				tier.Add(dst, x[1], x[2])
				check("add", func(i int) float64 { return float64(x[1][i]) + float64(x[2][i]) })

				tier.Mul(dst, x[1], x[2])
				check("mul", func(i int) float64 { return float64(x[1][i]) * float64(x[2][i]) })

				_, w := guarded(3*max(n, 1), shift)
				fill(r, w)
				d := &Depth{X: w, Off: []int{n, 0, 2 * n}, W: w, WOff: []int{0, n, n}, Taps: n % 4, Y: dst, Bias: x[1], ReLU: n % 2}
				if shift > 0 {
					d.R = x[2]
				}
				tier.Depth(d)
				check("depth", func(i int) float64 {
					sum := float64(x[1][i])
					for t := range d.Taps {
						sum += float64(w[d.Off[t]+i]) * float64(w[d.WOff[t]+i])
					}
					if d.R != nil {
						sum += float64(x[2][i])
					}
					if d.ReLU != 0 {
						sum = max(sum, 0)
					}
					return sum
				})

				copy(dst, before)
				s := &Samples{X: w, Off: []int{2 * n, 0, n}[:1+n%3], W: []float32{0.1, 0.2, 0.3}[:1+n%3]}
				tier.Blend(dst, s)
				check("blend", func(i int) (sum float64) {
					for p, at := range s.Off {
						sum += float64(s.W[p]) * float64(w[at+i])
					}
					return sum
				})
			}
		}
	}
}

// BenchmarkTile measures tiles at full size on a 3×3 convolution of 256
// channels. Cores are shared, and slow down under wide vectors: beside GFLOP/s
// it reports the share of what a loop on registers did in between, of both the
// best of many short samples.
func BenchmarkTile(b *testing.B) {
	for _, tier := range runnable(b) {
		for _, tl := range tier.Tiles {
			b.Run(tl.Name, func(b *testing.B) {
				const k, taps = 256, 9
				r := rand.New(rand.NewPCG(7, 8))
				a := &Args{Rows: tl.Rows, Cols: tl.Cols, Taps: taps, K: k}
				a.A, a.B = make([]float32, (tl.Rows+taps)*k), make([]float32, taps*k*tl.Cols)
				fill(r, a.A)
				fill(r, a.B)
				a.C, a.Bias = make([]float32, tl.Rows*tl.Cols), make([]float32, tl.Cols)
				for t := range taps {
					for i := range tl.Rows {
						a.AOff = append(a.AOff, (t+i)*k)
					}
				}
				for i := range tl.Rows {
					a.COff = append(a.COff, i*tl.Cols)
				}
				var best, ceiling float64
				for b.Loop() {
					ceiling = max(ceiling, peak(&tier))
					start := time.Now()
					tl.Run(a)
					rate := 2 * float64(taps*k*tl.Rows*tl.Cols) / float64(time.Since(start).Nanoseconds())
					best = max(best, rate)
				}
				b.ReportMetric(best, "GFLOP/s")
				if tier.Peak != nil {
					b.ReportMetric(100*best/ceiling, "%peak")
				}
			})
		}
	}
}

// peak returns what the tier's loop on registers does in some 10 µs, in GFLOP/s.
func peak(t *Tier) float64 {
	if t.Peak == nil {
		return 1
	}
	const n = 3000
	start := time.Now()
	t.Peak(n)
	return 24 * n * float64(t.Lanes) / float64(time.Since(start).Nanoseconds())
}
