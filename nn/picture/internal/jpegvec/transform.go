package jpegvec

// The constants of the inverse cosine transform, times 2^13.
const (
	fix0298 = 2446  // 0.298631336
	fix0390 = 3196  // 0.390180644
	fix0541 = 4433  // 0.541196100
	fix0765 = 6270  // 0.765366865
	fix0899 = 7373  // 0.899976223
	fix1175 = 9633  // 1.175875602
	fix1501 = 12299 // 1.501321110
	fix1847 = 15137 // 1.847759065
	fix1961 = 16069 // 1.961570560
	fix2053 = 16819 // 2.053119869
	fix2562 = 20995 // 2.562915447
	fix3072 = 25172 // 3.072711026
)

// transform is the accurate integer transform of libjpeg (jidctint.c: Loeffler, Ligtenberg and Moschytz, "Practical
// Fast 1-D DCT Algorithms with 11 Multiplications", 1989), columns first, with 2 more bits between. Where a damaged
// file's numbers exceed 16 bits they wrap and saturate as they do in libjpeg-turbo's vector code.
func transform(dst []uint8, stride int, b *[64]int16, q *[64]uint16) {
	var mid [64]int32
	at := func(k int) int32 { return int32(int16(int32(b[k]) * int32(q[k]))) }
	right := int16(0) // whether a column but the first has anything
	for i := range 8 {
		below := b[8+i] | b[16+i] | b[24+i] | b[32+i] | b[40+i] | b[48+i] | b[56+i]
		if i > 0 {
			right |= b[i] | below
		}
		m := mid[i : i+57]
		if below == 0 {
			if b[i] != 0 {
				v := clamp16(at(i) << 2)
				m[0], m[8], m[16], m[24], m[32], m[40], m[48], m[56] = v, v, v, v, v, v, v, v
			}
			continue
		}
		s0, s1, s2, s3, s4, s5, s6, s7 := idct8(1<<10,
			at(i), at(8+i), at(16+i), at(24+i), at(32+i), at(40+i), at(48+i), at(56+i))
		m[0], m[8], m[16], m[24] = clamp16(s0>>11), clamp16(s1>>11), clamp16(s2>>11), clamp16(s3>>11)
		m[32], m[40], m[48], m[56] = clamp16(s4>>11), clamp16(s5>>11), clamp16(s6>>11), clamp16(s7>>11)
	}
	const bias = 128<<18 + 1<<17
	for i := range 8 {
		d, m := dst[i*stride:i*stride+8:i*stride+8], mid[8*i:8*i+8:8*i+8]
		if right == 0 {
			v := clamp8((m[0]<<13 + bias) >> 18)
			d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7] = v, v, v, v, v, v, v, v
			continue
		}
		s0, s1, s2, s3, s4, s5, s6, s7 := idct8(bias, m[0], m[1], m[2], m[3], m[4], m[5], m[6], m[7])
		d[0], d[1], d[2], d[3] = clamp8(s0>>18), clamp8(s1>>18), clamp8(s2>>18), clamp8(s3>>18)
		d[4], d[5], d[6], d[7] = clamp8(s4>>18), clamp8(s5>>18), clamp8(s6>>18), clamp8(s7>>18)
	}
}

// idct8 is the transform of 8 numbers, times 2^13·√8, plus bias.
func idct8(bias, s0, s1, s2, s3, s4, s5, s6, s7 int32) (t0, t1, t2, t3, t4, t5, t6, t7 int32) {
	z := (s2 + s6) * fix0541
	even2, even3 := z-s6*fix1847, z+s2*fix0765
	even0 := int32(int16(s0+s4))<<13 + bias
	even1 := int32(int16(s0-s4))<<13 + bias
	a0, a3, a1, a2 := even0+even3, even0-even3, even1+even2, even1-even2

	z3, z4 := int32(int16(s7+s3)), int32(int16(s5+s1))
	z5 := (z3 + z4) * fix1175
	z1, z2 := (s7+s1)*fix0899, (s5+s3)*fix2562
	z3, z4 = z5-z3*fix1961, z5-z4*fix0390
	odd0 := s7*fix0298 - z1 + z3
	odd1 := s5*fix2053 - z2 + z4
	odd2 := s3*fix3072 - z2 + z3
	odd3 := s1*fix1501 - z1 + z4
	return a0 + odd3, a1 + odd2, a2 + odd1, a3 + odd0, a3 - odd0, a2 - odd1, a1 - odd2, a0 - odd3
}

func clamp16(v int32) int32 { return min(max(v, -1<<15), 1<<15-1) }
