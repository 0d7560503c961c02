package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A sweep generates loops over n floats, any number: whole vectors, then the
// rest of one with the mask y[7].
type sweep struct {
	iota Mem
	n    reg.GPVirtual
	left reg.GPVirtual
}

// over calls body for what is loaded into y[0] from at[0], which it may store
// with store, and with tail set for the rest. The arrays that at points to are
// gone through together.
func (s *sweep) over(label string, at []Mem, body func(store func(m Mem), load func(m Mem, r reg.VecPhysical), tail bool)) {
	mask := y[7]
	MOVQ(s.n, s.left)
	SUBQ(U8(8), s.left)
	JL(LabelRef(label + "tail"))
	Label(label)
	VMOVUPS(at[0], y[0])
	body(func(m Mem) { VMOVUPS(y[0], m) }, func(m Mem, r reg.VecPhysical) { VMOVUPS(m, r) }, false)
	for _, m := range at {
		ADDQ(U8(32), m.Base)
	}
	SUBQ(U8(8), s.left)
	JGE(LabelRef(label))
	Label(label + "tail")
	ADDQ(U8(8), s.left)
	JZ(LabelRef(label + "end"))
	VMOVD(s.left.As32(), mask.AsX())
	VPBROADCASTD(mask.AsX(), mask)
	VPCMPGTD(s.iota, mask, mask)
	VMASKMOVPS(at[0], mask, y[0])
	body(func(m Mem) { VMASKMOVPS(y[0], mask, m) }, func(m Mem, r reg.VecPhysical) { VMASKMOVPS(m, mask, r) }, true)
	Label(label + "end")
}

// all combines the eight floats of r by an operation, and leaves the result in all of them.
func all(r, tmp reg.VecPhysical, op func(a, b, to Op)) {
	VPERM2F128(U8(1), r, r, tmp)
	op(tmp, r, r)
	VPERMILPS(U8(0x4e), r, tmp)
	op(tmp, r, r)
	VPERMILPS(U8(0xb1), r, tmp)
	op(tmp, r, r)
}

// pointer returns a copy of a register as an address.
func pointer(r reg.GPVirtual) Mem {
	p := GP64()
	MOVQ(r, p)
	return Mem{Base: p}
}

// norm generates normGo.
func norm(iota8 Mem) string {
	const params = "(dst, x, gamma, beta *float32, n int, eps float32)"
	TEXT("normAVX2", NOSPLIT, "func"+params)
	dst, x := Load(Param("dst"), GP64()), Load(Param("x"), GP64()).(reg.GPVirtual)
	gamma, beta := Load(Param("gamma"), GP64()), Load(Param("beta"), GP64())
	s := &sweep{iota8, Load(Param("n"), GP64()).(reg.GPVirtual), GP64()}
	sum, mean, squares, count := y[1], y[2], y[3], y[4]
	VCVTSI2SSQ(s.n, count.AsX(), count.AsX())
	VBROADCASTSS(count.AsX(), count)
	VXORPS(sum, sum, sum)
	s.over("sum", []Mem{pointer(x)}, func(func(Mem), func(Mem, reg.VecPhysical), bool) { VADDPS(y[0], sum, sum) })
	all(sum, y[5], func(a, b, to Op) { VADDPS(a, b, to) })
	VDIVPS(count, sum, mean)
	VXORPS(squares, squares, squares)
	s.over("squares", []Mem{pointer(x)}, func(_ func(Mem), _ func(Mem, reg.VecPhysical), tail bool) {
		VSUBPS(mean, y[0], y[0])
		if tail {
			VANDPS(y[7], y[0], y[0])
		}
		VFMADD231PS(y[0], y[0], squares)
	})
	all(squares, y[5], func(a, b, to Op) { VADDPS(a, b, to) })
	VDIVPS(count, squares, squares)
	eps := Load(Param("eps"), XMM())
	VBROADCASTSS(eps, y[5])
	VADDPS(y[5], squares, squares)
	VSQRTPS(squares, squares)
	MOVL(U32(math.Float32bits(1)), s.left.As32())
	VMOVD(s.left.As32(), y[5].AsX())
	VPBROADCASTD(y[5].AsX(), y[5])
	VDIVPS(squares, y[5], squares)
	at := []Mem{{Base: x}, {Base: dst}, {Base: gamma}, {Base: beta}}
	s.over("scale", at, func(store func(Mem), load func(Mem, reg.VecPhysical), _ bool) {
		load(at[2], y[5])
		load(at[3], y[6])
		VSUBPS(mean, y[0], y[0])
		VMULPS(squares, y[0], y[0])
		VFMADD213PS(y[6], y[5], y[0])
		store(at[1])
	})
	VZEROUPPER()
	RET()
	return "normAVX2" + params
}

// softmax generates softmaxGo.
func softmax(iota8 Mem, a activations) string {
	const params = "(x *float32, n int, scale float32)"
	TEXT("softmaxAVX2", NOSPLIT, "func"+params)
	x := Load(Param("x"), GP64()).(reg.GPVirtual)
	s := &sweep{iota8, Load(Param("n"), GP64()).(reg.GPVirtual), GP64()}
	scale := Load(Param("scale"), XMM())
	greatest, sum, factor := y[13], y[14], y[15]
	VBROADCASTSS(scale, factor)
	for _, c := range []int{expLeast, one} {
		VMOVUPS(a.memory(c), a.register(c))
	}
	VBROADCASTSS(Mem{Base: x}, greatest)
	s.over("max", []Mem{pointer(x)}, func(_ func(Mem), _ func(Mem, reg.VecPhysical), tail bool) {
		if tail {
			VBLENDVPS(y[7], y[0], greatest, y[0])
		}
		VMAXPS(y[0], greatest, greatest)
	})
	all(greatest, y[5], func(a, b, to Op) { VMAXPS(a, b, to) })
	VXORPS(sum, sum, sum)
	at := []Mem{pointer(x)}
	s.over("exp", at, func(store func(Mem), _ func(Mem, reg.VecPhysical), tail bool) {
		VSUBPS(greatest, y[0], y[1])
		VMULPS(factor, y[1], y[1])
		VMAXPS(y[1], a.register(expLeast), y[1])
		a.exp()
		VMOVAPS(y[3], y[0])
		if tail {
			VANDPS(y[7], y[0], y[0])
		}
		VADDPS(y[0], sum, sum)
		store(at[0])
	})
	all(sum, y[5], func(a, b, to Op) { VADDPS(a, b, to) })
	VDIVPS(sum, a.register(one), sum)
	at = []Mem{{Base: x}}
	s.over("divide", at, func(store func(Mem), _ func(Mem, reg.VecPhysical), _ bool) {
		VMULPS(sum, y[0], y[0])
		store(at[0])
	})
	VZEROUPPER()
	RET()
	return "softmaxAVX2" + params
}
