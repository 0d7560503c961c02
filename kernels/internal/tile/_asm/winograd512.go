package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of winograd.go with 16 channels at a time, with registers
// enough to keep intermediate values in, and fetching the next tile's pixels
// ahead into L2. Per 16 channels of a large image on an EPYC 9004, the input
// transform takes 130 ns so, 178 fetching into L1, and 293 in winograd.go, whose
// other tiers it is for; with everything in L1 these are 60, 60 and 80.

var z = avx512.regs

// broadcastConstants loads constants into the last registers.
func broadcastConstants(data Mem, which ...int) []reg.VecPhysical {
	regs := z[len(z)-len(which):]
	for i, c := range which {
		VBROADCASTSS(data.Offset(32*c), regs[i])
	}
	return regs
}

// patch512 generates the input transform of n channels from the given one on,
// n a positive multiple of 16. Rows of the result are made alone or in pairs,
// 6 or 12 registers, from pixels read again for each: 84 loads, where storing
// 36 intermediate values and loading them took 72 of each.
func patch512(data Mem) string {
	TEXT("patchAVX512", NOSPLIT, "func(p *byte, from, n int)")
	p, from, n := Load(Param("p"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	x, off, at := GP64(), GP64(), GP64()
	MOVQ(Mem{Base: p, Disp: patchX}, x)
	LEAQ(Mem{Base: x, Index: from, Scale: 4}, x)
	MOVQ(Mem{Base: p, Disp: patchOff}, off)
	v, stride := GP64(), GP64()
	MOVQ(Mem{Base: p, Disp: patchV}, v)
	LEAQ(Mem{Base: v, Index: from, Scale: 4}, v)
	MOVQ(Mem{Base: p, Disp: patchStride}, stride)
	SHLQ(U8(2), stride)
	ahead := GP64() // x of the next tile
	MOVQ(Mem{Base: p, Disp: patchAhead}, ahead)
	LEAQ(Mem{Base: x, Index: ahead, Scale: 4}, ahead)
	k := broadcastConstants(data, point1, point2, square1, square2, sumOf, productOf)
	p1, p2, q1, q2, sum, prod := k[0], k[1], k[2], k[3], k[4], k[5]

	d := func(i, j int) Mem { // pixel j of row i
		MOVQ(Mem{Base: off, Disp: 8 * (6*i + j)}, at)
		return Mem{Base: x, Index: at, Scale: 4}
	}
	to := GP64()
	store := func(r reg.VecPhysical) {
		VMOVUPS(r, Mem{Base: to})
		ADDQ(stride, to)
	}
	row := func(w, t []reg.VecPhysical) { // multiplies a row by B and stores it
		even, odd, v := t[0], t[1], t[2]
		VFMADD213PS(w[4], prod, w[0])
		VFNMADD231PS(w[2], sum, w[0])
		store(w[0])
		VMOVAPS(w[4], even)
		VFNMADD231PS(w[2], q2, even)
		VMOVAPS(w[3], odd)
		VFNMADD231PS(w[1], q2, odd)
		VMOVAPS(even, v)
		VFMADD231PS(odd, p1, v)
		store(v)
		VFNMADD231PS(odd, p1, even)
		store(even)
		VFNMADD231PS(w[3], sum, w[5])
		VFMADD231PS(w[1], prod, w[5])
		VFNMADD231PS(w[2], q1, w[4])
		VFNMADD231PS(w[1], q1, w[3])
		VMOVAPS(w[4], v)
		VFMADD231PS(w[3], p2, v)
		store(v)
		VFNMADD231PS(w[3], p2, w[4])
		store(w[4])
		store(w[5])
	}
	edge := func(a, b, c int) { // prod·a − sum·b + c
		next := func(j int) { // columns that this tile does not have
			if j >= 2 {
				PREFETCHT1(Mem{Base: ahead, Index: at, Scale: 4})
			}
		}
		for j := range 6 {
			VMOVUPS(d(c, j), z[j])
			next(j)
			VFNMADD231PS(d(b, j), sum, z[j])
			next(j)
			VFMADD231PS(d(a, j), prod, z[j])
			next(j)
		}
		row(z[:6], z[12:15])
	}
	pair := func(point, square reg.VecPhysical) { // the even part ± point times the odd one
		for j := range 6 {
			odd := z[12+j%6]
			VMOVUPS(d(4, j), z[j])
			VFNMADD231PS(d(2, j), square, z[j])
			VMOVUPS(d(3, j), odd)
			VFNMADD231PS(d(1, j), square, odd)
			VMOVAPS(z[j], z[6+j])
			VFMADD231PS(odd, point, z[j])
			VFNMADD231PS(odd, point, z[6+j])
		}
		row(z[:6], z[18:21])
		row(z[6:12], z[21:24])
	}
	Label("loop")
	MOVQ(v, to)
	edge(0, 2, 4)
	pair(p1, q2)
	pair(p2, q1)
	edge(1, 3, 5)
	ADDQ(U8(64), x)
	ADDQ(U8(64), ahead)
	ADDQ(U8(64), v)
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return "patchAVX512(p *Patch, from, n int)"
}

// quad512 generates the output transform of n channels from the given one on,
// n a positive multiple of 16: 24 intermediate values, 6 constants and 2
// registers to work with.
func quad512(data Mem) string {
	TEXT("quadAVX512", NOSPLIT, "func(q *byte, from, n int)")
	q, from, n := Load(Param("q"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	load := func(field int) reg.GPVirtual { // a pointer, to the channel to begin with
		r := GP64()
		MOVQ(Mem{Base: q, Disp: field}, r)
		return r
	}
	m, bias, out, res := load(quadM), load(quadBias), load(quadY), load(quadR)
	outAt, resAt := load(quadYOff), load(quadROff)
	for _, r := range []reg.GPVirtual{m, bias, out} {
		LEAQ(Mem{Base: r, Index: from, Scale: 4}, r)
	}
	TESTQ(res, res)
	JZ(LabelRef("alone"))
	LEAQ(Mem{Base: res, Index: from, Scale: 4}, res)
	Label("alone")
	s1, s6 := load(quadStride), GP64()
	SHLQ(U8(2), s1)
	LEAQ(Mem{Base: s1, Index: s1, Scale: 2}, s6)
	ADDQ(s6, s6)
	s18, s30 := GP64(), GP64()
	LEAQ(Mem{Base: s6, Index: s6, Scale: 2}, s18)
	LEAQ(Mem{Base: s6, Index: s6, Scale: 4}, s30)

	ahead := GP64() // out of the next tile
	MOVQ(Mem{Base: q, Disp: quadAhead}, ahead)
	LEAQ(Mem{Base: out, Index: ahead, Scale: 4}, ahead)

	floor := AllocLocal(8) // 0 for ReLU, or −∞
	at := GP64()
	MOVQ(U64(math.Float32bits(float32(math.Inf(-1)))), at)
	MOVQ(at, floor)
	CMPQ(Mem{Base: q, Disp: quadReLU}, U8(0))
	JE(LabelRef("ready"))
	XORQ(at, at)
	MOVQ(at, floor)
	Label("ready")
	k := broadcastConstants(data, point1, point2, square1, square2, cube1, cube2)
	p1, p2, q1, q2, c1, c2 := k[0], k[1], k[2], k[3], k[4], k[5]
	t, u := z[24], z[25]

	Label("loop")
	row := func(i int) Mem { // of six products
		switch i {
		case 0:
			return Mem{Base: m}
		case 1, 2, 4:
			return Mem{Base: m, Index: s6, Scale: uint8(i)}
		case 3:
			return Mem{Base: m, Index: s18, Scale: 1}
		}
		return Mem{Base: m, Index: s30, Scale: 1}
	}
	for j := range 6 { // columns: Aᵀ M
		w := z[4*j : 4*j+4]
		VMOVUPS(row(1), w[0])
		VSUBPS(row(2), w[0], w[1])
		VADDPS(row(2), w[0], w[0])
		VMOVUPS(row(3), t)
		VSUBPS(row(4), t, u)
		VADDPS(row(4), t, t)
		VMULPS(w[0], q1, w[2])
		VFMADD231PS(t, q2, w[2])
		VMULPS(w[1], c1, w[3])
		VFMADD231PS(u, c2, w[3])
		VADDPS(row(5), w[3], w[3])
		VMULPS(w[1], p1, w[1])
		VFMADD231PS(u, p2, w[1])
		VADDPS(t, w[0], w[0])
		VADDPS(row(0), w[0], w[0])
		ADDQ(s1, m)
	}
	SUBQ(s6, m)
	for i := range 4 { // rows: times A
		w := func(j int) reg.VecPhysical { return z[4*j+i] }
		VADDPS(w(2), w(1), t)
		VSUBPS(w(2), w(1), w(1))
		VADDPS(w(4), w(3), w(2))
		VSUBPS(w(4), w(3), w(3))
		VADDPS(t, w(0), w(0))
		VADDPS(w(2), w(0), w(0))
		VMULPS(q1, t, w(4))
		VFMADD231PS(w(2), q2, w(4))
		VFMADD231PS(w(1), c1, w(5))
		VFMADD231PS(w(3), c2, w(5))
		VMULPS(p1, w(1), u)
		VFMADD231PS(w(3), p2, u)
		VBROADCASTSS(floor, w(1))
		for j, r := range []reg.VecPhysical{w(0), u, w(4), w(5)} {
			pixel := 4*i + j
			skip, add := label("outside", pixel), label("plain", pixel)
			MOVQ(Mem{Base: outAt, Disp: 8 * pixel}, at)
			TESTQ(at, at)
			JL(LabelRef(skip))
			VADDPS(Mem{Base: bias}, r, r)
			TESTQ(res, res)
			JZ(LabelRef(add))
			MOVQ(Mem{Base: resAt, Disp: 8 * pixel}, from)
			VADDPS(Mem{Base: res, Index: from, Scale: 4}, r, r)
			Label(add)
			VMAXPS(r, w(1), r) // of a NaN and the floor, the operand named first
			VMOVUPS(r, Mem{Base: out, Index: at, Scale: 4})
			PREFETCHT1(Mem{Base: ahead, Index: at, Scale: 4})
			Label(skip)
		}
	}
	ADDQ(U8(64), m)
	ADDQ(U8(64), bias)
	ADDQ(U8(64), out)
	ADDQ(U8(64), ahead)
	TESTQ(res, res)
	JZ(LabelRef("next"))
	ADDQ(U8(64), res)
	Label("next")
	SUBQ(U8(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return "quadAVX512(q *Quad, from, n int)"
}
