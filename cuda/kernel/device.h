// What kernels are written in: CUDA C++, less everything that would need a header of NVIDIA's. The same source is compiled
// for GPUs by NVRTC (see ../internal/kernelgen) and for the CPU, by any C++17 compiler, with EMULATOR defined.
//
// Kernels have C names and arguments of 4 or 8 bytes. Maps are (N, H, W, C) with C a multiple of 4 and channels that
// there are not zero, so that 16 bytes are read at once.
#pragma once
#ifdef EMULATOR
#include "emulator.h"
#endif

#define DEVICE __device__ __forceinline__

// Activations, as package op counts them: the functions are those of PyTorch.
enum Activation { NONE, RELU, SIGMOID, SILU, HARDSWISH, HARDSIGMOID, RELU6, GELU };

// The rare ones are a call: inline they would be most of a kernel's code.
__device__ __noinline__ float activate_rare(float x, int activation) {
	switch (activation) {
	case SIGMOID: return 1 / (1 + expf(-x));
	case SILU: return x / (1 + expf(-x));
	case HARDSWISH: return x * fminf(fmaxf(x + 3, 0.f), 6.f) / 6;
	case HARDSIGMOID: return x != x ? x : fminf(fmaxf(x + 3, 0.f), 6.f) / 6;
	case RELU6: return x != x ? x : fminf(fmaxf(x, 0.f), 6.f);
	case GELU: return 0.5f * x * erfcf(x * -0.70710678f);
	}
	return x;
}

DEVICE float activate(float x, int activation) {
	if (activation == NONE) return x;
	if (activation == RELU) return x < 0 ? 0.f : x; // NaN stays
	return activate_rare(x, activation);
}

// nearest returns which of in pixels stands for pixel i of out, as PyTorch computes it, in float32.
DEVICE int nearest(int i, int in, int out) {
	int at = (int)((float)i * ((float)in / (float)out));
	return at < in - 1 ? at : in - 1;
}

// nearest_pixel returns which pixel of maps of hr × wr stands for pixel m of maps of ho × wo.
DEVICE long long nearest_pixel(int m, int ho, int wo, int hr, int wr) {
	if (hr == ho && wr == wo) return m;
	int place = m % (ho * wo);
	return ((long long)(m / (ho * wo)) * hr + nearest(place / wo, hr, ho)) * wr + nearest(place % wo, wr, wo);
}

// within returns v with zeros for channels that there are not: its first is channel first of c.
DEVICE float4 within(float4 v, int first, int c) {
	if (first >= c) v.x = 0;
	if (first + 1 >= c) v.y = 0;
	if (first + 2 >= c) v.z = 0;
	if (first + 3 >= c) v.w = 0;
	return v;
}

// thread returns the number of this thread among all of a grid of one dimension.
DEVICE long long thread() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }
