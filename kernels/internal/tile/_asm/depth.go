package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Places of the fields of tile.Depth, in bytes.
const (
	depthX, depthOff, depthW, depthWOff, depthTaps = 0, 24, 48, 72, 96
	depthY, depthBias, depthR, depthReLU           = 104, 128, 152, 176
)

// depth generates one pixel of a depthwise convolution, the first n channels, a
// positive multiple of 8: 32 at a time, then 8. It is bound by loads, two for
// each multiply-add, so that one instruction set is enough.
func depth() string {
	TEXT("depthAVX2", NOSPLIT, "func(d *byte, n int)")
	d, n := Load(Param("d"), GP64()), Load(Param("n"), GP64())
	load := func(field int) reg.GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: d, Disp: field}, r)
		return r
	}
	x, off, w, wOff := load(depthX), load(depthOff), load(depthW), load(depthWOff)
	out, bias, res := load(depthY), load(depthBias), load(depthR)
	tap, taps, xAt, wAt := GP64(), load(depthTaps), GP64(), GP64()

	floor := y[15] // 0 for ReLU, or −∞
	MOVL(U32(math.Float32bits(float32(math.Inf(-1)))), xAt.As32())
	VMOVD(xAt.As32(), floor.AsX())
	VPBROADCASTD(floor.AsX(), floor)
	CMPQ(Mem{Base: d, Disp: depthReLU}, U8(0))
	JE(LabelRef("vectors4"))
	VXORPS(floor, floor, floor)

	for _, vectors := range []int{4, 1} {
		l := func(name string) string { return name + string(rune('0'+vectors)) }
		Label(l("vectors"))
		CMPQ(n, U8(8*vectors))
		JL(LabelRef(l("done")))
		for j := range vectors {
			VXORPS(y[j], y[j], y[j])
		}
		XORQ(tap, tap)
		CMPQ(tap, taps)
		JE(LabelRef(l("store")))
		Label(l("tap"))
		MOVQ(Mem{Base: off, Index: tap, Scale: 8}, xAt)
		MOVQ(Mem{Base: wOff, Index: tap, Scale: 8}, wAt)
		for j := range vectors {
			VMOVUPS(Mem{Base: x, Index: xAt, Scale: 4, Disp: 32 * j}, y[4+j])
			VFMADD231PS(Mem{Base: w, Index: wAt, Scale: 4, Disp: 32 * j}, y[4+j], y[j])
		}
		INCQ(tap)
		CMPQ(tap, taps)
		JNE(LabelRef(l("tap")))
		Label(l("store"))
		for j := range vectors {
			VADDPS(Mem{Base: bias, Disp: 32 * j}, y[j], y[j])
		}
		TESTQ(res, res)
		JZ(LabelRef(l("alone")))
		for j := range vectors {
			VADDPS(Mem{Base: res, Disp: 32 * j}, y[j], y[j])
		}
		ADDQ(U32(32*vectors), res)
		Label(l("alone"))
		for j := range vectors {
			VMAXPS(y[j], floor, y[j]) // of a NaN and the floor, the operand named first
			VMOVUPS(y[j], Mem{Base: out, Disp: 32 * j})
		}
		for _, r := range []reg.GPVirtual{x, w, bias, out} {
			ADDQ(U32(32*vectors), r)
		}
		SUBQ(U8(8*vectors), n)
		JMP(LabelRef(l("vectors")))
		Label(l("done"))
	}
	VZEROUPPER()
	RET()
	return "depthAVX2(d *Depth, n int)"
}
