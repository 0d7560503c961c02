package picture

import (
	"encoding/binary"
	"image"
)

// fromYCbCr converts what a JPEG holds as libjpeg-turbo does with its default do_fancy_upsampling: jdsample.c for
// chroma, jdcolor.c for colour.
func fromYCbCr(p *RGB, m *image.YCbCr) {
	b := m.Rect
	if b.Min.X < 0 || b.Min.Y < 0 {
		fromAny(p, m) // Go divides negative coordinates toward zero, so there is no chroma grid to speak of
		return
	}
	hs, vs := subsampling(m.SubsampleRatio)
	first, last := image.Pt(b.Min.X/hs, b.Min.Y/vs), image.Pt((b.Max.X-1)/hs, (b.Max.Y-1)/vs)
	cw := last.X - first.X + 1
	up := upsampler(hs, vs, cw)
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
			up(plane.dst, near[:cw], far[:cw], hs, b.Min.X, ay)
		}
		yo := m.YOffset(b.Min.X, ay)
		convertRow(p.row(y), m.Y[yo:yo+p.W], cb, cr)
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
type upsampleFunc func(dst []uint8, near, far []uint8, hs, x0, y int)

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

func upsampleNearest(dst []uint8, near, _ []uint8, hs, x0, _ int) {
	c0 := x0 / hs
	for x := range dst {
		dst[x] = near[(x0+x)/hs-c0]
	}
}

// upsampleH2V1 is ¾ nearest + ¼ next; the rounding alternates so that it adds no bias.
func upsampleH2V1(dst []uint8, near, _ []uint8, _, x0, _ int) {
	c0, end := x0/2, len(near)-1
	for x := range dst {
		odd := (x0 + x) & 1
		c := (x0+x)/2 - c0
		next := near[min(max(c+2*odd-1, 0), end)]
		dst[x] = uint8((3*int(near[c]) + int(next) + 1 + odd) >> 2)
	}
}

// upsampleH1V2 is upsampleH2V1 turned by 90°.
func upsampleH1V2(dst []uint8, near, far []uint8, _, _, y int) {
	bias := 1 + y&1
	far = far[:len(near)]
	for x := range dst {
		dst[x] = uint8((3*int(near[x]) + int(far[x]) + bias) >> 2)
	}
}

// upsampleH2V2 is the product of both: 9/16, 3/16, 3/16, 1/16.
func upsampleH2V2(dst []uint8, near, far []uint8, _, x0, _ int) {
	c, end := 0, len(near)-1
	far = far[:len(near)]
	sum := func(c int) int { return 3*int(near[c]) + int(far[c]) }
	here := sum(0) // of this column; the rims repeat theirs
	before := here
	for x := 0; x < len(dst); c++ {
		if x > 0 && c+9 <= len(near) && x+16 <= len(dst) && (x0+x)&1 == 0 {
			n := upsample8(dst[x:], near[c-1:], far[c-1:])
			x, c = x+2*n, c+n
			here, before = sum(c), sum(c-1)
			if x >= len(dst) {
				return
			}
		}
		after := here
		if c < end {
			after = sum(c + 1)
		}
		if x > 0 || x0&1 == 0 {
			dst[x] = uint8((3*here + before + 8) >> 4)
			x++
		}
		if x < len(dst) {
			dst[x] = uint8((3*here + after + 7) >> 4)
			x++
		}
		before, here = here, after
	}
}

// upsample8 makes the samples of eight columns at a time, and returns of how many columns it made them: those from
// near[1] on, as long as one more column follows. Four numbers of 16 bits lie in a word.
func upsample8(dst []uint8, near, far []uint8) (columns int) {
	const bytes = 0x00FF00FF00FF00FF
	const eights, sevens = 0x0008000800080008, 0x0007000700070007
	before := uint64(3*int(near[0]) + int(far[0]))
	for columns+10 <= len(near) && 2*columns+16 <= len(dst) {
		v, w := binary.LittleEndian.Uint64(near[columns+1:]), binary.LittleEndian.Uint64(far[columns+1:])
		even := 3*(v&bytes) + w&bytes
		odd := 3*(v>>8&bytes) + w>>8&bytes
		next := uint64(3*int(near[columns+9]) + int(far[columns+9]))
		evenLeft := (3*even + (odd<<16 | before) + eights) >> 4 & bytes
		evenRight := (3*even + odd + sevens) >> 4 & bytes
		oddLeft := (3*odd + even + eights) >> 4 & bytes
		oddRight := (3*odd + (even>>16 | next<<48) + sevens) >> 4 & bytes
		e, o := evenLeft|evenRight<<8, oddLeft|oddRight<<8
		d := dst[2*columns : 2*columns+16 : 2*columns+16]
		binary.LittleEndian.PutUint64(d, spread(e)|spread(o)<<16)
		binary.LittleEndian.PutUint64(d[8:], spread(e>>32)|spread(o>>32)<<16)
		before = odd >> 48
		columns += 8
	}
	return columns
}

// spread moves the lower two numbers of 16 bits to places 0 and 2.
func spread(v uint64) uint64 {
	v &= 0xFFFFFFFF
	return (v | v<<16) & 0x0000FFFF0000FFFF
}

// convertRow is jdcolor.c's ycc_rgb_convert: constants times 2^16, rounded to nearest.
func convertRow(dst, luma, cb, cr []uint8) {
	const (
		half    = 1 << 15
		redCr   = 91881  // 1.40200
		blueCb  = 116130 // 1.77200
		greenCb = 22554  // 0.34414
		greenCr = 46802  // 0.71414
	)
	cb, cr, dst = cb[:len(luma)], cr[:len(luma)], dst[:3*len(luma)]
	for x, l := range luma {
		y, b, r := int32(l), int32(cb[x])-128, int32(cr[x])-128
		d := dst[3*x : 3*x+3 : 3*x+3]
		d[0] = clamp8(y + (redCr*r+half)>>16)
		d[1] = clamp8(y + (half-greenCb*b-greenCr*r)>>16)
		d[2] = clamp8(y + (blueCb*b+half)>>16)
	}
}
