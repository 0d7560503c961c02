package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// upsampleH2V1 generates the loop that triples each of n columns and adds its
// neighbours: near[i-1] is one more column, near[n] another.
func upsampleH2V1() string {
	weights := words("weights31", 0x0103) // bytes 3, 1
	one, two, right := words("one", 1), words("two", 2), words("right", 0xFF00)
	TEXT("upsampleH2V1AVX2", NOSPLIT, "func(dst, near *uint8, n int)")
	dst := Mem{Base: Load(Param("dst"), GP64())}
	near := Mem{Base: Load(Param("near"), GP64())}
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	w := YMM()
	VMOVDQU(weights, w)
	overlapped(n, func(i reg.Register) {
		here, before, after := YMM(), YMM(), YMM()
		VMOVDQU(near.Idx(i, 1), here)
		VMOVDQU(near.Offset(-1).Idx(i, 1), before)
		VMOVDQU(near.Offset(1).Idx(i, 1), after)
		var halves [2]reg.VecVirtual
		for h, unpack := range []func(...Op){VPUNPCKLBW, VPUNPCKHBW} {
			l, r := YMM(), YMM()
			unpack(before, here, l)
			unpack(after, here, r)
			VPMADDUBSW(w, l, l)
			VPMADDUBSW(w, r, r)
			VPADDW(one, l, l)
			VPADDW(two, r, r)
			VPSRLW(U8(2), l, l)
			VPSLLW(U8(6), r, r)
			halves[h] = merged(l, r, right)
		}
		storeHalves(dst, i, halves)
	})
	return "upsampleH2V1AVX2(dst, near *uint8, n int)"
}

// upsampleH2V2 generates the same of two rows, with the weights of both
// directions multiplied.
func upsampleH2V2() string {
	weights93, weights31 := words("weights93", 0x0309), words("weights31b", 0x0103)
	seven, eight, right := words("seven", 7), words("eight", 8), words("rightb", 0xFF00)
	TEXT("upsampleH2V2AVX2", NOSPLIT, "func(dst, near, far *uint8, n int)")
	dst := Mem{Base: Load(Param("dst"), GP64())}
	near, far := Mem{Base: Load(Param("near"), GP64())}, Mem{Base: Load(Param("far"), GP64())}
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	w93, w31 := YMM(), YMM()
	VMOVDQU(weights93, w93)
	VMOVDQU(weights31, w31)
	overlapped(n, func(i reg.Register) {
		var nears, fars [3]reg.VecVirtual // the columns before, here and after
		for k := range nears {
			nears[k], fars[k] = YMM(), YMM()
			VMOVDQU(near.Offset(k-1).Idx(i, 1), nears[k])
			VMOVDQU(far.Offset(k-1).Idx(i, 1), fars[k])
		}
		var halves [2]reg.VecVirtual
		for h, unpack := range []func(...Op){VPUNPCKLBW, VPUNPCKHBW} {
			l, here, r := YMM(), YMM(), YMM()
			unpack(fars[0], nears[0], l)
			unpack(fars[1], nears[1], here)
			unpack(fars[2], nears[2], r)
			VPMADDUBSW(w31, l, l)
			VPMADDUBSW(w93, here, here)
			VPMADDUBSW(w31, r, r)
			VPADDW(here, l, l)
			VPADDW(here, r, r)
			VPADDW(eight, l, l)
			VPADDW(seven, r, r)
			VPSRLW(U8(4), l, l)
			VPSLLW(U8(4), r, r)
			halves[h] = merged(l, r, right)
		}
		storeHalves(dst, i, halves)
	})
	return "upsampleH2V2AVX2(dst, near, far *uint8, n int)"
}

// merged has the left samples in its even bytes and the upper bytes of the
// right ones in its odd.
func merged(left, right reg.VecVirtual, mask Mem) reg.VecVirtual {
	VPAND(mask, right, right)
	VPOR(right, left, left)
	return left
}

// storeHalves stores what the lower and the upper unpacking made of columns i
// and following.
func storeHalves(dst Mem, i reg.Register, halves [2]reg.VecVirtual) {
	first, second := YMM(), YMM()
	VPERM2I128(U8(0x20), halves[1], halves[0], first)
	VPERM2I128(U8(0x31), halves[1], halves[0], second)
	VMOVDQU(first, dst.Idx(i, 2))
	VMOVDQU(second, dst.Offset(32).Idx(i, 2))
}

