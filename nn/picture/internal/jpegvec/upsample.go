package jpegvec

import "encoding/binary"

// inner returns how many columns of near have neighbours on both sides and
// room in dst.
func inner(dst, near []uint8) int { return max(min(len(near)-2, len(dst)/2), 0) }

// upsampleH2V1 rounds up and down in turns, so that it adds no bias.
func upsampleH2V1(dst, near []uint8) (columns int) {
	columns = inner(dst, near)
	for i := range columns {
		n, d := near[i:i+3:i+3], dst[2*i:2*i+2:2*i+2]
		here := 3 * int(n[1])
		d[0] = uint8((here + int(n[0]) + 1) >> 2)
		d[1] = uint8((here + int(n[2]) + 2) >> 2)
	}
	return columns
}

// upsampleH2V2 does eight columns at a time: four numbers of 16 bits lie in a
// word.
func upsampleH2V2(dst, near, far []uint8) (columns int) {
	const bytes = 0x00FF00FF00FF00FF
	const eights, sevens = 0x0008000800080008, 0x0007000700070007
	n := inner(dst, near)
	if n == 0 {
		return 0
	}
	before := uint64(3*int(near[0]) + int(far[0]))
	for columns+8 <= n {
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
	sum := func(c int) int { return 3*int(near[c]) + int(far[c]) }
	for ; columns < n; columns++ {
		left, here, right := sum(columns), 3*sum(columns+1), sum(columns+2)
		dst[2*columns] = uint8((here + left + 8) >> 4)
		dst[2*columns+1] = uint8((here + right + 7) >> 4)
	}
	return columns
}

// spread moves the lower two numbers of 16 bits to places 0 and 2.
func spread(v uint64) uint64 {
	v &= 0xFFFFFFFF
	return (v | v<<16) & 0x0000FFFF0000FFFF
}
