// What products do with a sum, in all of their kernels:
//
//	y[m][o] = act(sum[m][o] + bias[o] + residual[m][o])
//
// An operand may be long, and the pixels few: then blocks (x, y, z) make part z of the sums, which conv2d_finish.cu adds.
#pragma once
#include "elements.h"

// store_floats writes a number of an array of floats for each channel.
template <int N> DEVICE void store_floats(float *p, const float (&v)[N]) {
#pragma unroll
	for (int i = 0; i < N; i += 4) *(float4 *)(p + i) = {v[i], v[i + 1], v[i + 2], v[i + 3]};
}

// Where sums go. Output pixel m is (n, i, j) of N × HO × WO, and pixel (n, i·step + first, j·step + first) of y.
struct Epilogue {
	const float *bias;    // (OP)
	const void *residual; // (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not YH × YW
	void *y;              // (N, YH, YW, OS)
	int ho, wo, o, os, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation;
	bool wide; // y and the residual are floats, whatever T is

	// place returns the pixel of y that output pixel m is.
	DEVICE int place(int m) const {
		if (yh == ho && yw == wo) return m;
		int at = m % (ho * wo);
		return (m / (ho * wo) * yh + at / wo * step_h + first_h) * yw + at % wo * step_w + first_w;
	}

	// load_residual reads the residual of 16 bytes of T's channels of output pixel m: zeros for channels beyond OS.
	template <class T> DEVICE void load_residual(int m, int channel, float (&v)[LANES<T>]) const {
		const long long at = nearest_pixel(place(m), yh, yw, hr, wr) * os + channel;
		if (sizeof(T) == 4 || !wide) {
			if (channel < os) load((const T *)residual + at, v);
			return;
		}
#pragma unroll
		for (int i = 0; i < LANES<T>; i += 4)
			if (channel + i < os) load((const float *)residual + at + i, *(float(*)[4])(v + i));
	}

	// finish makes as many channels of y of what v has besides the bias.
	template <class T> DEVICE void finish(int m, int channel, float (&v)[LANES<T>]) const {
		if (channel >= os) return;
		float add[LANES<T>];
		load_floats(bias + channel, add);
#pragma unroll
		for (int i = 0; i < LANES<T>; i++) v[i] += add[i];
		if (activation != NONE)
#pragma unroll
			for (int i = 0; i < LANES<T>; i++) v[i] = activate(v[i], activation);
#pragma unroll
		for (int i = 0; i < LANES<T>; i++)
			if (channel + i >= o) v[i] = 0;
		const long long at = (long long)place(m) * os + channel;
		if (sizeof(T) == 4 || !wide) {
			store((T *)y + at, v);
			return;
		}
#pragma unroll
		for (int i = 0; i < LANES<T>; i += 4)
			if (channel + i < os) store((float *)y + at + i, *(float(*)[4])(v + i));
	}
};
