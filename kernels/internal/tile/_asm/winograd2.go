package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The transforms of F(2×2, 3×3), which are sums and differences only.

// patch2 generates the input transform of n channels from the given one on, n
// a positive multiple of the lanes: each row of the result from two of pixels.
func patch2(s *isa) string {
	name := "patch2" + s.name
	TEXT(name, NOSPLIT, "func(p *byte, from, n int)")
	p, from, n := Load(Param("p"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	x, off, at, v, stride, to := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: p, Disp: patchX}, x)
	LEAQ(Mem{Base: x, Index: from, Scale: 4}, x)
	MOVQ(Mem{Base: p, Disp: patchOff}, off)
	MOVQ(Mem{Base: p, Disp: patchV}, v)
	LEAQ(Mem{Base: v, Index: from, Scale: 4}, v)
	MOVQ(Mem{Base: p, Disp: patchStride}, stride)
	SHLQ(U8(2), stride)
	d := func(i, j int) Mem { // pixel j of row i
		MOVQ(Mem{Base: off, Disp: 8 * (4*i + j)}, at)
		return Mem{Base: x, Index: at, Scale: 4}
	}
	w, t := s.regs[:4], s.regs[4]
	Label("loop")
	MOVQ(v, to)
	for _, c := range []struct {
		a, b int
		plus bool
	}{{0, 2, false}, {1, 2, true}, {2, 1, false}, {1, 3, false}} {
		join := func(a, b, r Op) { // r = a ± b, of which b may be in memory
			if c.plus {
				VADDPS(b, a, r)
			} else {
				VSUBPS(b, a, r)
			}
		}
		for j := range 4 {
			VMOVUPS(d(c.a, j), w[j])
			join(w[j], d(c.b, j), w[j])
		}
		for j := range 4 {
			switch j {
			case 0:
				VSUBPS(w[2], w[0], t)
			case 1:
				VADDPS(w[2], w[1], t)
			case 2:
				VSUBPS(w[1], w[2], t)
			case 3:
				VSUBPS(w[3], w[1], t)
			}
			VMOVUPS(t, Mem{Base: to})
			ADDQ(stride, to)
		}
	}
	ADDQ(U8(4*s.lanes), x)
	ADDQ(U8(4*s.lanes), v)
	SUBQ(U8(s.lanes), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return name + "(p *Patch, from, n int)"
}

// quad2 generates the output transform of n channels from the given one on, n
// a positive multiple of the lanes.
func quad2(s *isa) string {
	name := "quad2" + s.name
	TEXT(name, NOSPLIT, "func(q *byte, from, n int)")
	q, from, n := Load(Param("q"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	load := func(field int) reg.GPVirtual {
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
	stride, row := load(quadStride), GP64()
	SHLQ(U8(2), stride)
	MOVQ(stride, row)
	SHLQ(U8(2), row) // four products
	row3, at := GP64(), GP64()
	LEAQ(Mem{Base: row, Index: row, Scale: 2}, row3)

	floor := s.regs[15] // 0 for ReLU, or −∞
	MOVL(U32(math.Float32bits(float32(math.Inf(-1)))), at.As32())
	VMOVD(at.As32(), floor.AsX())
	VPBROADCASTD(floor.AsX(), floor)
	CMPQ(Mem{Base: q, Disp: quadReLU}, U8(0))
	JE(LabelRef("loop"))
	s.zero(floor)

	Label("loop")
	t, u := s.regs[8], s.regs[9]
	for j := range 4 { // columns: Aᵀ M
		a, b := s.regs[j], s.regs[4+j]
		VMOVUPS(Mem{Base: m, Index: row, Scale: 1}, t)
		VMOVUPS(Mem{Base: m, Index: row, Scale: 2}, u)
		VADDPS(u, t, a)
		VSUBPS(u, t, b)
		VADDPS(Mem{Base: m}, a, a)
		VSUBPS(Mem{Base: m, Index: row3, Scale: 1}, b, b)
		ADDQ(stride, m)
	}
	SUBQ(row, m)
	for i := range 2 { // rows: times A
		w := s.regs[4*i : 4*i+4]
		VADDPS(w[2], w[1], t)
		VADDPS(w[0], t, t)
		VSUBPS(w[2], w[1], u)
		VSUBPS(w[3], u, u)
		for j, r := range []reg.VecPhysical{t, u} {
			pixel := 2*i + j
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
			VMAXPS(r, floor, r) // of a NaN and the floor, the operand named first
			VMOVUPS(r, Mem{Base: out, Index: at, Scale: 4})
			Label(skip)
		}
	}
	for _, r := range []reg.GPVirtual{m, bias, out} {
		ADDQ(U8(4*s.lanes), r)
	}
	TESTQ(res, res)
	JZ(LabelRef("next"))
	ADDQ(U8(4*s.lanes), res)
	Label("next")
	SUBQ(U8(s.lanes), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return name + "(q *Quad, from, n int)"
}
