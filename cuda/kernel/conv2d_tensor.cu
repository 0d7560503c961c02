// A convolution as an implicit matrix product on tensor cores, of maps of 16 bits or of floats as tf32, with sums in float32:
//
//	y[m][o] = act(Σ_k x[m, k] · w[o][k] + bias[o] + residual[m][o])
//
// m is an output pixel of N·HO·WO, k a tap and channel of KH·KW·C, o an output channel. Nothing is gathered in memory: the
// 16 bytes of a pixel's channels are copied from where they lie into shared memory, or are zero outside of the map.
//
// A block computes TM pixels × TN channels in steps of 64 bytes of k, a quarter of them in each of its four warps. While a
// warp multiplies what is in one stage of shared memory, copies for the stages behind it are on the way: one barrier for
// each step. Of a row's 64 bytes the 16 at place p are kept at p ^ (row/2 % 4), so that neither the copies nor the loads of
// eight rows have two in one bank.
//
// targets: sm_80 sm_86 sm_89 sm_90a sm_100 sm_120 compute_80
#include "epilogue.h"
#include "tensorcore.h"

constexpr int THREADS = 128, ROW = 64; // bytes of k in a step

template <int TM, int TN> constexpr int STAGE_BYTES = (TM + TN) * ROW;

// What kernels are given. C, XS and OS count elements; of x the first C channels of a pixel are read.
#define PARAMETERS \
	const void *x,             /* (N, H, W, XS) */ \
		const void *w,         /* (OP, KH·KW·C), with OP a multiple of 128: rows that there are not are zero */ \
		const float *bias,     /* (OP) */ \
		const void *residual,  /* (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not YH × YW */ \
		void *y,               /* (N, YH, YW, OS), of which pixels (i·step + first, j·step + first) are made */ \
		int n, int height, int width, int c, int xs, int ho, int wo, int o, int op, int os, int kh, int kw, \
		int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int yh, int yw, int step_h, \
		int step_w, int first_h, int first_w, int hr, int wr, int activation, \
		int wide,              /* y and residual are floats, whatever x is */ \
		float *partial,        /* null, or (Z, N·HO·WO, OP): for sums, of which nothing more is made */ \
		int depth_of_split     /* how much of k blocks (x, y, z) sum, from z times as much on; a multiple of a step's */
#define ARGUMENTS \
	x, w, bias, residual, y, n, height, width, c, xs, ho, wo, o, op, os, kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, \
		dilation_w, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation, wide, partial, depth_of_split

