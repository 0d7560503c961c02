package tile

import (
	"math"
	"math/rand/v2"
	"testing"
)

// An exactAct is an activation function of a tier and what it approximates.
type exactAct struct {
	name  string
	rows  Rows
	exact func(x float64) float64
	ulps  float64
}

func (a *Acts) all() []exactAct {
	relu := func(x float64) float64 { return math.Max(x, 0) }
	relu6 := func(x float64) float64 { return math.Min(relu(x), 6) }
	return []exactAct{
		{"relu", a.ReLU, relu, 0},
		{"relu6", a.ReLU6, relu6, 0},
		{"hardsigmoid", a.HardSigmoid, func(x float64) float64 { return relu6(float64(float32(x+3))) / 6 }, 0.5},
		{"hardswish", a.HardSwish, func(x float64) float64 { return float64(float32(x*relu6(float64(float32(x+3))))) / 6 }, 0.5},
		{"sigmoid", a.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 2.5},
		{"silu", a.SiLU, func(x float64) float64 { return x / (1 + math.Exp(-x)) }, 2.5},
		{"gelu", a.GELU, func(x float64) float64 { return x / 2 * math.Erfc(-x/math.Sqrt2) }, 6},
	}
}

// actInputs are numbers of every size, the bounds of every function, and what is no number.
func actInputs() []float32 {
	inf := float32(math.Inf(1))
	x := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 1e-38, -1e-38}
	for _, at := range []float32{3, 6, 17, 87, 88, 88.7, 88.8, 89, 90, 104, 1000, 1e30} {
		x = append(x, at, -at, math.Nextafter32(at, 0), -math.Nextafter32(at, inf))
	}
	for v := float32(-95); v < 20; v += 0.0137 {
		x = append(x, v)
	}
	r := rand.New(rand.NewPCG(51, 52))
	for range 20000 {
		x = append(x, float32(r.NormFloat64()*3))
	}
	return x
}

// TestActs: functions are as exact as they say, and have the same bits in every
// tier.
func TestActs(t *testing.T) {
	x := actInputs()
	portableTier := portable()
	for _, tier := range runnable(t) {
		for i, a := range tier.Acts.all() {
			got, want := make([]float32, len(x)), make([]float32, len(x))
			a.rows(got, x, []int{0}, len(x))
			portableTier.Acts.all()[i].rows(want, x, []int{0}, len(x))
			worst := 0.0
			for j, v := range x {
				g, w := got[j], want[j]
				if math.Float32bits(g) != math.Float32bits(w) && (g == g || w == w) {
					t.Fatalf("%s %s: of %v is %v, in portable Go %v", tier.Name, a.name, v, g, w)
				}
				exact := a.exact(float64(v))
				if (exact == exact) != (g == g) {
					t.Fatalf("%s %s: of %v is %v, want %v", tier.Name, a.name, v, g, exact)
				}
				if math.IsInf(exact, 0) || exact != exact || math.Abs(exact) < 1e-36 {
					if math.Abs(exact) < 1e-36 && math.Abs(float64(g)) > 1.1e-36 || math.IsInf(exact, 0) && float64(g) != exact {
						t.Fatalf("%s %s: of %v is %v, want %v", tier.Name, a.name, v, g, exact)
					}
					continue
				}
				f := float32(math.Abs(exact))
				ulp := float64(math.Nextafter32(f, float32(math.Inf(1))) - f)
				worst = max(worst, math.Abs(float64(g)-exact)/ulp)
			}
			t.Logf("%s %s: at most %.2f ulp", tier.Name, a.name, worst)
			if worst > a.ulps {
				t.Errorf("%s %s: an error of %.2f ulp, more than %v", tier.Name, a.name, worst, a.ulps)
			}
		}
	}
}

// TestExp: the exponential of all functions is exact to its last place or so.
func TestExp(t *testing.T) {
	worst := 0.0
	for x := float32(-86); x < 88.72; x += 1.0 / 4096 {
		exact := math.Exp(float64(x))
		f := float32(exact)
		worst = max(worst, math.Abs(float64(expGo(x))-exact)/float64(math.Nextafter32(f, float32(math.Inf(1)))-f))
	}
	t.Logf("at most %.2f ulp", worst)
	if worst > 1.1 {
		t.Errorf("an error of %.2f ulp", worst)
	}
}

// TestActsOnRows: rows of every length, in place and not, without a row whose
// offset is negative, and nothing beside them.
func TestActsOnRows(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 54))
	for _, tier := range runnable(t) {
		for _, a := range tier.Acts.all() {
			for n := range 36 {
				stride := n + n%3
				all, x := guarded(4*stride+1, n%5)
				off := []int{2 * stride, -1, 0, 3 * stride}
				before := make(map[int]float32)
				for _, at := range off {
					for i := range n {
						if at >= 0 {
							x[at+i] = float32(r.NormFloat64() * 4)
							before[at+i] = x[at+i]
						}
					}
				}
				dst := x
				if n%2 == 0 {
					all, dst = guarded(4*stride+1, n%5)
				}
				a.rows(dst, x, off, n)
				for i, v := range all {
					at := i - 64 - n%5
					old, written := before[at]
					if !written && v == v {
						t.Fatalf("%s %s: wrote %v at %d, outside the rows of %d", tier.Name, a.name, v, at, n)
					}
					if want := a.exact(float64(old)); written && !(math.Abs(float64(v)-want) <= 1e-5) {
						t.Fatalf("%s %s: of %v in rows of %d is %v, want %v", tier.Name, a.name, old, n, v, want)
					}
				}
			}
		}
	}
}

// BenchmarkActs measures functions on 12 rows of 32 numbers, what a tile has
// just stored.
func BenchmarkActs(b *testing.B) {
	for _, tier := range runnable(b) {
		for _, a := range tier.Acts.all() {
			b.Run(tier.Name+"/"+a.name, func(b *testing.B) {
				const rows, n = 12, 32
				x, y, off := make([]float32, rows*n), make([]float32, rows*n), make([]int, rows)
				fill(rand.New(rand.NewPCG(55, 56)), x)
				for i := range off {
					off[i] = i * n
				}
				for b.Loop() {
					a.rows(y, x, off, n)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows/n, "ns/number")
			})
		}
	}
}
