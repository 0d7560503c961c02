package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// attention computes, for each head and pixel i of a picture,
//
//	y[i] = Σ_j softmax_j(q[i]·k[j]/√d) · v[j]
//
// (N, 3E, H, W) → (N, E, H, W).
func attention(o *op.Attention, y, x *tensor.Tensor) {
	channels, tokens := y.Shape()[1], y.Shape()[2:].Len()
	d := channels / o.Heads
	weights := make([]float64, tokens)
	for n := range x.Shape()[0] {
		for head := range o.Heads {
			q := func(c int) []float32 { return plane(x, n, head*d+c) }
			k := func(c int) []float32 { return plane(x, n, channels+head*d+c) }
			v := func(c int) []float32 { return plane(x, n, 2*channels+head*d+c) }
			for i := range tokens {
				greatest, sum := math.Inf(-1), 0.0
				for j := range tokens {
					weights[j] = 0
					for c := range d {
						weights[j] += float64(q(c)[i]) * float64(k(c)[j]) / math.Sqrt(float64(d))
					}
					greatest = max(greatest, weights[j])
				}
				for j := range tokens {
					weights[j] = math.Exp(weights[j] - greatest)
					sum += weights[j]
				}
				for c := range d {
					var mean float64
					for j := range tokens {
						mean += weights[j] / sum * float64(v(c)[j])
					}
					plane(y, n, head*d+c)[i] = float32(mean)
				}
			}
		}
	}
}

func attentionCases() (cases []testCase) {
	for _, a := range []struct{ n, heads, d, h, w int }{
		{1, 2, 64, 197, 1}, // ViT-B/16's tokens, two of its twelve heads
		{3, 3, 64, 10, 5},
		{1, 1, 80, 37, 1}, // ViT-H/14's heads
		{2, 5, 7, 11, 3},
		{1, 3, 1, 5, 2},
		{2, 1, 33, 13, 1},
		{1, 2, 16, 33, 1},
		{1, 4, 32, 64, 1},
		{2, 2, 8, 1, 1}, // a pixel has only itself to attend to
		{0, 2, 8, 3, 1},
		{2, 2, 8, 0, 4},
	} {
		name := fmt.Sprintf("scaled_dot_product_attention/%d pictures %d heads of %d on %dx%d", a.n, a.heads, a.d, a.h, a.w)
		cases = append(cases, numeric(name, func(s source) sample {
			return one(&op.Attention{Heads: a.heads}, s.normal(a.n, 3*a.heads*a.d, a.h, a.w))
		}))
	}
	// Scores whose exponentials are infinite, and differ by more than any exponential can tell.
	return append(cases, numeric("scaled_dot_product_attention/scores of hundreds", func(s source) sample {
		x := s.normal(1, 3*2*16, 19, 1)
		for i := range len(floats(x)) * 2 / 3 {
			floats(x)[i] = float32(math.Round(12 * float64(floats(x)[i])))
		}
		return one(&op.Attention{Heads: 2}, x)
	}))
}
