//go:build linux && cgo && !nocuda

package kernel_test

import (
	"math"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// attention has heads of few channels, which are no multiple of anything, and of more than a block holds at once. Scores
// grow with the keys.
func attention(a *applier) (got []float32, want []float64) {
	for _, t := range []struct{ tokens, heads, d int }{{37, 3, 7}, {33, 1, 101}} {
		const pictures = 2
		e := t.heads * t.d
		s, ys := ceil(3*e, 8)*8, ceil(e, 8)*8
		x := a.form.fill(source(), pictures*t.tokens, s, 3*e)
		for i := range x {
			if channel := i % s; e <= channel && channel < 2*e {
				x[i] = a.form.number(a.form.bitsOf(x[i] * float32(1+i/s%t.tokens/4)))
			}
		}
		tiles, parts, scale := ceil(t.tokens, 32), ceil(t.d, 96), 1/math.Sqrt(float64(t.d))
		y := a.applyIn("attention_"+a.form.name, pictures*t.tokens*ys, [3]uint32{uint32(pictures * t.heads * tiles * parts)},
			[3]uint32{256}, func(y *driver.Buffer) []any {
				return []any{a.maps(x), y, t.tokens, s, ys, e, t.d, tiles, parts, float32(scale)}
			})
		if y == nil {
			return nil, nil
		}
		got = append(got, y...)
		for i := range pictures * t.tokens * ys {
			token, channel := i/ys, i%ys
			if channel >= e {
				want = append(want, 0)
				continue
			}
			head, first := channel/t.d*t.d, token/t.tokens*t.tokens
			var sum, all float64
			for other := first; other < first+t.tokens; other++ {
				score := 0.0
				for c := range t.d {
					score += float64(x[token*s+head+c]) * float64(x[other*s+e+head+c])
				}
				share := math.Exp(score * scale)
				sum, all = sum+share*float64(x[other*s+2*e+channel]), all+share
			}
			want = append(want, sum/all)
		}
	}
	return got, want
}
