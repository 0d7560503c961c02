package kernels

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

func TestTopKIsTheHeadOfASort(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for range 200 {
		scores := make([]float32, r.IntN(60))
		for i := range scores {
			scores[i] = float32(r.IntN(9)-4) / 2 // many are equal
			if r.IntN(10) == 0 {
				scores[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)),
					float32(math.Copysign(0, -1))}[r.IntN(4)]
			}
		}
		want := make([]int, len(scores))
		for i := range want {
			want[i] = i
		}
		slices.SortStableFunc(want, func(a, b int) int { // a NaN comes first
			x, y := scores[a], scores[b]
			if nx, ny := x != x, y != y; nx || ny {
				return boolToInt(ny) - boolToInt(nx)
			}
			return cmp.Compare(y, x) // in which −0 equals 0
		})
		k := r.IntN(len(scores) + 2)
		top := topK(make([]key, 0, k))
		for i, s := range scores {
			top.push(keyOf(s, i))
		}
		slices.Sort(top)
		for i, key := range top {
			if key.number() != want[i] {
				t.Fatalf("of %v place %d of %d is %d, want %d", scores, i, k, key.number(), want[i])
			}
		}
		if len(top) != min(k, len(scores)) {
			t.Fatalf("%d of %d kept for k = %d", len(top), len(scores), k)
		}
	}
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestSuppressGoesClassByClass compares the single pass with torchvision's
// definition: each class by itself, then everything kept by score.
func TestSuppressGoesClassByClass(t *testing.T) {
	r := rand.New(rand.NewPCG(25, 26))
	for range 200 {
		const classes = 5
		n := r.IntN(80)
		c := candidatesIn(make([]float32, candidateFloats(n, classes)), n, classes)
		for range n {
			x, y := r.Float32()*20, r.Float32()*20
			c.add(box{x, y, x + 3 + r.Float32()*9, y + 3 + r.Float32()*9}, float32(r.IntN(20))/20, r.IntN(classes))
		}
		order := func(list []int) {
			slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(c.scores[b], c.scores[a]) })
		}
		var want []int
		for class := range classes {
			var list, kept []int
			for i := range n {
				if c.class[i] == int32(class) {
					list = append(list, i)
				}
			}
			order(list)
			for _, i := range list {
				if !slices.ContainsFunc(kept, func(j int) bool {
					return float64(overlap(c.boxes[j], c.boxes[i], c.boxes[j].area(), c.boxes[i].area())) > 0.3
				}) {
					kept = append(kept, i)
				}
			}
			want = append(want, kept...)
		}
		slices.Sort(want)
		order(want)
		limit := r.IntN(n + 2)
		want = want[:min(limit, len(want))]

		got := c.suppress(c.boxes[:n], c.class[:n], 0.3, limit)
		if len(got) != len(want) {
			t.Fatalf("%d kept of %d, want %d", len(got), n, len(want))
		}
		for i := range got {
			if int(got[i]) != want[i] {
				t.Fatalf("place %d is %d, want %d", i, got[i], want[i])
			}
		}
	}
}

// TestManyCandidatesAreNotMovedApart: the coordinate trick ends where
// torchvision's does.
func TestManyCandidatesAreNotMovedApart(t *testing.T) {
	for _, n := range []int{op.CoordinateTrick, op.CoordinateTrick + 1} {
		c := candidatesIn(make([]float32, candidateFloats(n, 3)), n, 3)
		// Two boxes of class 2 that overlap by a hair more than half, which
		// shifting by 2·(2²⁰+1) rounds away: 1/8 is the distance of floats there.
		c.add(box{0, 0, 1, 1}, 1, 2)
		c.add(box{0, 0.49, 1, 1}, 0.9, 2)
		for c.n < n {
			c.add(box{1 << 20, 1 << 20, 1 << 20, 1 << 20}, 0.1, 0)
		}
		kept := c.best(0.505, 2)
		if second := int(kept[1]); (second == 1) != (n <= op.CoordinateTrick) {
			t.Errorf("of %d candidates the second kept is %d", n, second)
		}
	}
}

func TestStrides(t *testing.T) {
	for c := range 5000 {
		s := strideFor(c)
		if s < c || c >= 32 && (s%lineFloats != 0 || s%512 == 0 || s >= c+2*lineFloats) {
			t.Fatalf("%d channels have stride %d", c, s)
		}
	}
}

