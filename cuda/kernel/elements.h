// What maps are of: float, or one of the types of 16 bits, bf16 and f16, which exist in memory only: arithmetic is float's.
// A kernel is written once, for any of the three, and has a name for each. It reads and writes 16 bytes at once: LANES
// channels, as floats.
#pragma once
#include "device.h"

struct bf16 { unsigned short bits; }; // the upper half of a float
struct f16 { unsigned short bits; };  // 5 bits of exponent, 10 of fraction

template <class T> constexpr int LANES = 16 / sizeof(T);

DEVICE float widen(float x) { return x; }
DEVICE float widen(bf16 x) { return __uint_as_float((unsigned)x.bits << 16); }

DEVICE float widen(f16 x) {
#ifdef EMULATOR
	unsigned sign = (x.bits & 0x8000u) << 16, rest = x.bits & 0x7fffu;
	float v = __uint_as_float(rest << 13) * __uint_as_float(0x77800000); // · 2^112, exactly, from subnormal numbers, too
	if (rest >= 0x7c00) v = __uint_as_float(0x7f800000 | rest << 13);
	return __uint_as_float(__float_as_uint(v) | sign);
#else
	float v;
	asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(x.bits));
	return v;
#endif
}

// narrow returns the nearest number of a type, of two the even one, and an infinity beyond the greatest. NaN stays NaN.
template <class T> DEVICE T narrow(float x);
template <> DEVICE float narrow(float x) { return x; }

template <> DEVICE bf16 narrow(float x) {
	unsigned u = __float_as_uint(x);
	if (x != x) return {(unsigned short)(u >> 16 | 0x40)};
	return {(unsigned short)((u + 0x7fff + (u >> 16 & 1)) >> 16)};
}

template <> DEVICE f16 narrow(float x) {
#ifdef EMULATOR
	unsigned u = __float_as_uint(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
	if (rest > 0x7f800000) return {(unsigned short)(sign | 0x7e00)};
	if (rest >= 0x47800000) return {(unsigned short)(sign | 0x7c00)}; // 2^16
	if (rest < 0x38800000) { // 2^-14: the numbers are 2^-24 apart, as those behind 1/2 are
		unsigned steps = __float_as_uint(__uint_as_float(rest) + 0.5f) - 0x3f000000;
		return {(unsigned short)(sign | steps)};
	}
	rest -= 112 << 23;
	return {(unsigned short)(sign | (rest + 0xfff + (rest >> 13 & 1)) >> 13)};
#else
	f16 v;
	asm("cvt.rn.f16.f32 %0, %1;" : "=h"(v.bits) : "f"(x));
	return v;
#endif
}

// narrow_pair returns two numbers in a word, the first in its lower half.
template <class T> DEVICE unsigned narrow_pair(float low, float high) {
	return narrow<T>(low).bits | (unsigned)narrow<T>(high).bits << 16;
}
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
template <> DEVICE unsigned narrow_pair<bf16>(float low, float high) {
	unsigned v;
	asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
	return v;
}
template <> DEVICE unsigned narrow_pair<f16>(float low, float high) {
	unsigned v;
	asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
	return v;
}
#endif

// load reads 16 bytes of a map.
DEVICE void load(const float *p, float (&v)[4]) {
	float4 a = *(const float4 *)p;
	v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
}

template <class T> DEVICE void load(const T *p, float (&v)[8]) {
	uint4 a = *(const uint4 *)p;
	const unsigned words[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
	for (int i = 0; i < 4; i++) {
		v[2 * i] = widen(T{(unsigned short)words[i]});
		v[2 * i + 1] = widen(T{(unsigned short)(words[i] >> 16)});
	}
}

// store writes 16 bytes of a map.
DEVICE void store(float *p, const float (&v)[4]) { *(float4 *)p = {v[0], v[1], v[2], v[3]}; }

template <class T> DEVICE void store(T *p, const float (&v)[8]) {
	unsigned words[4];
#pragma unroll
	for (int i = 0; i < 4; i++)
		words[i] = narrow_pair<T>(v[2 * i], v[2 * i + 1]);
	*(uint4 *)p = {words[0], words[1], words[2], words[3]};
}

// load_floats reads a number of an array of floats for each channel.
template <int N> DEVICE void load_floats(const float *p, float (&v)[N]) {
#pragma unroll
	for (int i = 0; i < N; i += 4) {
		float4 a = *(const float4 *)(p + i);
		v[i] = a.x, v[i + 1] = a.y, v[i + 2] = a.z, v[i + 3] = a.w;
	}
}
