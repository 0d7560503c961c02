package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A chain is what one vector of an activation function is computed in. The
// instructions of one wait for each other: several chains in turn have the
// processor find some that need not, which look ahead of 128 does not.
type chain struct{ x, z, r, w, t, p reg.VecPhysical }

// A wide is an activation function with 16 numbers a vector.
type wide struct {
	constants Mem // of activations, each in the first of eight places
	chains    []chain
}

// newWide returns so many chains.
func newWide(a activations, chains int) wide {
	w := wide{constants: a.constants}
	for i := range chains {
		r := z[6*i:]
		w.chains = append(w.chains, chain{r[0], r[1], r[2], r[3], r[4], r[5]})
	}
	return w
}

func (w wide) memory(i int) Mem { return w.constants.Offset(32 * i) }

// each generates an instruction of all chains.
func (w wide) each(f func(c chain)) {
	for _, c := range w.chains {
		f(c)
	}
}

// reduce takes a multiple of ln 2 off r, and leaves in w which; t is lost.
func (w wide) reduce() {
	w.each(func(c chain) { VMULPS_BCST(w.memory(log2e), c.r, c.w) })
	w.each(func(c chain) { VADDPS_BCST(w.memory(expRound), c.w, c.w) })
	w.each(func(c chain) { VSUBPS_BCST(w.memory(expRound), c.w, c.p) })
	for _, part := range []int{ln2High, ln2Low} {
		w.each(func(c chain) { VMULPS_BCST(w.memory(part), c.p, c.t) })
		w.each(func(c chain) { VSUBPS(c.t, c.r, c.r) })
	}
}

// power makes p = powerGo(r, w); t is lost.
func (w wide) power() {
	w.polynomial(exp6, exp2, func(c chain) (x, to reg.VecPhysical) { return c.r, c.p })
	w.each(func(c chain) { VMULPS(c.r, c.r, c.t) })
	w.each(func(c chain) { VMULPS(c.t, c.p, c.p) })
	w.each(func(c chain) { VADDPS(c.r, c.p, c.p) })
	w.each(func(c chain) { VADDPS_BCST(w.memory(one), c.p, c.p) })
	w.each(func(c chain) { VPSLLD(U8(23), c.w, c.w) })
	w.each(func(c chain) { VMULPS(c.w, c.p, c.p) })
}

func (w wide) polynomial(first, last int, of func(c chain) (x, to reg.VecPhysical)) {
	w.each(func(c chain) {
		x, to := of(c)
		VMULPS_BCST(w.memory(first), x, to)
	})
	for i := first + 1; i <= last; i++ {
		w.each(func(c chain) {
			_, to := of(c)
			VADDPS_BCST(w.memory(i), to, to)
		})
		if i < last {
			w.each(func(c chain) {
				x, to := of(c)
				VMULPS(x, to, to)
			})
		}
	}
}

// gelu makes x = geluGo(x).
func (w wide) gelu() {
	w.each(func(c chain) { VPANDD_BCST(w.memory(magnitude), c.x, c.z) })
	w.each(func(c chain) { VMINPS_BCST(w.memory(geluMost), c.z, c.z) })
	w.each(func(c chain) { VPANDD_BCST(w.memory(head), c.z, c.p) })
	w.each(func(c chain) { VMULPS(c.p, c.p, c.r) })
	w.each(func(c chain) { VMULPS_BCST(w.memory(minusHalf), c.r, c.r) })
	w.reduce()
	w.each(func(c chain) { VPANDD_BCST(w.memory(head), c.z, c.p) })
	w.each(func(c chain) { VADDPS(c.p, c.z, c.t) })
	w.each(func(c chain) { VSUBPS(c.p, c.z, c.p) })
	w.each(func(c chain) { VMULPS(c.p, c.t, c.t) })
	w.each(func(c chain) { VMULPS_BCST(w.memory(half), c.t, c.t) })
	w.each(func(c chain) { VSUBPS(c.t, c.r, c.r) })
	w.power()
	w.polynomial(geluP4, geluR5-1, func(c chain) (x, to reg.VecPhysical) { return c.z, c.r })
	w.polynomial(geluR5, geluR5+5, func(c chain) (x, to reg.VecPhysical) { return c.z, c.w })
	w.each(func(c chain) { VMULPS(c.r, c.p, c.p) })
	w.each(func(c chain) { VDIVPS(c.w, c.p, c.p) })
	w.each(func(c chain) { VBROADCASTSS(w.memory(one), c.t) })
	w.each(func(c chain) { VSUBPS(c.p, c.t, c.t) })
	for i, c := range w.chains {
		VPTESTMD_BCST(w.memory(sign), c.x, []reg.OpmaskPhysical{reg.K3, reg.K4}[i])
		VBLENDMPS(c.p, c.t, []reg.OpmaskPhysical{reg.K3, reg.K4}[i], c.t)
	}
	w.each(func(c chain) { VMULPS(c.t, c.x, c.x) })
}

// rows512 generates a function on the rows of a matrix, 32 numbers at a time.
func rows512(name string, a activations, body func(w wide)) string {
	const params = "(dst, x *float32, off *int, rows, n int)"
	w := newWide(a, 2)
	TEXT(name+"AVX512", NOSPLIT, "func"+params)
	dst, x, off := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("off"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	to, from, left, mask, most := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(U32(32), most)
	Label("row")
	MOVQ(Mem{Base: off}, left)
	TESTQ(left, left)
	JS(LabelRef("next"))
	LEAQ(Mem{Base: dst, Index: left, Scale: 4}, to)
	LEAQ(Mem{Base: x, Index: left, Scale: 4}, from)
	MOVQ(n, left)
	Label("vectors")
	MOVQ(left, reg.RCX)
	CMPQ(left, most)
	CMOVQGT(most, reg.RCX)
	MOVQ(U32(1), mask)
	SHLQ(reg.CL, mask)
	DECQ(mask)
	for j := range w.chains {
		KMOVW(mask.As32(), maskRegs[j])
		SHRQ(U8(16), mask)
	}
	for j, c := range w.chains {
		VMOVUPS_Z(Mem{Base: from, Disp: 64 * j}, maskRegs[j], c.x)
	}
	body(w)
	for j, c := range w.chains {
		VMOVUPS(c.x, maskRegs[j], Mem{Base: to, Disp: 64 * j})
	}
	ADDQ(U32(128), from)
	ADDQ(U32(128), to)
	SUBQ(most, left)
	JG(LabelRef("vectors"))
	Label("next")
	ADDQ(U8(8), off)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
	return name + "AVX512" + params
}