func TestBlocksCoverTheSum(t *testing.T) {
	for _, taps := range []int{0, 1, 2, 4, 9, 49, 300} {
		for _, k := range []int{0, 1, 3, 64, 512, 1535, 1536, 1537, 12544} {
			for _, apart := range []bool{false, true} {
				at := 0
				for _, b := range blocks(taps, k, apart) {
					if b.tap*k+b.k != at || b.taps > 1 && b.length != k || b.taps*b.length > blockLength ||
						apart && b.taps > 1 && k > 0 {
						t.Errorf("%d taps of %d: block %+v at %d", taps, k, b, at)
					}
					at += b.taps * b.length
				}
				if at != taps*k {
					t.Errorf("%d taps of %d: blocks end at %d", taps, k, at)
				}
			}
		}
	}
}

// TestDetectorEndsWhateverItIsGiven: NaN, infinities and counts that cannot be
// neither panic nor hang, and what comes out are boxes in the picture.
func TestDetectorEndsWhateverItIsGiven(t *testing.T) {
	r := rand.New(rand.NewPCG(31, 32))
	strange := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 3e38, -3e38, 1e-40, 0}
	wild := func(shape ...int) *tensor.Tensor {
		x := normal(r, shape...)
		for i := range must(tensor.Data[float32](x)) {
			if r.IntN(4) == 0 {
				must(tensor.Data[float32](x))[i] = strange[r.IntN(len(strange))]
			}
		}
		return x
	}
	var b builder
	sizes, image, logits, deltas := b.input(tensor.Float32), b.input(tensor.Float32), b.input(tensor.Float32), b.input(tensor.Float32)
	boxes, counts := b.value(), b.value()
	b.Nodes = append(b.Nodes, op.Node{Path: "rpn", Op: &op.Proposals{
		Anchors: [][][4]float32{{{-4, -4, 4, 4}, {-8, -4, 8, 4}}}, PreNMS: 90, PostNMS: 50, NMSThreshold: 0.7, MinSize: 1e-3,
	}, In: []op.Value{sizes, image, logits, deltas}, Out: []op.Value{boxes, counts}})
	given, number, classes, moves := b.input(tensor.Float32), b.input(tensor.Int32), b.input(tensor.Float32), b.input(tensor.Float32)
	out := []op.Value{b.value(), b.value(), b.value(), b.value()}
	b.Nodes = append(b.Nodes, op.Node{Path: "heads", Op: &op.Detections{
		ScoreThreshold: 0.05, NMSThreshold: 0.5, MinSize: 1e-2, Max: 20, Weights: [4]float32{10, 10, 5, 5},
	}, In: []op.Value{sizes, given, number, classes, moves}, Out: out})
	pooled := b.add("pool", &op.RoIAlign{Size: 2, Sampling: 2, Scales: []float64{1, 0.5}, CanonicalScale: 8, CanonicalLevel: 1},
		given, number, image, image)
	mask := b.add("mask", &op.MaskSelect{}, b.input(tensor.Float32), b.input(tensor.Int64), number)
	b.Outputs = append([]op.Value{boxes, counts, pooled, mask}, out...)
	m := must(CPU().Load(t.Context(), &b.Graph, op.Options{}))
	m.(*model).arenas.poison = true
	for i := range 50 {
		labels := make([]int64, 2*30)
		for j := range labels {
			labels[j] = int64(r.IntN(12)) - 3
		}
		got := runOn(t, m,
			must(tensor.Of([]float32{32, 40, 20, 30}, 2, 2)), wild(2, 3, 32, 40), wild(2, 2, 8, 10), wild(2, 8, 8, 10),
			wild(2, 30, 4), must(tensor.Of([]int32{int32(r.IntN(60)) - 15, math.MaxInt32 - int32(i)}, 2)),
			wild(60, 5), wild(60, 20),
			wild(60, 5, 2, 2), must(tensor.Of(labels, 2, 30)),
		)
		for _, set := range [][2]int{{0, 1}, {4, 7}} {
			all, n := must(tensor.Data[float32](got[set[0]])), must(tensor.Data[int32](got[set[1]]))
			places := got[set[0]].Shape()[1]
			for j, v := range all {
				picture, place := j/(4*places), j/4%places
				limit := [][2]float32{{40, 32}, {30, 20}}[picture][j%2]
				if !(v >= 0 && v <= limit) || place >= int(n[picture]) && v != 0 {
					t.Fatalf("box %d of picture %d, of %d: coordinate %d is %v", place, picture, n[picture], j%4, v)
				}
			}
		}
	}
}
