package picture

import (
	"encoding/binary"
	"math"
)

// pilBits is the number of fraction bits of Pillow's integer filter weights: 32 less 8 of the sample and 2 spare.
const pilBits = 22

// Resize returns the picture resized to w×h pixels as Pillow 13's Image.resize((w, h), f) does it on 8-bit samples: a
// filter that widens with the reduction (antialiasing), integer weights of 22 bits, one axis after the other, rounded
// to bytes in between. It equals Pillow 13.0.0 in every bit, for every filter. A size below one gives an empty
// picture; an empty picture gives a black one.
//
// Since version 13 Pillow changes the height first if it shrinks by more than twice as many pixels as the width, and
// the width first otherwise; [Resizer] has the older order, and its own memory for those who resize many pictures.
func (p *RGB) Resize(w, h int, f Filter) *RGB {
	out := new(RGB)
	(&Resizer{Filter: f}).Resize(out, p, w, h)
	return out
}

// A Resizer resizes one picture after another, and uses its memory again: once it has seen the largest size it
// allocates nothing. The zero value is ready. It must not be used by two goroutines at a time.
type Resizer struct {
	Filter Filter // Filter is how samples are weighed; Bilinear if it is not set.
	// WidthFirst asks for the order of Pillow up to version 12. The two differ by one of 255, in some 5 % of the samples
	// of some sizes. torchvision's published accuracies were measured with this one.
	WidthFirst bool
	// Torch asks for the arithmetic that torch's interpolate(antialias=True) has for bilinear and bicubic on uint8
	// tensors, as transforms.v2 of torchvision uses it: the width first, and weights of 16 bits.
	Torch bool

	columns, rows pilFilters
	middle        RGB
	pairs         []int64
	nearest       []int
}

// Resize makes dst the picture src resized to w×h pixels, as [RGB.Resize] does. It uses dst.Pix if that has room. dst
// must not be src.
func (r *Resizer) Resize(dst, src *RGB, w, h int) {
	dst.reset(w, h)
	switch {
	case dst.W == 0 || dst.H == 0:
		return
	case src.W == 0 || src.H == 0:
		clear(dst.Pix)
		return
	case r.Filter == Nearest:
		r.resizeNearest(dst, src)
		return
	case w == src.W && h == src.H:
		copy(dst.Pix, src.Pix)
		return
	case h == src.H:
		r.columns.set(r.Filter, src.W, w, r.Torch)
		r.resizeColumns(dst, src, 0, h)
		return
	case w == src.W:
		r.rows.set(r.Filter, src.H, h, r.Torch)
		r.resizeRows(dst, src, 0)
		return
	}
	r.columns.set(r.Filter, src.W, w, r.Torch)
	r.rows.set(r.Filter, src.H, h, r.Torch)
	if !r.WidthFirst && !r.Torch && src.H-h > 0 && src.H-h > 2*(src.W-w) {
		r.middle.reset(src.W, h)
		r.resizeRows(&r.middle, src, 0)
		r.resizeColumns(dst, &r.middle, 0, h)
		return
	}
	from, to := r.rows.span() // the first pass makes only those rows that the second one reads
	r.middle.reset(w, to-from)
	r.resizeColumns(&r.middle, src, from, to)
	r.resizeRows(dst, &r.middle, from)
}

// resizeRows changes the height. Row from of the whole picture is src's first.
func (r *Resizer) resizeRows(dst, src *RGB, from int) {
	const lanes = 0x000000FF000000FF // two samples, each in the lower bits of a signed 32-bit lane
	bits := r.rows.bits
	half := int64(1<<(bits-1)<<32 | 1<<(bits-1))
	stride := 3 * src.W
	for y := range dst.H {
		first, weights := r.rows.at(y)
		in, out := src.Pix[(first-from)*stride:], dst.row(y)
		i := 0
		for ; i+8 <= stride; i += 8 {
			s0, s1, s2, s3 := half, half, half, half
			at := i
			for _, w := range weights {
				v := binary.LittleEndian.Uint64(in[at:])
				w := int64(w)
				s0 += w * int64(v&lanes)
				s1 += w * int64(v>>8&lanes)
				s2 += w * int64(v>>16&lanes)
				s3 += w * int64(v>>24&lanes)
				at += stride
			}
			o := out[i : i+8 : i+8]
			o[0], o[4] = clampPair(s0, bits)
			o[1], o[5] = clampPair(s1, bits)
			o[2], o[6] = clampPair(s2, bits)
			o[3], o[7] = clampPair(s3, bits)
		}
		for ; i < stride; i++ {
			s := int32(half)
			for k, w := range weights {
				s += w * int32(in[k*stride+i])
			}
			out[i] = clamp8(s >> bits)
		}
	}
}

// clampPair returns the two bytes that the sums in the lanes of s round to. The lower lane, where it is negative, has
// borrowed from the upper one.
func clampPair(s int64, bits uint8) (low, high uint8) {
	l := int32(s)
	return clamp8(l >> (bits & 31)), clamp8(int32((s-int64(l))>>32) >> (bits & 31))
}

