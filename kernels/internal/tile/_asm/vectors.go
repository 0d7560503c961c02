package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// vectorLoops generates the loops without weights, for n floats, a positive
// multiple of 8, and returns their declarations. They are bound by memory, so
// that one instruction set is enough.
func vectorLoops(iota8 Mem) []string {
	data, acts := constantData(), newActivations(iota8)
	return append([]string{
		vectorLoop("maxAVX2(dst, x *float32, n int)", 2, func(at []Mem) {
			VMOVUPS(at[0], reg.Y0)
			VMOVUPS(at[1], reg.Y1)
			VMAXPS(reg.Y1, reg.Y0, reg.Y2) // x if either is NaN
			VCMPPS(U8(3), reg.Y0, reg.Y0, reg.Y3)
			VBLENDVPS(reg.Y3, reg.Y0, reg.Y2, reg.Y2) // dst if dst is NaN
			VMOVUPS(reg.Y2, at[0])
		}),
		vectorLoop("addAVX2(dst, x, y *float32, n int)", 3, func(at []Mem) {
			VMOVUPS(at[1], reg.Y0)
			VADDPS(at[2], reg.Y0, reg.Y0)
			VMOVUPS(reg.Y0, at[0])
		}),
		vectorLoop("mulAVX2(dst, x, y *float32, n int)", 3, func(at []Mem) {
			VMOVUPS(at[1], reg.Y0)
			VMULPS(at[2], reg.Y0, reg.Y0)
			VMOVUPS(reg.Y0, at[0])
		}),
		blend(),
		peak(avx512),
		peak(avx2),
		patch(data),
		quad(data),
		patch512(data),
		quad512(data),
		patch2(avx512),
		patch2(avx2),
		quad2(avx512),
		quad2(avx2),
		depth(),
		depthRun(3),
		depthRun(5),
		depthRun(7),
		norm(iota8),
		softmax(iota8, acts),
		rows512("gelu", acts, wide.gelu),
	}, acts.all()...)
}

// vectorLoop generates a loop over arrays, 8 floats a time.
func vectorLoop(signature string, arrays int, body func(at []Mem)) string {
	name, params := split(signature)
	TEXT(name, NOSPLIT, "func"+params)
	at := make([]Mem, arrays)
	for i, p := range []string{"dst", "x", "y"}[:arrays] {
		at[i] = Mem{Base: Load(Param(p), GP64())}
	}
	n := Load(Param("n"), GP64())
	Label("loop")
	body(at)
	for _, m := range at {
		ADDQ(U8(32), m.Base)
	}
	SUBQ(U8(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return signature
}

// blend generates the first n channels of a weighted sum of pixels, 32 at a
// time, then 8.
func blend() string {
	TEXT("blendAVX2", NOSPLIT, "func(dst, x *float32, off *int, w *float32, pixels, n int)")
	dst, x, n := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("n"), GP64())
	off, w := Load(Param("off"), GP64()), Load(Param("w"), GP64())
	pixel, pixels, at := GP64(), Load(Param("pixels"), GP64()), GP64()
	weight := reg.Y4
	for _, vectors := range []int{4, 1} {
		l := func(name string) string { return name + string(rune('0'+vectors)) }
		Label(l("vectors"))
		CMPQ(n, U8(8*vectors))
		JL(LabelRef(l("done")))
		for j := range vectors {
			VXORPS(y[j], y[j], y[j])
		}
		XORQ(pixel, pixel)
		Label(l("pixel"))
		MOVQ(Mem{Base: off, Index: pixel, Scale: 8}, at)
		VBROADCASTSS(Mem{Base: w, Index: pixel, Scale: 4}, weight)
		for j := range vectors {
			VFMADD231PS(Mem{Base: x, Index: at, Scale: 4, Disp: 32 * j}, weight, y[j])
		}
		INCQ(pixel)
		CMPQ(pixel, pixels)
		JNE(LabelRef(l("pixel")))
		for j := range vectors {
			VMOVUPS(y[j], Mem{Base: dst, Disp: 32 * j})
		}
		ADDQ(U32(32*vectors), x)
		ADDQ(U32(32*vectors), dst)
		SUBQ(U8(8*vectors), n)
		JMP(LabelRef(l("vectors")))
		Label(l("done"))
	}
	VZEROUPPER()
	RET()
	return "blendAVX2(dst, x *float32, off *int, w *float32, pixels, n int)"
}

func split(signature string) (name, params string) {
	for i, c := range signature {
		if c == '(' {
			return signature[:i], signature[i:]
		}
	}
	return signature, ""
}

// peak generates a loop of multiply-adds on registers only, as many at once as
// the units take: the ceiling that tiles are held against.
func peak(s *isa) string {
	const sums = 12 // independent; a unit takes 4 or 5 steps, and there are 1 or 2
	name := "peak" + s.name
	TEXT(name, NOSPLIT, "func(n int)")
	n := Load(Param("n"), GP64())
	for i := range sums + 2 {
		s.zero(s.regs[i])
	}
	Label("loop")
	for i := range sums {
		VFMADD231PS(s.regs[sums], s.regs[sums+1], s.regs[i])
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return name + "(n int)"
}
