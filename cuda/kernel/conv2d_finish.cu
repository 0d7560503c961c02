// The second half of a product whose sums are of parts: adds the parts, always in the same order, and finishes.
//
//	y[m][o] = act(partial[0][m][o] + partial[1][m][o] + … + bias[o] + residual[m][o])
#include "epilogue.h"

#define PARAMETERS \
	const float *partial,      /* (SPLITS, N·HO·WO, OP) */ \
		int splits,            /* at least 1 */ \
		const float *bias,     /* (OP) */ \
		const void *residual,  /* (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not YH × YW */ \
		void *y,               /* (N, YH, YW, OS), of which pixels (i·step + first, j·step + first) are made */ \
		int n, int ho, int wo, int o, int op, int os, int yh, int yw, int step_h, int step_w, int first_h, int first_w, \
		int hr, int wr, int activation
#define ARGUMENTS \
	partial, splits, bias, residual, y, n, ho, wo, o, op, os, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation

// A thread has 16 bytes of y.
template <class Y> DEVICE void conv2d_finish(PARAMETERS) {
	const int per = os / LANES<Y>, pixels = n * ho * wo;
	const long long i = thread();
	if (i >= (long long)pixels * per) return;
	const int m = i / per, channel = i % per * LANES<Y>;
	const float *from = partial + (long long)m * op + channel;
	float sum[LANES<Y>] = {};
	for (int z = 0; z < splits; z++, from += (long long)pixels * op) {
		float add[LANES<Y>];
		load_floats(from, add);
#pragma unroll
		for (int j = 0; j < LANES<Y>; j++) sum[j] += add[j];
	}
	const Epilogue e = {
		bias, residual, y, ho, wo, o, os, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation, false};
	if (residual) {
		float add[LANES<Y>];
		e.load_residual<Y>(m, channel, add);
#pragma unroll
		for (int j = 0; j < LANES<Y>; j++) sum[j] += add[j];
	}
	e.finish<Y>(m, channel, sum);
}

extern "C" __global__ void conv2d_finish_f32(PARAMETERS) { conv2d_finish<float>(ARGUMENTS); }
extern "C" __global__ void conv2d_finish_bf16(PARAMETERS) { conv2d_finish<bf16>(ARGUMENTS); }
extern "C" __global__ void conv2d_finish_f16(PARAMETERS) { conv2d_finish<f16>(ARGUMENTS); }