// convert generates the conversion of n pixels from YCbCr to RGB. What the
// constants have beyond one half, or below, is added without multiplying:
// VPMULHW keeps the upper 16 bits of a product with a signed word, and halving
// after the addition of one rounds as the formula with 32 bits does.
func convert() string {
	const redCr, blueCb, greenCb, greenCr = 91881, 116130, 22554, 46802
	offset := words("centre", 128)
	red, blue := words("red", redCr-1<<16), words("blue", blueCb-1<<17)
	green := words("green", -greenCb, 1<<16-greenCr)
	half, one := longs("half", 1<<15), words("oneb", 1)
	place := func(name string, part, colour int) Mem { // where a colour's samples lie in a third of 48 bytes
		return shuffle(name, func(i int) int {
			if at := 16*part + i; at%3 == colour {
				return at / 3
			}
			return -1
		})
	}
	var places [3][3]Mem
	for part := range 3 {
		for colour := range 3 {
			places[part][colour] = place("place"+string(rune('0'+part))+string(rune('0'+colour)), part, colour)
		}
	}

	TEXT("convertAVX2", NOSPLIT, "func(dst, luma, cb, cr *uint8, n int)")
	dst, luma := Mem{Base: Load(Param("dst"), GP64())}, Mem{Base: Load(Param("luma"), GP64())}
	cb, cr := Mem{Base: Load(Param("cb"), GP64())}, Mem{Base: Load(Param("cr"), GP64())}
	n := Load(Param("n"), GP64()).(reg.GPVirtual)
	zero, three := YMM(), GP64()
	VPXOR(zero, zero, zero)
	overlapped(n, func(i reg.Register) {
		var rgb [3]reg.VecVirtual
		y8, b8, r8 := YMM(), YMM(), YMM()
		VMOVDQU(luma.Idx(i, 1), y8)
		VMOVDQU(cb.Idx(i, 1), b8)
		VMOVDQU(cr.Idx(i, 1), r8)
		for h, unpack := range []func(...Op){VPUNPCKLBW, VPUNPCKHBW} {
			y, b, r := YMM(), YMM(), YMM()
			unpack(zero, y8, y)
			unpack(zero, b8, b)
			unpack(zero, r8, r)
			VPSUBW(offset, b, b)
			VPSUBW(offset, r, r)
			// scaled is v·(constant without its whole part), rounded.
			scaled := func(v reg.VecVirtual, constant Mem) reg.VecVirtual {
				p := YMM()
				VPADDW(v, v, p)
				VPMULHW(constant, p, p)
				VPADDW(one, p, p)
				VPSRAW(U8(1), p, p)
				return p
			}
			redder, bluer := scaled(r, red), scaled(b, blue)
			VPADDW(r, redder, redder)
			VPADDW(y, redder, redder)
			VPADDW(b, bluer, bluer)
			VPADDW(b, bluer, bluer)
			VPADDW(y, bluer, bluer)
			low, high := interleaved(VPUNPCKLWD, VPUNPCKHWD, b, r)
			for _, v := range []reg.VecVirtual{low, high} {
				VPMADDWD(green, v, v)
				VPADDD(half, v, v)
				VPSRAD(U8(16), v, v)
			}
			greener := YMM()
			VPACKSSDW(high, low, greener)
			VPSUBW(r, greener, greener)
			VPADDW(y, greener, greener)
			for k, v := range []reg.VecVirtual{redder, greener, bluer} {
				if h == 0 {
					rgb[k] = v
				} else {
					VPACKUSWB(v, rgb[k], rgb[k])
				}
			}
		}
		LEAQ(Mem{Base: i, Index: i, Scale: 2}, three)
		for part := range 3 {
			sum := YMM()
			VPSHUFB(places[part][0], rgb[0], sum)
			for colour := 1; colour < 3; colour++ {
				v := YMM()
				VPSHUFB(places[part][colour], rgb[colour], v)
				VPOR(v, sum, sum)
			}
			at := dst.Offset(16*part).Idx(three, 1)
			VMOVDQU(sum.AsX(), at)
			VEXTRACTI128(U8(1), sum, at.Offset(48))
		}
	})
	return "convertAVX2(dst, luma, cb, cr *uint8, n int)"
}
