//go:build linux && cgo && !nocuda

package kernel_test

import (
	"math"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// Maps of the tests of norms have so many channels that a warp reads more than once at some element, and one that is not a
// number in a pixel of its own.
const wide, wideStride = 133, 136

func wideMaps(a *applier) (x, gamma, beta []float32) {
	r := source()
	x = a.form.fill(r, n*h*w, wideStride, wide)
	x[3*wideStride+1] = float32(math.NaN())
	return x, fill(r, 1, wideStride, wide), fill(r, 1, wideStride, wide)
}

func layerNorm(a *applier) (got []float32, want []float64) {
	const eps = 0.125
	x, gamma, beta := wideMaps(a)
	got = a.apply("layer_norm_"+a.form.name, len(x), n*h*w*32, func(y *driver.Buffer) []any {
		return []any{a.maps(x), gamma, beta, y, int64(n * h * w), a.form.per(wideStride), wide, float32(eps)}
	})
	want = make([]float64, len(x))
	for p := range n * h * w {
		v := x[p*wideStride:][:wide]
		mean, unit := moments(v, eps)
		for c := range v {
			want[p*wideStride+c] = (float64(v[c])-mean)*unit*float64(gamma[c]) + float64(beta[c])
		}
	}
	return got, want
}

// moments returns the mean of numbers, and 1 over their deviation.
func moments(v []float32, eps float64) (mean, unit float64) {
	for _, x := range v {
		mean += float64(x) / float64(len(v))
	}
	for _, x := range v {
		unit += (float64(x) - mean) * (float64(x) - mean) / float64(len(v))
	}
	return mean, 1 / math.Sqrt(unit+eps)
}

func l2Norm(a *applier) (got []float32, want []float64) {
	x, weight, _ := wideMaps(a)
	if a.form.bits != 11 {
		for c := range wide { // squares that are no float32
			x[5*wideStride+c] *= 0x1p100
		}
	}
	clear(x[7*wideStride:][:wide])
	got = a.apply("l2_norm_"+a.form.name, len(x), n*h*w*32, func(y *driver.Buffer) []any {
		return []any{a.maps(x), weight, y, int64(n * h * w), a.form.per(wideStride), wide, float32(1e-12)}
	})
	want = make([]float64, len(x))
	for p := range n * h * w {
		v, length := x[p*wideStride:][:wide], 0.0
		for _, x := range v {
			length = math.Hypot(length, float64(x))
		}
		for c := range v {
			want[p*wideStride+c] = float64(v[c]) / max(length, 1e-12) * float64(weight[c])
		}
	}
	return got, want
}

// groupNorm has groups of 3 channels and of 45, of which 4 and 32 threads have the channels of a pixel.
func groupNorm(a *applier) (got []float32, want []float64) {
	for _, g := range []struct{ groups, size, across int }{{5, 3, 4}, {3, 45, 32}} {
		const eps = 0.125
		c := g.groups * g.size
		s := ceil(c, 8) * 8
		r := source()
		x, residual := a.form.fill(r, n*h*w, s, c), a.form.fill(r, n*h*w, s, c)
		for i := range x {
			if i%s < c { // far from zero, and by another way in each picture
				x[i] = a.form.number(a.form.bitsOf(x[i]/4 + float32(i/(h*w*s)) - 4))
			}
		}
		gamma, beta := fill(r, 1, s, c), fill(r, 1, s, c)
		m := a.as(forms[0]).applyIn("group_norm_moments_"+a.form.name, 2*n*g.groups, [3]uint32{uint32(n * g.groups)},
			[3]uint32{512}, func(y *driver.Buffer) []any {
				return []any{a.maps(x), y, h * w, s, g.groups, g.size, g.across, float32(eps)}
			})
		if m == nil {
			return nil, nil
		}
		vectors := n * h * w * a.form.per(s)
		for _, plain := range []bool{false, true} {
			y := a.apply("group_norm_"+a.form.name, len(x), vectors, func(y *driver.Buffer) []any {
				list := []any{a.maps(x), gamma, beta, a.maps(residual), m, y}
				if plain {
					list[1], list[2], list[3] = nil, nil, nil
				}
				return append(list, int64(vectors), a.form.per(s), h*w, c, g.groups, g.size, 3)
			})
			if y == nil {
				return nil, nil
			}
			got = append(got, y...)
			want = append(want, groupNormed(x, s, c, g.size, eps, func(i int, v float64) float64 {
				if !plain {
					v = v*float64(gamma[i%s]) + float64(beta[i%s]) + float64(residual[i])
				}
				return act(3, v)
			})...)
		}
	}
	return got, want
}

// groupNormed returns what finish makes of the normalised numbers of groups.
func groupNormed(x []float32, s, c, size int, eps float64, finish func(i int, v float64) float64) []float64 {
	y := make([]float64, len(x))
	for image := range n {
		for first := 0; first < c; first += size {
			var places []int
			var v []float32
			for p := range h * w {
				for k := range size {
					at := (image*h*w+p)*s + first + k
					places, v = append(places, at), append(v, x[at])
				}
			}
			mean, unit := moments(v, eps)
			for _, i := range places {
				y[i] = finish(i, (float64(x[i])-mean)*unit)
			}
		}
	}
	return y
}

func tokens(a *applier) (got []float32, want []float64) {
	const count = h*w + 1
	r := source()
	x, positions := a.form.fill(r, n*h*w, s, c), fill(r, count, s, c)
	vectors := n * count * a.form.per(s)
	got = a.apply("tokens_"+a.form.name, n*count*s, vectors, func(y *driver.Buffer) []any {
		return []any{a.maps(x), positions, y, int64(vectors), a.form.per(s), count}
	})
	for i := range n * count * s {
		v := float64(positions[i%(count*s)])
		if token := i / s % count; token > 0 {
			v += float64(x[(i/(count*s)*h*w+token-1)*s+i%s])
		}
		want = append(want, v)
	}
	return got, want
}

// selectPixel has the one kernel for all forms.
func selectPixel(a *applier) (got []float32, want []float64) {
	const index = 4
	x := a.form.fill(source(), n*h*w, s, c)
	vectors := n * a.form.per(s)
	got = a.apply("select_pixel", n*s, vectors, func(y *driver.Buffer) []any {
		return []any{a.maps(x), y, int64(vectors), a.form.per(s), h * w, index}
	})
	for i := range n * s {
		want = append(want, float64(x[(i/s*h*w+index)*s+i%s]))
	}
	return got, want
}
