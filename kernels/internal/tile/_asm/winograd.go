package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Places of the fields of tile.Patch and tile.Quad, in bytes.
const (
	patchX, patchOff, patchV, patchStride, patchN, patchAhead, patchTmp = 0, 24, 48, 72, 80, 88, 96

	quadM, quadStride, quadN, quadBias, quadR, quadROff = 0, 24, 32, 40, 64, 88
	quadY, quadYOff, quadReLU, quadAhead, quadTmp       = 112, 136, 160, 168, 176
)

// constants of Winograd's F(4×4, 3×3), see winograd.go of package tile.
var constants = []float32{
	0.625, 1.5, // the points
	0.625 * 0.625, 1.5 * 1.5, // squares
	0.625 * 0.625 * 0.625, 1.5 * 1.5 * 1.5, // cubes
	0.625*0.625 + 1.5*1.5, 0.625 * 0.625 * 1.5 * 1.5, // sum and product of the squares
}

const (
	point1 = iota
	point2
	square1
	square2
	cube1
	cube2
	sumOf
	productOf
)

// constantData defines them for memory operands, each 8 times.
func constantData() Mem {
	m := GLOBL("winograd", RODATA|NOPTR)
	for i := range 8 * len(constants) {
		DATA(4*i, U32(math.Float32bits(constants[i/8])))
	}
	return m
}

var y = avx2.regs

