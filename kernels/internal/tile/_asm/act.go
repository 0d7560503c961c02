package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// actConstants of the activation functions, see act.go of package tile.
var actConstants = []float32{
	89, -86, 0, 1, 6, 3, // named second below, or shared
	float32(math.Copysign(0, -1)),
	1.44269504088896341, 3<<22 + 126, 355.0 / 512, -2.12194440e-4,
	0.00138145836, 0.008368724, 0.041668389, 0.16666521, 0.49999994,
	13.2109375, math.Float32frombits(1<<31 - 1), math.Float32frombits(1<<32 - 1<<12), 0.5, -0.5,
	0.00805719, 0.08008231, 0.36295295, 0.87183326, 1,
	0.010098049, 0.10037559, 0.46482825, 1.1951911, 1.6697181, 1,
}

const (
	expMost = iota
	expLeast
	zero
	one
	six
	three
	sign
	log2e
	expRound
	ln2High
	ln2Low
	exp6 // of the polynomial; exp5 … exp2 follow
	exp2 = exp6 + 4
)

const (
	geluMost  = exp2 + 1 + iota
	magnitude // all bits but the sign
	head      // the sign, the exponent and 11 bits
	half
	minusHalf
	geluP4              // of the numerator; down to P0
	geluR5 = geluP4 + 5 // of the denominator; down to R0
)

// An activations generates activation functions.
type activations struct{ constants, iota Mem }

func newActivations(iota8 Mem) activations {
	m := GLOBL("acts", RODATA|NOPTR)
	for i := range 8 * len(actConstants) {
		DATA(4*i, U32(math.Float32bits(actConstants[i/8])))
	}
	return activations{m, iota8}
}

func (a activations) memory(i int) Mem { return a.constants.Offset(32 * i) }

// register is where a constant is that an instruction has to name second. Of a
// NaN and a number VMINPS and VMAXPS return the operand named first.
func (a activations) register(i int) reg.VecPhysical { return y[8+i] }

// all returns the declarations of all functions.
func (a activations) all() []string {
	return []string{
		a.rows("relu", a.relu),
		a.rows("relu6", a.relu6),
		a.rows("hardsigmoid", func() {
			a.shifted()
			VDIVPS(a.memory(six), y[1], y[0])
		}),
		a.rows("hardswish", func() {
			a.shifted()
			VMULPS(y[0], y[1], y[1])
			VDIVPS(a.memory(six), y[1], y[0])
		}),
		a.rows("sigmoid", func() {
			a.onePlusExp()
			VDIVPS(y[3], a.register(one), y[0])
		}),
		a.rows("silu", func() {
			a.onePlusExp()
			VDIVPS(y[3], y[0], y[0])
		}),
		a.rows("gelu", a.gelu),
	}
}

func (a activations) relu() { VMAXPS(y[0], a.register(zero), y[0]) }

func (a activations) relu6() {
	a.relu()
	VMINPS(y[0], a.register(six), y[0])
}

// shifted makes y[1] = min(max(y[0]+3, 0), 6).
func (a activations) shifted() {
	VADDPS(a.memory(three), y[0], y[1])
	VMAXPS(y[1], a.register(zero), y[1])
	VMINPS(y[1], a.register(six), y[1])
}

// onePlusExp makes y[3] = 1 + exp(−y[0]) as expGo does.
func (a activations) onePlusExp() {
	VXORPS(a.memory(sign), y[0], y[1])
	VMINPS(y[1], a.register(expMost), y[1])
	VMAXPS(y[1], a.register(expLeast), y[1])
	a.exp()
	VADDPS(a.register(one), y[3], y[3])
}

// exp makes y[3] = exp(y[1]) as expGo does within its bounds.
func (a activations) exp() {
	a.reduce()
	a.power()
	VADDPS(y[3], y[3], y[3])
}

// reduce takes a multiple of ln 2 off y[1], and leaves in y[2] which.
func (a activations) reduce() {
	VMULPS(a.memory(log2e), y[1], y[2])
	VADDPS(a.memory(expRound), y[2], y[2])
	VSUBPS(a.memory(expRound), y[2], y[3])
	for _, part := range []int{ln2High, ln2Low} {
		VMULPS(a.memory(part), y[3], y[4])
		VSUBPS(y[4], y[1], y[1])
	}
}

