package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Places of the fields of tile.Args, in bytes; layout_amd64.go checks them.
const (
	argA    = 0
	argAOff = 24
	argB    = 48
	argC    = 72
	argCOff = 96
	argR    = 120
	argROff = 144
	argBias = 168
	argCols = 200
	argTaps = 208
	argK    = 216
	argLoad = 224
	argReLU = 232

	argAhead, argStep = 240, 264
)

// Registers with one use throughout. 12 more point at pixels.
var (
	tmp = reg.RAX
	b   = reg.RBX // weights
	k   = reg.RCX // counts from −K up to 0, so that one add ends the loop

	pixels = []reg.GPPhysical{
		reg.RDX, reg.RSI, reg.RDI, reg.RBP, reg.R8, reg.R9, reg.R10, reg.R11, reg.R12, reg.R13, reg.R14, reg.R15,
	}
)

const (
	unroll   = 4
	prefetch = 1024 // bytes of weights ahead: +2 to 10 % where a panel is not in L1
)

// A tile generates one micro-kernel.
type tile struct {
	*isa
	rows, vectors int
	iota          Mem
}

func (t *tile) sums() int { return t.rows * t.vectors }

// sum is the register of vector j of row i.
func (t *tile) sum(i, j int) reg.VecPhysical { return t.regs[i*t.vectors+j] }

// weight is the register of vector j of the weights.
func (t *tile) weight(j int) reg.VecPhysical { return t.regs[t.sums()+j] }

// pixel is the register that a number of row i is broadcast to: a rotation of
// those left.
func (t *tile) pixel(i int) reg.VecPhysical {
	first := t.sums() + t.vectors
	return t.regs[first+i%(len(t.regs)-first)]
}

// mask is a vector register that holds a mask outside the main loop.
func (t *tile) mask(j int) reg.VecPhysical { return t.weight(j) }

func (t *tile) generate(name string) {
	TEXT(name, NOSPLIT, "func(a *byte)")
	taps, offsets := AllocLocal(8), AllocLocal(8)
	base, minusK := AllocLocal(8), AllocLocal(8)
	ahead, step := AllocLocal(8), AllocLocal(8)

	t.begin()

	Comment("Without taps or channels there is nothing to add.")
	MOVQ(Mem{Base: tmp, Disp: argTaps}, k)
	TESTQ(k, k)
	JZ(LabelRef("finish"))
	MOVQ(k, taps)
	MOVQ(Mem{Base: tmp, Disp: argK}, k)
	TESTQ(k, k)
	JZ(LabelRef("finish"))
	MOVQ(Mem{Base: tmp, Disp: argAhead}, b)
	MOVQ(b, ahead)
	MOVQ(Mem{Base: tmp, Disp: argStep}, b)
	MOVQ(b, step)
	MOVQ(Mem{Base: tmp, Disp: argB}, b)
	MOVQ(Mem{Base: tmp, Disp: argAOff}, pixels[0])
	MOVQ(pixels[0], offsets)
	MOVQ(Mem{Base: tmp, Disp: argA}, tmp)
	LEAQ(Mem{Base: tmp, Index: k, Scale: 4}, tmp)
	MOVQ(tmp, base)
	NEGQ(k)
	MOVQ(k, minusK)

	Label("tap")
	Comment("Point at the ends of this tap's pixels.")
	MOVQ(offsets, tmp)
	MOVQ(base, k)
	for i := range t.rows {
		MOVQ(Mem{Base: tmp, Disp: 8 * i}, pixels[i])
		LEAQ(Mem{Base: k, Index: pixels[i], Scale: 4}, pixels[i])
	}
	ADDQ(U32(8*t.rows), tmp)
	MOVQ(tmp, offsets)
	MOVQ(minusK, k)
	MOVQ(ahead, tmp)

	ADDQ(U8(unroll), k)
	JG(LabelRef("few"))
	Label("loop")
	for u := range unroll {
		t.step(u, -unroll)
	}
	ADDQ(U32(unroll*t.vectors*t.lanes*4), b)
	for u := range unroll {
		PREFETCHT1(Mem{Base: tmp, Disp: 64 * u})
	}
	ADDQ(step, tmp)
	ADDQ(U8(unroll), k)
	JLE(LabelRef("loop"))
	Label("few")
	SUBQ(U8(unroll), k)
	JZ(LabelRef("next"))
	Label("one")
	t.step(0, 0)
	ADDQ(U32(t.vectors*t.lanes*4), b)
	INCQ(k)
	JNZ(LabelRef("one"))
	Label("next")
	MOVQ(tmp, ahead)
	DECQ(taps)
	JNZ(LabelRef("tap"))

	Label("finish")
	t.finish()
	VZEROUPPER()
	RET()
}

