package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Places of the fields of tile.DepthRun, in bytes.
const (
	runX, runOff, runW, runStep, runRows = 0, 24, 48, 72, 80
	runY, runYStep, runBias              = 88, 112, 120
	runR, runRStep, runReLU              = 144, 168, 176
)

// depthRun generates seven pixels of a depthwise convolution of k columns, the
// first n channels, a positive multiple of 8. The sums and a row of weights are
// in registers; a pixel is read once and multiplied for all sums that it is in.
func depthRun(k int) string {
	const pixels = 7
	name := fmt.Sprintf("depthRun%dAVX2", k)
	TEXT(name, NOSPLIT, "func(d *byte, n int)")
	d, n := Load(Param("d"), GP64()), Load(Param("n"), GP64())
	load := func(field int) reg.GPVirtual {
		r := GP64()
		MOVQ(Mem{Base: d, Disp: field}, r)
		return r
	}
	x, first, out, bias, res := load(runX), load(runW), load(runY), load(runBias), load(runR)
	step, off, w, rows, at := load(runStep), GP64(), GP64(), GP64(), GP64()
	SHLQ(U8(2), step)
	sum := func(j int) reg.VecPhysical { return y[j] }
	weight := func(v int) reg.VecPhysical { return y[pixels+v] }
	pixel, floor := y[14], y[15] // the floor is 0 for ReLU, or −∞
	MOVL(U32(math.Float32bits(float32(math.Inf(-1)))), at.As32())
	VMOVD(at.As32(), floor.AsX())
	VPBROADCASTD(floor.AsX(), floor)
	CMPQ(Mem{Base: d, Disp: runReLU}, U8(0))
	JE(LabelRef("channels"))
	VXORPS(floor, floor, floor)

	Label("channels")
	for j := range pixels {
		VXORPS(sum(j), sum(j), sum(j))
	}
	MOVQ(first, w)
	MOVQ(Mem{Base: d, Disp: runOff}, off)
	MOVQ(Mem{Base: d, Disp: runRows}, rows)
	TESTQ(rows, rows)
	JZ(LabelRef("finish"))
	Label("row")
	for v := range k {
		VMOVUPS(Mem{Base: w}, weight(v))
		ADDQ(step, w)
	}
	for p := range k + pixels - 1 {
		MOVQ(Mem{Base: off, Disp: 8 * p}, at)
		VMOVUPS(Mem{Base: x, Index: at, Scale: 4}, pixel)
		for v := range k {
			if j := p - v; 0 <= j && j < pixels {
				VFMADD231PS(pixel, weight(v), sum(j))
			}
		}
	}
	ADDQ(U32(8*(k+pixels-1)), off)
	DECQ(rows)
	JNZ(LabelRef("row"))

	Label("finish")
	VMOVUPS(Mem{Base: bias}, pixel)
	for j := range pixels {
		VADDPS(pixel, sum(j), sum(j))
	}
	TESTQ(res, res)
	JZ(LabelRef("store"))
	MOVQ(res, at)
	MOVQ(Mem{Base: d, Disp: runRStep}, off)
	for j := range pixels {
		VADDPS(Mem{Base: at}, sum(j), sum(j))
		LEAQ(Mem{Base: at, Index: off, Scale: 4}, at)
	}
	ADDQ(U8(32), res)
	Label("store")
	MOVQ(out, at)
	MOVQ(Mem{Base: d, Disp: runYStep}, off)
	for j := range pixels {
		VMAXPS(sum(j), floor, sum(j)) // of a NaN and the floor, the operand named first
		VMOVUPS(sum(j), Mem{Base: at})
		LEAQ(Mem{Base: at, Index: off, Scale: 4}, at)
	}
	for _, r := range []reg.GPVirtual{x, first, out, bias} {
		ADDQ(U8(32), r)
	}
	SUBQ(U8(8), n)
	JNZ(LabelRef("channels"))
	VZEROUPPER()
	RET()
	return name + "(d *DepthRun, n int)"
}
