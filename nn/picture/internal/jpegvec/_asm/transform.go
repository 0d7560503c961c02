package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The constants of the inverse cosine transform, as in transform.go of the
// package.
const (
	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172
)

// A pass holds the constants of idct8. Sums of products with one factor are
// multiplied out, which changes nothing modulo 2^32: each is one VPMADDWD of
// interleaved words.
type pass struct {
	even2, even3, z3, z4, odd0, odd1, odd2, odd3 Mem
}

func newPass() *pass {
	return &pass{
		even2: words("even2", fix0541, fix0541-fix1847),
		even3: words("even3", fix0541+fix0765, fix0541),
		z3:    words("z3", fix1175-fix1961, fix1175),
		z4:    words("z4", fix1175, fix1175-fix0390),
		odd0:  words("odd0", -fix0899, fix0298-fix0899), // of s1 and s7
		odd3:  words("odd3", fix1501-fix0899, -fix0899),
		odd1:  words("odd1", -fix2562, fix2053-fix2562), // of s3 and s5
		odd2:  words("odd2", fix3072-fix2562, -fix2562),
	}
}

// generate transforms eight times eight numbers: s[k] holds s2k of the first
// four in words 0 to 3, s2k+1 in words 4 to 7, and those of the last four in
// its upper half. The results are numbers of 32 bits, of all eight, before the
// shift to the right.
func (p *pass) generate(s [4]reg.VecVirtual, bias Mem) (t [8]reg.VecVirtual) {
	s01, s23, s45, s67 := s[0], s[1], s[2], s[3]
	sum04, difference04, sum37 := YMM(), YMM(), YMM()
	VPADDW(s45, s01, sum04) // s0+s4 and s1+s5
	VPSUBW(s45, s01, difference04)
	VPADDW(s67, s23, sum37) // s2+s6 and s3+s7

	pairs26, pairs17, pairs35, pairsZ := YMM(), YMM(), YMM(), YMM()
	VPUNPCKLWD(s67, s23, pairs26)
	VPUNPCKHWD(s67, s01, pairs17)
	VPUNPCKHWD(s45, s23, pairs35)
	VPUNPCKHWD(sum04, sum37, pairsZ)

	zero, even0, even1 := YMM(), YMM(), YMM()
	VPXOR(zero, zero, zero)
	VPUNPCKLWD(sum04, zero, even0) // shifted by 16 bits, of which 3 are too many
	VPUNPCKLWD(difference04, zero, even1)
	VPSRAD(U8(3), even0, even0)
	VPSRAD(U8(3), even1, even1)
	VPADDD(bias, even0, even0)
	VPADDD(bias, even1, even1)

	even2, even3 := YMM(), YMM()
	VPMADDWD(p.even2, pairs26, even2)
	VPMADDWD(p.even3, pairs26, even3)
	a := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	VPADDD(even3, even0, a[0])
	VPSUBD(even3, even0, a[3])
	VPADDD(even2, even1, a[1])
	VPSUBD(even2, even1, a[2])

	z3, z4 := YMM(), YMM()
	VPMADDWD(p.z3, pairsZ, z3)
	VPMADDWD(p.z4, pairsZ, z4)
	odd := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	VPMADDWD(p.odd3, pairs17, odd[0])
	VPADDD(z4, odd[0], odd[0])
	VPMADDWD(p.odd2, pairs35, odd[1])
	VPADDD(z3, odd[1], odd[1])
	VPMADDWD(p.odd1, pairs35, odd[2])
	VPADDD(z4, odd[2], odd[2])
	VPMADDWD(p.odd0, pairs17, odd[3])
	VPADDD(z3, odd[3], odd[3])
	for i := range 4 {
		t[i], t[7-i] = YMM(), YMM()
		VPADDD(odd[i], a[i], t[i])
		VPSUBD(odd[i], a[i], t[7-i])
	}
	return t
}

func shiftRight(t [8]reg.VecVirtual, bits uint) {
	for _, v := range t {
		VPSRAD(U8(bits), v, v)
	}
}

