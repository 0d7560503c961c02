package picture

import "image"

// fromVP8 converts the planes of a lossy WebP as libwebp does. VP8 planes are 4:2:0 like a JPEG's, but their luma runs
// from 16 to 235 and libwebp has a triangle filter and constants of its own (dsp/upsampling.c, dsp/yuv.h); Go's
// YCbCr.At treats them as a JPEG's and shows them pale.
func fromVP8(p *RGB, m *image.YCbCr) {
	p.reset(m.Rect.Dx(), m.Rect.Dy())
	if p.W == 0 || p.H == 0 {
		return
	}
	cw, ch := (p.W+1)/2, (p.H+1)/2
	us, vs := make([]uint8, p.W), make([]uint8, p.W)
	for y := range p.H {
		near := y / 2
		far := min(max(near+2*(y&1)-1, 0), ch-1)
		for _, plane := range []struct{ src, dst []uint8 }{{m.Cb, us}, {m.Cr, vs}} {
			upsampleVP8(plane.dst, plane.src[near*m.CStride:][:cw], plane.src[far*m.CStride:][:cw])
		}
		convertVP8Row(p.row(y), m.Y[y*m.YStride:][:p.W], us, vs)
	}
}

// upsampleVP8 makes a chroma row with weights 9, 3, 3, 1 of 16. The filter is computed through two averages that lose
// their last bit, as libwebp's is, so it is not the plain rounded sum.
func upsampleVP8(dst, near, far []uint8) {
	for x := range dst {
		c := x / 2
		if x == 0 || (x == len(dst)-1 && x&1 == 1) {
			dst[x] = uint8((3*int(near[c]) + int(far[c]) + 2) >> 2)
			continue
		}
		next := c + 2*(x&1) - 1
		a, b := int(near[c]), int(near[next]) // the row of this pixel
		d, e := int(far[c]), int(far[next])   // the other row
		diagonal := (a + b + d + e + 8 + 2*(b+d)) >> 3
		dst[x] = uint8((diagonal + a) >> 1)
	}
}

func convertVP8Row(dst, luma, us, vs []uint8) {
	for x, l := range luma {
		y, u, v := int32(l)*19077>>8, int32(us[x]), int32(vs[x])
		d := dst[3*x : 3*x+3 : 3*x+3]
		d[0] = clamp8((y + v*26149>>8 - 14234) >> 6)
		d[1] = clamp8((y - u*6419>>8 - v*13320>>8 + 8708) >> 6)
		d[2] = clamp8((y + u*33050>>8 - 17685) >> 6)
	}
}
