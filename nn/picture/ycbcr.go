package picture

import (
	"image"

	"github.com/argand-go/argand/nn/picture/internal/jpegvec"
)

// fromYCbCr converts what a JPEG holds as libjpeg-turbo does with its default do_fancy_upsampling: jdsample.c for
// chroma, jdcolor.c for colour. What is in every pixel is done by package jpegvec.
func fromYCbCr(p *RGB, m *image.YCbCr) {
	b := m.Rect
	if b.Min.X < 0 || b.Min.Y < 0 {
		fromAny(p, m) // Go divides negative coordinates toward zero, so there is no chroma grid to speak of
		return
	}
	hs, vs := subsampling(m.SubsampleRatio)
	first, last := image.Pt(b.Min.X/hs, b.Min.Y/vs), image.Pt((b.Max.X-1)/hs, (b.Max.Y-1)/vs)
	cw := last.X - first.X + 1
	up, loops := upsampler(hs, vs, cw), jpegvec.Best()
	cb, cr := make([]uint8, p.W), make([]uint8, p.W)
	for y := range p.H {
		ay := b.Min.Y + y
		r := ay / vs
		other := r // the next nearest chroma row, above for even rows and below for odd ones
		if vs == 2 {
			other = min(max(r+2*(ay&1)-1, first.Y), last.Y)
		}
		for _, plane := range []struct{ src, dst []uint8 }{{m.Cb, cb}, {m.Cr, cr}} {
			near, far := plane.src[(r-first.Y)*m.CStride:], plane.src[(other-first.Y)*m.CStride:]
			up(loops, plane.dst, near[:cw], far[:cw], hs, b.Min.X, ay)
		}
		yo := m.YOffset(b.Min.X, ay)
		loops.Convert(p.row(y), m.Y[yo:yo+p.W], cb, cr)
	}
}

func subsampling(r image.YCbCrSubsampleRatio) (horizontal, vertical int) {
	switch r {
	case image.YCbCrSubsampleRatio422:
		return 2, 1
	case image.YCbCrSubsampleRatio420:
		return 2, 2
	case image.YCbCrSubsampleRatio440:
		return 1, 2
	case image.YCbCrSubsampleRatio411:
		return 4, 1
	case image.YCbCrSubsampleRatio410:
		return 4, 2
	}
	return 1, 1
}

// An upsampleFunc makes one full-width chroma row from the nearest and the next nearest row of the small plane, whose
// samples are hs pixels wide. x0 and y are the picture coordinates of dst[0]; their parity says where a pixel lies
// within its chroma sample.
type upsampleFunc func(loops *jpegvec.Tier, dst []uint8, near, far []uint8, hs, x0, y int)

// upsampler chooses as jdsample.c's jinit_upsampler does. The triangle filter needs more than two chroma columns.
func upsampler(hs, vs, cw int) upsampleFunc {
	switch {
	case hs == 2 && vs == 1 && cw > 2:
		return upsampleH2V1
	case hs == 2 && vs == 2 && cw > 2:
		return upsampleH2V2
	case hs == 1 && vs == 2:
		return upsampleH1V2
	}
	return upsampleNearest
}

func upsampleNearest(_ *jpegvec.Tier, dst []uint8, near, _ []uint8, hs, x0, _ int) {
	c0 := x0 / hs
	for x := range dst {
		dst[x] = near[(x0+x)/hs-c0]
	}
}

// upsampleH2V1 is ¾ nearest + ¼ next; the rounding alternates so that it adds no bias. The rims repeat their column.
func upsampleH2V1(loops *jpegvec.Tier, dst []uint8, near, _ []uint8, _, x0, _ int) {
	rims(dst, x0&1, len(near)-1, func(inner []uint8) int { return loops.UpsampleH2V1(inner, near) },
		func(c, other, odd int) uint8 { return uint8((3*int(near[c]) + int(near[other]) + 1 + odd) >> 2) })
}

// upsampleH1V2 is upsampleH2V1 turned by 90°.
func upsampleH1V2(_ *jpegvec.Tier, dst []uint8, near, far []uint8, _, _, y int) {
	bias := 1 + y&1
	far = far[:len(near)]
	for x := range dst {
		dst[x] = uint8((3*int(near[x]) + int(far[x]) + bias) >> 2)
	}
}

// upsampleH2V2 is the product of both: 9/16, 3/16, 3/16, 1/16.
func upsampleH2V2(loops *jpegvec.Tier, dst []uint8, near, far []uint8, _, x0, _ int) {
	sum := func(c int) int { return 3*int(near[c]) + int(far[c]) }
	rims(dst, x0&1, len(near)-1, func(inner []uint8) int { return loops.UpsampleH2V2(inner, near, far) },
		func(c, other, odd int) uint8 { return uint8((3*sum(c) + sum(other) + 8 - odd) >> 4) })
}

// rims makes a row, which begins with the left sample of column 0, or with its right one if odd is 1; end is the last
// column. Columns with two neighbours are inner's, the others are made by sample, of a column and its neighbour other.
func rims(dst []uint8, odd, end int, inner func(dst []uint8) (columns int), sample func(c, other, odd int) uint8) {
	for x := 0; x < len(dst); x++ {
		at := x + odd
		if at == 2 {
			if x += 2 * inner(dst[x:]); x >= len(dst) {
				return
			}
			at = x + odd
		}
		c := at / 2
		dst[x] = sample(c, min(max(c+2*(at&1)-1, 0), end), at&1)
	}
}
