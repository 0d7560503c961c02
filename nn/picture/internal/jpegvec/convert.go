package jpegvec

// convert is jdcolor.c's ycc_rgb_convert: constants times 2^16, rounded to nearest.
func convert(dst, luma, cb, cr []uint8) {
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

func clamp8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