template <class T, int TM, int TN, int STAGES> DEVICE void conv2d(char *shared, PARAMETERS) {
	constexpr int STEP = ROW / sizeof(T), STAGE = STAGE_BYTES<TM, TN>, WM = TM / 2, WN = TN / 2;
	const int t = threadIdx.x, lane = t % 32, warp = t / 32, pixels = n * ho * wo, depth = kh * kw * c;
	const int m0 = blockIdx.x * TM, o0 = blockIdx.y * TN;
	const int begin = blockIdx.z * depth_of_split;
	const int end = partial && depth - begin > depth_of_split ? begin + depth_of_split : depth;
	const int steps = end > begin ? (end - begin + STEP - 1) / STEP : 0;

	// What a thread copies in each step: 16 bytes, those at k, of every 32nd pixel and of every 32nd row of w.
	int k = begin + t % 4 * LANES<T>, tap_h = 0, tap_w = 0, channel = 0;
	if (k < end) {
		int tap = k / c;
		channel = k - tap * c, tap_h = tap / kw, tap_w = tap - tap_h * kw;
	}
	const T *from[TM / 32]; // the first pixel of the window, if it is inside
	int top[TM / 32], left[TM / 32];
#pragma unroll
	for (int i = 0; i < TM / 32; i++) {
		int m = m0 + t / 4 + i * 32, at = m < pixels ? m : 0, place = at % (ho * wo);
		top[i] = place / wo * stride_h - pad_h;
		left[i] = place % wo * stride_w - pad_w;
		from[i] = (const T *)x + (((long long)(at / (ho * wo)) * height + top[i]) * width + left[i]) * xs;
		if (m >= pixels) top[i] = -(1 << 30);
	}
	const T *row = (const T *)w + (long long)(o0 + t / 4) * depth + k;
	const Shared to = shared_address(shared) + t / 4 * ROW + (t % 4 ^ t / 8 % 4) * 16;

	auto fetch = [&](int stage) {
		const bool more = k < end;
		const int dy = tap_h * dilation_h, dx = tap_w * dilation_w;
		const long long offset = ((long long)dy * width + dx) * xs + channel;
#pragma unroll
		for (int i = 0; i < TM / 32; i++) {
			bool inside = more && unsigned(top[i] + dy) < unsigned(height) && unsigned(left[i] + dx) < unsigned(width);
			copy_async(to + stage * STAGE + i * 32 * ROW, from[i] + offset, inside ? 16 : 0);
		}
#pragma unroll
		for (int i = 0; i < TN / 32; i++)
			copy_async(to + stage * STAGE + (TM + i * 32) * ROW, row + (long long)i * 32 * depth, more ? 16 : 0);
		k += STEP, row += STEP, channel += STEP;
		while (channel >= c) {
			channel -= c;
			if (++tap_w == kw) tap_w = 0, tap_h++;
		}
	};

	// The rows of a warp's matrices that a lane names, at the first 32 bytes of k: at the second bit 5 is the other.
	const int wm = warp % 2 * WM, wn = warp / 2 * WN, row_a = lane % 16, row_b = lane % 8 + lane / 16 * 8;
	const int at_a = (wm + row_a) * ROW + (lane / 16 ^ row_a / 2 % 4) * 16;
	const int at_b = (TM + wn + row_b) * ROW + (lane / 8 % 2 ^ row_b / 2 % 4) * 16;

	float sum[WM / 16][WN / 8][4] = {};
#pragma unroll
	for (int i = 0; i < STAGES - 1; i++) {
		if (i < steps) fetch(i);
		copy_commit();
	}
	for (int step = 0, stage = 0, free = STAGES - 1; step < steps; step++) {
		copy_wait<STAGES - 2>();
		__syncthreads(); // the stage is there, and nobody reads any more what comes into the free one
		if (step + STAGES - 1 < steps) fetch(free);
		copy_commit();
		const Shared tile = shared_address(shared) + stage * STAGE;
#pragma unroll
		for (int half = 0; half < 2; half++) {
			unsigned a[WM / 16][4], b[WN / 16][4];
#pragma unroll
			for (int i = 0; i < WM / 16; i++) load_matrices(a[i], tile + (at_a ^ half * 32) + i * 16 * ROW);
#pragma unroll
			for (int j = 0; j < WN / 16; j++) load_matrices(b[j], tile + (at_b ^ half * 32) + j * 16 * ROW);
#pragma unroll
			for (int i = 0; i < WM / 16; i++) {
				round_operand(a[i], T()); // those of w were rounded when they were packed
#pragma unroll
				for (int j = 0; j < WN / 8; j++) multiply(sum[i][j], a[i], &b[j / 2][j % 2 * 2], T());
			}
		}
		stage = stage + 1 == STAGES ? 0 : stage + 1;
		free = free + 1 == STAGES ? 0 : free + 1;
	}

	// Sums go through shared memory, a part of each warp's own, 16 pixels at a time, so that neighbouring lanes have
	// neighbouring channels of a pixel. The 8 keep the stores off each other's banks.
	constexpr int PITCH = WN + 8, PER = WN / LANES<T>;
	float *slab = (float *)shared + warp * 16 * PITCH;
	const Epilogue e = {bias, residual, y, ho, wo, o, os, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation};
	__syncthreads();
#pragma unroll
	for (int i = 0; i < WM / 16; i++) {
#pragma unroll
		for (int j = 0; j < WN / 8; j++)
#pragma unroll
			for (int half = 0; half < 2; half++)
				*(float2 *)&slab[(lane / 4 + half * 8) * PITCH + j * 8 + lane % 4 * 2] =
					{sum[i][j][half * 2], sum[i][j][half * 2 + 1]};
		__syncwarp();
#pragma unroll 1
		for (int r = lane / PER; r < 16; r += 32 / PER) {
			const int m = m0 + wm + i * 16 + r, to_channel = o0 + wn + lane % PER * LANES<T>;
			if (m >= pixels) break;
			float v[LANES<T>];
			load_floats(&slab[r * PITCH + lane % PER * LANES<T>], v);
			if (partial) store_floats(partial + ((long long)blockIdx.z * pixels + m) * op + to_channel, v);
			else if (sizeof(T) < 4 && wide) e.finish<float>(m, to_channel, v);
			else e.finish<T>(m, to_channel, v);
		}
		__syncwarp();
	}
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_tf32_128x128(PARAMETERS) {
	__shared__ __align__(128) char shared[3 * STAGE_BYTES<128, 128>];
	conv2d<float, 128, 128, 3>(shared, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 3) conv2d_tf32_128x64(PARAMETERS) {
	__shared__ __align__(128) char shared[4 * STAGE_BYTES<128, 64>];
	conv2d<float, 128, 64, 4>(shared, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 4) conv2d_tf32_64x64(PARAMETERS) {
	__shared__ __align__(128) char shared[4 * STAGE_BYTES<64, 64>];
	conv2d<float, 64, 64, 4>(shared, ARGUMENTS);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_bf16_128x128(PARAMETERS) {
	__shared__ __align__(128) char shared[3 * STAGE_BYTES<128, 128>];
	conv2d<bf16, 128, 128, 3>(shared, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 3) conv2d_bf16_128x64(PARAMETERS) {
	__shared__ __align__(128) char shared[4 * STAGE_BYTES<128, 64>];
	conv2d<bf16, 128, 64, 4>(shared, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 4) conv2d_bf16_64x64(PARAMETERS) {
	__shared__ __align__(128) char shared[4 * STAGE_BYTES<64, 64>];
	conv2d<bf16, 64, 64, 4>(shared, ARGUMENTS);
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_f16_128x128(PARAMETERS) {
	__shared__ __align__(128) char shared[3 * STAGE_BYTES<128, 128>];
	conv2d<f16, 128, 128, 3>(shared, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 3) conv2d_f16_128x64(PARAMETERS) {
	__shared__ __align__(128) char shared[4 * STAGE_BYTES<128, 64>];
	conv2d<f16, 128, 64, 4>(shared, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 4) conv2d_f16_64x64(PARAMETERS) {
	__shared__ __align__(128) char shared[4 * STAGE_BYTES<64, 64>];
	conv2d<f16, 64, 64, 4>(shared, ARGUMENTS);
}