// patch generates the input transform of n channels from the given one on, n a
// positive multiple of 8: columns first, into memory, then rows.
func patch(data Mem) string {
	TEXT("patchAVX2", NOSPLIT, "func(p *byte, from, n int)")
	p, from, n := Load(Param("p"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	x, off := GP64(), GP64()
	MOVQ(Mem{Base: p, Disp: patchX}, x)
	LEAQ(Mem{Base: x, Index: from, Scale: 4}, x)
	MOVQ(Mem{Base: p, Disp: patchOff}, off)
	v, stride, at := GP64(), GP64(), GP64()
	MOVQ(Mem{Base: p, Disp: patchV}, v)
	LEAQ(Mem{Base: v, Index: from, Scale: 4}, v)
	MOVQ(Mem{Base: p, Disp: patchStride}, stride)
	SHLQ(U8(2), stride)

	constant := func(i int) Mem { return data.Offset(32 * i) }
	evaluate := func(store func(i int, r reg.VecPhysical)) { // of y[0] … y[5]
		for _, q := range []struct{ square, point, plus, minus int }{{square2, point1, 1, 2}, {square1, point2, 3, 4}} {
			VMOVAPS(y[4], y[6])
			VFNMADD231PS(constant(q.square), y[2], y[6]) // even part
			VMOVAPS(y[3], y[7])
			VFNMADD231PS(constant(q.square), y[1], y[7])
			VMULPS(constant(q.point), y[7], y[7]) // odd part
			VADDPS(y[7], y[6], y[8])
			VSUBPS(y[7], y[6], y[9])
			store(q.plus, y[8])
			store(q.minus, y[9])
		}
		VFNMADD231PS(constant(sumOf), y[2], y[4])
		VFMADD231PS(constant(productOf), y[0], y[4])
		store(0, y[4])
		VFNMADD231PS(constant(sumOf), y[3], y[5])
		VFMADD231PS(constant(productOf), y[1], y[5])
		store(5, y[5])
	}

	Label("loop")
	for j := range 6 {
		for i := range 6 {
			MOVQ(Mem{Base: off, Disp: 8 * (6*i + j)}, at)
			VMOVUPS(Mem{Base: x, Index: at, Scale: 4}, y[i])
		}
		evaluate(func(i int, r reg.VecPhysical) { VMOVUPS(r, Mem{Base: p, Disp: patchTmp + 32*(6*i+j)}) })
	}
	MOVQ(v, at)
	ahead := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, ahead) // three frequencies
	for i := range 6 {
		for j := range 6 {
			VMOVUPS(Mem{Base: p, Disp: patchTmp + 32*(6*i+j)}, y[j])
		}
		half := GP64()
		LEAQ(Mem{Base: at, Index: ahead, Scale: 1}, half)
		evaluate(func(j int, r reg.VecPhysical) {
			base := []reg.GPVirtual{at, half}[j/3]
			switch j % 3 {
			case 0:
				VMOVUPS(r, Mem{Base: base})
			case 1:
				VMOVUPS(r, Mem{Base: base, Index: stride, Scale: 1})
			case 2:
				VMOVUPS(r, Mem{Base: base, Index: stride, Scale: 2})
			}
		})
		LEAQ(Mem{Base: half, Index: ahead, Scale: 1}, at)
	}
	ADDQ(U8(32), x)
	ADDQ(U8(32), v)
	SUBQ(U8(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return "patchAVX2(p *Patch, from, n int)"
}

// quad generates the output transform of n channels from the given one on, n a
// positive multiple of 8.
func quad(data Mem) string {
	TEXT("quadAVX2", NOSPLIT, "func(q *byte, from, n int)")
	q, from, n := Load(Param("q"), GP64()), Load(Param("from"), GP64()), Load(Param("n"), GP64())
	m, stride, bias, at := GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: q, Disp: quadM}, m)
	MOVQ(Mem{Base: q, Disp: quadStride}, stride)
	SHLQ(U8(2), stride)
	MOVQ(Mem{Base: q, Disp: quadBias}, bias)
	out, outAt, res, resAt := GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: q, Disp: quadY}, out)
	MOVQ(Mem{Base: q, Disp: quadYOff}, outAt)
	MOVQ(Mem{Base: q, Disp: quadR}, res)
	MOVQ(Mem{Base: q, Disp: quadROff}, resAt)
	for _, r := range []reg.GPVirtual{m, bias, out} {
		LEAQ(Mem{Base: r, Index: from, Scale: 4}, r)
	}
	TESTQ(res, res)
	JZ(LabelRef("alone"))
	LEAQ(Mem{Base: res, Index: from, Scale: 4}, res)
	Label("alone")
	column := from

	// The floor is 0 for ReLU, or −∞: of a NaN and the floor, VMAXPS takes the
	// operand named first.
	floor := y[15]
	MOVL(U32(math.Float32bits(float32(math.Inf(-1)))), at.As32())
	VMOVD(at.As32(), floor.AsX())
	VPBROADCASTD(floor.AsX(), floor)
	CMPQ(Mem{Base: q, Disp: quadReLU}, U8(0))
	JE(LabelRef("loop"))
	VXORPS(floor, floor, floor)

	constant := func(i int) Mem { return data.Offset(32 * i) }
	interpolate := func(store func(i int, r reg.VecPhysical)) { // of y[0] … y[5]
		s1, d1, s2, d2 := y[6], y[7], y[8], y[9]
		VADDPS(y[2], y[1], s1)
		VSUBPS(y[2], y[1], d1)
		VADDPS(y[4], y[3], s2)
		VSUBPS(y[4], y[3], d2)
		VADDPS(s1, y[0], y[10])
		VADDPS(s2, y[10], y[10])
		store(0, y[10])
		VMULPS(constant(point1), d1, y[10])
		VFMADD231PS(constant(point2), d2, y[10])
		store(1, y[10])
		VMULPS(constant(square1), s1, y[10])
		VFMADD231PS(constant(square2), s2, y[10])
		store(2, y[10])
		VFMADD231PS(constant(cube1), d1, y[5])
		VFMADD231PS(constant(cube2), d2, y[5])
		store(3, y[5])
	}

	Label("loop")
	MOVQ(m, column)
	for j := range 6 {
		MOVQ(column, at)
		for i := range 6 {
			VMOVUPS(Mem{Base: at}, y[i])
			if i < 5 {
				LEAQ(Mem{Base: at, Index: stride, Scale: 2}, at)
				LEAQ(Mem{Base: at, Index: stride, Scale: 4}, at)
			}
		}
		ADDQ(stride, column)
		interpolate(func(i int, r reg.VecPhysical) { VMOVUPS(r, Mem{Base: q, Disp: quadTmp + 32*(6*i+j)}) })
	}
	for i := range 4 {
		for j := range 6 {
			VMOVUPS(Mem{Base: q, Disp: quadTmp + 32*(6*i+j)}, y[j])
		}
		interpolate(func(j int, r reg.VecPhysical) {
			pixel := 4*i + j
			skip, add := label("outside", pixel), label("plain", pixel)
			MOVQ(Mem{Base: outAt, Disp: 8 * pixel}, at)
			TESTQ(at, at)
			JL(LabelRef(skip))
			VADDPS(Mem{Base: bias}, r, r)
			TESTQ(res, res)
			JZ(LabelRef(add))
			MOVQ(Mem{Base: resAt, Disp: 8 * pixel}, column)
			VADDPS(Mem{Base: res, Index: column, Scale: 4}, r, r)
			Label(add)
			VMAXPS(r, floor, r)
			VMOVUPS(r, Mem{Base: out, Index: at, Scale: 4})
			Label(skip)
		})
	}
	ADDQ(U8(32), m)
	ADDQ(U8(32), bias)
	ADDQ(U8(32), out)
	TESTQ(res, res)
	JZ(LabelRef("next"))
	ADDQ(U8(32), res)
	Label("next")
	SUBQ(U8(8), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
	return "quadAVX2(q *Quad, from, n int)"
}

func label(name string, i int) string { return name + string(rune('A'+i)) }