// resizeColumns changes the width of src's rows from … to-1, which become dst's first. It does two rows at a time, in
// the lanes of an int64.
func (r *Resizer) resizeColumns(dst, src *RGB, from, to int) {
	bits := r.columns.bits
	half := int64(1<<(bits-1)<<32 | 1<<(bits-1))
	r.pairs = grown(r.pairs, 3*src.W)
	for y := from; y < to; y += 2 {
		other := min(y+1, to-1)
		a, b := src.row(y), src.row(other)
		b = b[:len(a)]
		pairs := r.pairs[:len(a)]
		for i, v := range a {
			pairs[i] = int64(v) | int64(b[i])<<32
		}
		outA, outB := dst.row(y-from), dst.row(other-from)
		for x := range dst.W {
			first, weights := r.columns.at(x)
			s := pairs[3*first : 3*(first+len(weights))]
			red, green, blue := half, half, half
			for _, w := range weights {
				w := int64(w)
				red += w * s[0]
				green += w * s[1]
				blue += w * s[2]
				s = s[3:]
			}
			p, q := outA[3*x:3*x+3:3*x+3], outB[3*x:3*x+3:3*x+3]
			p[0], q[0] = clampPair(red, bits)
			p[1], q[1] = clampPair(green, bits)
			p[2], q[2] = clampPair(blue, bits)
		}
	}
}

// resizeNearest is Pillow's ImagingScaleAffine, which adds the step up from pixel to pixel.
func (r *Resizer) resizeNearest(dst, src *RGB) {
	r.nearest = grown(r.nearest, dst.W)
	step := float64(src.W) / float64(dst.W)
	at := step * 0.5
	for x := range r.nearest {
		r.nearest[x] = 3 * min(int(at), src.W-1)
		at += step
	}
	step = float64(src.H) / float64(dst.H)
	at = step * 0.5
	for y := range dst.H {
		from, to := src.row(min(int(at), src.H-1)), dst.row(y)
		for x, i := range r.nearest {
			s, d := from[i:i+3:i+3], to[3*x:3*x+3:3*x+3]
			d[0], d[1], d[2] = s[0], s[1], s[2]
		}
		at += step
	}
}

// pilFilters says for each output sample of an axis from which input samples it is made: count[i] of them from first[i]
// on, with the weights from i*size on.
type pilFilters struct {
	filter       Filter
	torch        bool
	in, out      int
	size         int
	bits         uint8 // of the weights' fractions
	first, count []int
	weights      []int32
	exact        []float64
}

// at returns where output i begins to read, and its weights.
func (f *pilFilters) at(i int) (first int, weights []int32) {
	return f.first[i], f.weights[i*f.size:][:f.count[i]]
}

// span returns the inputs that are read, from … to-1.
func (f *pilFilters) span() (from, to int) {
	last := f.out - 1
	return f.first[0], f.first[last] + f.count[last]
}

// set is Pillow's precompute_coeffs and normalize_coeffs_8bpc for in samples resized to out, or what torch has in their
// place.
func (f *pilFilters) set(filter Filter, in, out int, torch bool) {
	if f.filter == filter && f.in == in && f.out == out && f.torch == torch {
		return // as it is
	}
	f.filter, f.in, f.out, f.torch = filter, in, out, torch
	scale := float64(in) / float64(out)
	wide := max(scale, 1)
	support := filter.support() * wide
	inverse := 1 / wide
	f.size = int(math.Ceil(support))*2 + 1
	f.first, f.count = grown(f.first, out), grown(f.count, out)
	f.weights, f.exact = grown(f.weights, out*f.size), grown(f.exact, out*f.size)
	most := 0.0
	for i := range out {
		center := float64((float64(i) + 0.5) * scale)
		first := max(int(center-support+0.5), 0)
		end := min(int(center+support+0.5), in)
		f.first[i], f.count[i] = first, end-first
		exact := f.exact[i*f.size:][:end-first]
		sum := 0.0
		for k := range exact {
			exact[k] = filter.weight(float64((float64(k+first) - center + 0.5) * inverse))
			sum += exact[k]
		}
		for k := range exact {
			if sum != 0 {
				exact[k] /= sum
			}
			most = max(most, exact[k])
		}
	}
	f.bits = pilBits
	if torch { // so many that the largest weight has 15
		f.bits = 0
		for f.bits < pilBits && int(0.5+most*float64(int(2)<<f.bits)) < 1<<15 {
			f.bits++
		}
	}
	for i := range out {
		fixed := f.weights[i*f.size:]
		for k, v := range f.exact[i*f.size:][:f.count[i]] {
			fixed[k] = int32(math.Copysign(0.5, v) + float64(v*float64(int(1)<<f.bits)))
		}
	}
}

// grown returns a slice of n elements, s itself if that has room; what it holds is undefined.
func grown[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]T, n)
}
