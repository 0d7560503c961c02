package tensor

import "math"

// Half is an IEEE 754 binary16 number: 1 sign bit, 5 exponent bits, 10 bits
// of fraction.
type Half uint16

// Float32 returns h exactly; every binary16 number is a binary32 number.
// Signalling NaNs stay as they are.
func (h Half) Float32() float32 {
	sign := uint32(h&0x8000) << 16
	exponent, fraction := uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch {
	case exponent == 0x1f: // infinity and NaN
		return math.Float32frombits(sign | 0xff<<23 | fraction<<13)
	case exponent != 0:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
	// Zero and subnormals: fraction·2⁻²⁴, exact in binary32.
	return math.Float32frombits(sign | math.Float32bits(float32(fraction)*0x1p-24))
}

// HalfOf rounds f to the nearest binary16 number, ties to even, as PyTorch's
// Tensor.half does. Values from 65520 up become infinity. A NaN stays a NaN.
func HalfOf(f float32) Half {
	b := math.Float32bits(f)
	sign := Half(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000: // NaN, made quiet
		return sign | 0x7e00 | Half(b>>13&0x3ff)
	case b >= 0x47800000: // 65536 and above, infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2⁻¹⁴: subnormal, a multiple of 2⁻²⁴
		// Adding 0.5 makes the unit in the last place of a binary32 2⁻²⁴, so
		// the addition rounds to nearest even.
		return sign | Half(math.Float32bits(math.Float32frombits(b)+0.5)&0x7ff)
	}
	b += 0xfff + b>>13&1 // round to nearest even; a carry moves the exponent
	return sign | Half((b-(127-15)<<23)>>13)
}

// BHalf is a bfloat16 number: the upper 16 bits of a binary32.
type BHalf uint16

// Float32 returns h exactly.
func (h BHalf) Float32() float32 { return math.Float32frombits(uint32(h) << 16) }

// BHalfOf rounds f to the nearest bfloat16 number, ties to even, as PyTorch's
// Tensor.bfloat16 does. A NaN becomes the quiet NaN 0x7fc0, as PyTorch's.
func BHalfOf(f float32) BHalf {
	b := math.Float32bits(f)
	if f != f {
		return 0x7fc0
	}
	return BHalf((b + 0x7fff + b>>16&1) >> 16)
}
