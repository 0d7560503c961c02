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

	// place returns the pixel of y that output pixel m is.
	DEVICE int place(int m) const {
		if (yh == ho && yw == wo) return m;
		int at = m % (ho * wo);
		return (m / (ho * wo) * yh + at / wo * step_h + first_h) * yw + at % wo * step_w + first_w;
	}

	// finish makes N channels of output pixel m, a multiple of LANES<Y>, of their sums.
	template <class Y, int N> DEVICE void finish(int m, int channel, float (&sum)[N]) const {
		const int to = place(m);
		const Y *more = (const Y *)residual + (residual ? nearest_pixel(to, yh, yw, hr, wr) * os + channel : 0);
		float add[N];
		load_floats(bias + channel, add);
#pragma unroll
		for (int at = 0; at < N; at += LANES<Y>) {
			if (channel + at >= os) return;
			float v[LANES<Y>] = {};
			if (residual) load(more + at, v);
#pragma unroll
			for (int i = 0; i < LANES<Y>; i++)
				v[i] = channel + at + i < o ? activate(sum[at + i] + add[at + i] + v[i], activation) : 0.f;
			store((Y *)y + (long long)to * os + channel + at, v);
		}
	}
};