// begin makes the sums zero, or what C holds.
func (t *tile) begin() {
	Load(Param("a"), tmp)
	CMPQ(Mem{Base: tmp, Disp: argLoad}, U8(0))
	JNE(LabelRef("load"))
	for i := range t.sums() {
		t.zero(t.regs[i])
	}
	Comment("Fetch what will be stored to and added, while the sums are made.")
	t.touch(argC, argCOff)
	CMPQ(Mem{Base: tmp, Disp: argR}, U8(0))
	JE(LabelRef("ready"))
	t.touch(argR, argROff)
	JMP(LabelRef("ready"))
	Label("load")
	MOVQ(Mem{Base: tmp, Disp: argCols}, k)
	t.masks(t, k, pixels[0])
	t.each(argC, argCOff, func(i, j int, m Mem) { t.load(t, m, j, t.sum(i, j)) })
	Label("ready")
}

// step adds the products of channel k+from+u, u steps into the unrolled loop.
func (t *tile) step(u, from int) {
	for j := range t.vectors {
		VMOVUPS(Mem{Base: b, Disp: (u*t.vectors + j) * t.lanes * 4}, t.weight(j))
	}
	for line := 0; line < t.vectors*t.lanes*4; line += 64 {
		if at := u*t.vectors*t.lanes*4 + line; at%64 == 0 {
			PREFETCHT0(Mem{Base: b, Disp: at + prefetch})
		}
	}
	for i := range t.rows {
		VBROADCASTSS(Mem{Base: pixels[i], Index: k, Scale: 4, Disp: 4 * (from + u)}, t.pixel(i))
		for j := range t.vectors {
			VFMADD231PS(t.pixel(i), t.weight(j), t.sum(i, j))
		}
	}
}

// finish adds bias and residual, applies ReLU, and stores the sums.
func (t *tile) finish() {
	Load(Param("a"), tmp)
	MOVQ(Mem{Base: tmp, Disp: argCols}, k)
	t.masks(t, k, b)
	extra := t.pixel(0)

	MOVQ(Mem{Base: tmp, Disp: argBias}, k)
	TESTQ(k, k)
	JZ(LabelRef("residual"))
	for j := range t.vectors {
		VMOVUPS(Mem{Base: k, Disp: j * t.lanes * 4}, extra)
		for i := range t.rows {
			VADDPS(extra, t.sum(i, j), t.sum(i, j))
		}
	}

	Label("residual")
	CMPQ(Mem{Base: tmp, Disp: argR}, U8(0))
	JE(LabelRef("relu"))
	t.each(argR, argROff, func(i, j int, m Mem) {
		t.load(t, m, j, t.pixel(i*t.vectors+j))
		VADDPS(t.pixel(i*t.vectors+j), t.sum(i, j), t.sum(i, j))
	})

	Label("relu")
	CMPQ(Mem{Base: tmp, Disp: argReLU}, U8(0))
	JE(LabelRef("store"))
	t.zero(extra)
	for i := range t.rows {
		for j := range t.vectors {
			VMAXPS(t.sum(i, j), extra, t.sum(i, j)) // of a NaN and 0, the operand named first
		}
	}

	Label("store")
	CMPQ(Mem{Base: tmp, Disp: argCols}, U8(t.vectors*t.lanes))
	JNE(LabelRef("part"))
	t.each(argC, argCOff, func(i, j int, m Mem) { VMOVUPS(t.sum(i, j), m) })
	VZEROUPPER()
	RET()
	Label("part")
	t.each(argC, argCOff, func(i, j int, m Mem) { t.store(t, t.sum(i, j), j, m) })
}

// touch fetches the cache lines of a matrix whose rows begin at offsets.
func (t *tile) touch(matrix, offsets int) {
	MOVQ(Mem{Base: tmp, Disp: matrix}, k)
	MOVQ(Mem{Base: tmp, Disp: offsets}, b)
	for i := range t.rows {
		MOVQ(Mem{Base: b, Disp: 8 * i}, pixels[i])
		for line := 0; line < t.vectors*t.lanes*4; line += 64 {
			PREFETCHT0(Mem{Base: k, Index: pixels[i], Scale: 4, Disp: line})
		}
	}
}

// each calls f for every vector of a matrix whose rows begin at offsets.
func (t *tile) each(matrix, offsets int, f func(i, j int, m Mem)) {
	MOVQ(Mem{Base: tmp, Disp: matrix}, k)
	MOVQ(Mem{Base: tmp, Disp: offsets}, b)
	for i := range t.rows {
		MOVQ(Mem{Base: b, Disp: 8 * i}, pixels[i])
		for j := range t.vectors {
			f(i, j, Mem{Base: k, Index: pixels[i], Scale: 4, Disp: j * t.lanes * 4})
		}
	}
}
