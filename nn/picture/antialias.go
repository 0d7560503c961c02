package picture

import "math"

// ResizeAntialias resizes one float32 plane, src of sh×sw (H, W) into dst of dh×dw, as torch's
// interpolate(mode="bilinear" or "bicubic", align_corners=False, antialias=True) does on the CPU, which is what
// torchvision's resize does to a tensor since version 0.15. The slices must hold at least dh*dw and sh*sw values and
// must not overlap; an empty plane leaves dst as it is.
//
// The filters are those of [RGB.Resize] but for Nearest, which counts as Box. As torch does it computes positions and
// weights in float32, the width first and then the height, and clamps nothing: Bicubic and Lanczos go beyond the range
// of their neighbours. Three of four results equal torch 2.15's; the others, where its vector code sums in another
// order, differ by up to 6e-7 of the samples' range. For a width of one torch gives something else, a fault of its own.
func ResizeAntialias(dst []float32, dh, dw int, src []float32, sh, sw int, f Filter) {
	if dh <= 0 || dw <= 0 || sh <= 0 || sw <= 0 {
		return
	}
	columns, rows := newWindows(f, sw, dw), newWindows(f, sh, dh)
	from, to := rows[0].first, rows[dh-1].first+len(rows[dh-1].weights)
	middle := make([]float32, (to-from)*dw)
	for y := from; y < to; y++ {
		in, out := src[y*sw:(y+1)*sw], middle[(y-from)*dw:(y-from+1)*dw]
		for x := range columns {
			s := in[columns[x].first:]
			t := float32(0)
			for k, w := range columns[x].weights {
				t = fma32(s[k], w, t)
			}
			out[x] = t
		}
	}
	for y := range rows {
		out := dst[y*dw : (y+1)*dw]
		clear(out)
		for k, w := range rows[y].weights {
			in := middle[(rows[y].first-from+k)*dw:][:dw]
			for x, v := range in {
				out[x] = fma32(v, w, out[x])
			}
		}
	}
}

// A window makes one output sample from the input samples first, first+1, ….
type window struct {
	first   int
	weights []float32
}

// newWindows is _compute_indices_min_size_weights_aa of torch's UpSampleKernel.cpp, for in samples resized to out.
func newWindows(f Filter, in, out int) []window {
	if f == Nearest {
		f = Box
	}
	scale := float32(in) / float32(out)
	support, inverse := float32(f.support()), float32(1)
	if scale >= 1 {
		support, inverse = support*scale, 1/scale
	}
	windows := make([]window, out)
	most := int(math.Ceil(float64(support)))*2 + 1
	all := make([]float32, out*most)
	for i := range windows {
		center := float32(float64(scale) * (float64(i) + 0.5))
		first := max(int(float64(center-support)+0.5), 0)
		n := min(max(min(int(float64(center+support)+0.5), in)-first, 0), most)
		weights := all[i*most:][:n]
		sum := float32(0)
		for k := range weights {
			at := float32((float64(float32(k+first)-center) + 0.5) * float64(inverse))
			weights[k] = float32(f.weight(float64(at)))
			sum += weights[k]
		}
		for k := range weights {
			if sum != 0 {
				weights[k] /= sum
			}
		}
		windows[i] = window{first, weights}
	}
	return windows
}