// power makes y[3] = powerGo(y[1], y[2]).
func (a activations) power() {
	a.polynomial(exp6, exp2, y[1], y[3])
	VMULPS(y[1], y[1], y[4])
	VMULPS(y[4], y[3], y[3])
	VADDPS(y[1], y[3], y[3])
	VADDPS(a.register(one), y[3], y[3])
	VPSLLD(U8(23), y[2], y[2])
	VMULPS(y[2], y[3], y[3])
}

// polynomial computes one of x whose coefficients are constants, the highest first.
func (a activations) polynomial(first, last int, x, to reg.VecPhysical) {
	VMULPS(a.memory(first), x, to)
	for c := first + 1; c < last; c++ {
		VADDPS(a.memory(c), to, to)
		VMULPS(x, to, to)
	}
	VADDPS(a.memory(last), to, to)
}

// gelu is geluGo.
func (a activations) gelu() {
	z, below := y[5], y[3]
	VANDPS(a.memory(magnitude), y[0], z)
	VMINPS(a.memory(geluMost), z, z)
	VANDPS(a.memory(head), z, y[1])
	VADDPS(y[1], z, y[2])
	VSUBPS(y[1], z, y[6])
	VMULPS(y[6], y[2], y[6])
	VMULPS(a.memory(half), y[6], y[6])
	VMULPS(y[1], y[1], y[1])
	VMULPS(a.memory(minusHalf), y[1], y[1])
	a.reduce()
	VSUBPS(y[6], y[1], y[1])
	a.power()
	a.polynomial(geluP4, geluR5-1, z, y[4])
	a.polynomial(geluR5, geluR5+5, z, y[6])
	VMULPS(y[4], below, below)
	VDIVPS(y[6], below, below)
	VSUBPS(below, a.register(one), y[4])
	VBLENDVPS(y[0], below, y[4], y[4]) // by the sign
	VMULPS(y[4], y[0], y[0])
}

// rows generates a function on the rows of a matrix; body computes y[0] from
// y[0].
func (a activations) rows(name string, body func()) string {
	params := "(dst, x *float32, off *int, rows, n int)"
	TEXT(name+"AVX2", NOSPLIT, "func"+params)
	dst, x, off := Load(Param("dst"), GP64()), Load(Param("x"), GP64()), Load(Param("off"), GP64())
	rows, n := Load(Param("rows"), GP64()), Load(Param("n"), GP64())
	to, from, left := GP64(), GP64(), GP64()
	mask := y[7]
	for _, c := range []int{expMost, expLeast, zero, one, six} {
		VMOVUPS(a.memory(c), a.register(c))
	}
	Label("row")
	MOVQ(Mem{Base: off}, left)
	TESTQ(left, left)
	JS(LabelRef("next"))
	LEAQ(Mem{Base: dst, Index: left, Scale: 4}, to)
	LEAQ(Mem{Base: x, Index: left, Scale: 4}, from)
	MOVQ(n, left)
	SUBQ(U8(8), left)
	JL(LabelRef("tail"))
	Label("vector")
	VMOVUPS(Mem{Base: from}, y[0])
	body()
	VMOVUPS(y[0], Mem{Base: to})
	ADDQ(U8(32), from)
	ADDQ(U8(32), to)
	SUBQ(U8(8), left)
	JGE(LabelRef("vector"))
	Label("tail")
	ADDQ(U8(8), left)
	JZ(LabelRef("next"))
	VMOVD(left.As32(), mask.AsX())
	VPBROADCASTD(mask.AsX(), mask)
	VPCMPGTD(a.iota, mask, mask)
	VMASKMOVPS(Mem{Base: from}, mask, y[0])
	body()
	VMASKMOVPS(y[0], mask, Mem{Base: to})
	Label("next")
	ADDQ(U8(8), off)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
	return name + "AVX2" + params
}