// interleaved unpacks b and c with an instruction for the lower parts and one
// for the upper.
func interleaved(low, high func(...Op), b, c reg.VecVirtual) (l, h reg.VecVirtual) {
	l, h = YMM(), YMM()
	low(c, b, l)
	high(c, b, h)
	return l, h
}

// transform generates the transform of a block: columns in the lanes first,
// then rows.
func transform() string {
	p := newPass()
	bias1, bias2 := longs("bias1", 1<<10), longs("bias2", 128<<18+1<<17)
	columns := shuffle("columns", func(i int) int { return i%4*4 + i/4 }) // a transposition of 4×4 bytes

	TEXT("transformAVX2", NOSPLIT, "func(dst *uint8, stride int, coefs *int16, quant *uint16)")
	dst := Mem{Base: Load(Param("dst"), GP64())}
	stride := Load(Param("stride"), GP64())
	coefs, quant := Mem{Base: Load(Param("coefs"), GP64())}, Mem{Base: Load(Param("quant"), GP64())}
	var s [4]reg.VecVirtual
	for i := range s {
		s[i] = YMM()
		VMOVDQU(coefs.Offset(32*i), s[i])
		VPMULLW(quant.Offset(32*i), s[i], s[i])
		VPERMQ(U8(0xD8), s[i], s[i]) // the first halves of both rows to the first half
	}
	t := p.generate(s, bias1)
	shiftRight(t, 11)

	// Rows a to h of columns 0 to 3 and, in the upper half, 4 to 7.
	var rows [4]reg.VecVirtual // ae, bf, cg, dh
	for i := range rows {
		rows[i] = YMM()
		VPACKSSDW(t[4+i], t[i], rows[i])
	}
	ab, ef := interleaved(VPUNPCKLWD, VPUNPCKHWD, rows[0], rows[1])
	cd, gh := interleaved(VPUNPCKLWD, VPUNPCKHWD, rows[2], rows[3])
	abcd01, abcd23 := interleaved(VPUNPCKLDQ, VPUNPCKHDQ, ab, cd)
	efgh01, efgh23 := interleaved(VPUNPCKLDQ, VPUNPCKHDQ, ef, gh)
	lower := func(v ...Op) { VPERM2I128(U8(0x20), v[0], v[1], v[2]) }
	upper := func(v ...Op) { VPERM2I128(U8(0x31), v[0], v[1], v[2]) }
	s[0], s[2] = interleaved(lower, upper, abcd01, efgh01)
	s[1], s[3] = interleaved(lower, upper, abcd23, efgh23)
	t = p.generate(s, bias2)
	shiftRight(t, 18)

	// Columns of rows 0 to 3 and, in the upper half, 4 to 7.
	var halves [2]reg.VecVirtual
	for i := range halves {
		c := t[4*i:]
		low, high := YMM(), YMM()
		halves[i] = YMM()
		VPACKSSDW(c[1], c[0], low)
		VPACKSSDW(c[3], c[2], high)
		VPACKUSWB(high, low, halves[i])
		VPSHUFB(columns, halves[i], halves[i])
	}
	rows0145, rows2367 := interleaved(VPUNPCKLDQ, VPUNPCKHDQ, halves[0], halves[1])
	store := func(first, second reg.Vec) {
		VMOVQ(first.AsX(), dst)
		VPEXTRQ(U8(1), first.AsX(), dst.Idx(stride, 1))
		LEAQ(dst.Idx(stride, 2), dst.Base)
		VMOVQ(second.AsX(), dst)
		VPEXTRQ(U8(1), second.AsX(), dst.Idx(stride, 1))
	}
	store(rows0145, rows2367)
	LEAQ(dst.Idx(stride, 2), dst.Base)
	VEXTRACTI128(U8(1), rows0145, rows0145.AsX())
	VEXTRACTI128(U8(1), rows2367, rows2367.AsX())
	store(rows0145, rows2367)
	VZEROUPPER()
	RET()
	return "transformAVX2(dst *uint8, stride int, coefs *int16, quant *uint16)"
}
