// A convolution as an implicit matrix product on tensor cores, of maps of 16 bits or of floats as tf32; sums are float32:
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
	int k = begin + t % 4 * LANES<T>, dy = 0, dx = 0, channel = 0;
	if (k < end) {
		int tap = k / c;
		channel = k - tap * c, dy = tap / kw * dilation_h, dx = tap % kw * dilation_w;
	}
	int from[TM / 32], top[TM / 32], left[TM / 32]; // the window's first pixel, counted in x if it is inside; its place
#pragma unroll
	for (int i = 0; i < TM / 32; i++) {
		int m = m0 + t / 4 + i * 32, at = m < pixels ? m : 0, place = at % (ho * wo);
		top[i] = place / wo * stride_h - pad_h;
		left[i] = place % wo * stride_w - pad_w;
		from[i] = (at / (ho * wo) * height + top[i]) * width + left[i];
		if (m >= pixels) top[i] = -(1 << 30);
	}
	const T *row = (const T *)w + (long long)(o0 + t / 4) * depth + k;
	const Shared to = shared_address(shared) + t / 4 * ROW + (t % 4 ^ t / 8 % 4) * 16;

	auto fetch = [&](int stage) {
		const bool more = k < end;
		const T *first = (const T *)x + channel;
#pragma unroll
		for (int i = 0; i < TM / 32; i++) {
			// One number of bytes or another, without a branch: then the copy has a predicate.
			bool inside = more & (unsigned(top[i] + dy) < unsigned(height)) & (unsigned(left[i] + dx) < unsigned(width));
			const T *p = first + (long long)(from[i] + dy * width + dx) * xs;
			copy_async(to + stage * STAGE + i * 32 * ROW, p, inside ? 16 : 0);
		}
#pragma unroll
		for (int i = 0; i < TN / 32; i++)
			copy_async(to + stage * STAGE + (TM + i * 32) * ROW, row + (long long)depth * (i * 32), more ? 16 : 0);
		k += STEP, row += STEP, channel += STEP;
		while (channel >= c) {
			channel -= c;
			if ((dx += dilation_w) == kw * dilation_w) dx = 0, dy += dilation_h;
		}
	};

	// The rows of a warp's matrices that a lane names, at the first 32 bytes of k: at the others bit 5 is the opposite.
	const int wm = warp % 2 * WM, wn = warp / 2 * WN, row_a = lane % 16, row_b = lane % 8 + lane / 16 * 8;
	const int at_a = (wm + row_a) * ROW + (lane / 16 ^ row_a / 2 % 4) * 16;
	const int at_b = (TM + wn + row_b) * ROW + (lane / 8 % 2 ^ row_b / 2 % 4) * 16;
	unsigned a[2][WM / 16][4], b[2][WN / 16][4]; // operands of one product, and of the next
	auto prepare = [&](int half, int stage) {
		const Shared tile = shared_address(shared) + stage * STAGE;
#pragma unroll
		for (int i = 0; i < WM / 16; i++) load_matrices(a[half][i], tile + (at_a ^ half * 32) + i * 16 * ROW);
#pragma unroll
		for (int j = 0; j < WN / 16; j++) load_matrices(b[half][j], tile + (at_b ^ half * 32) + j * 16 * ROW);
	};
	float sum[WM / 16][WN / 8][4] = {};
	auto product = [&](int half) {
#pragma unroll
		for (int i = 0; i < WM / 16; i++) {
			round_operand(a[half][i], T()); // those of w were rounded when they were packed
#pragma unroll
			for (int j = 0; j < WN / 8; j++) multiply(sum[i][j], a[half][i], &b[half][j / 2][j % 2 * 2], T());
		}
	};

#pragma unroll
	for (int i = 0; i < STAGES - 1; i++) {
		if (i < steps) fetch(i);
		copy_commit();
	}
	copy_wait<STAGES - 2>();
	__syncthreads();
	if (steps > 0) prepare(0, 0);
	for (int step = 0, stage = 0, free = STAGES - 1; step < steps; step++) {
		prepare(1, stage);
		if (step + STAGES - 1 < steps) fetch(free);
		copy_commit();
		product(0);
		stage = stage + 1 == STAGES ? 0 : stage + 1;
		free = free + 1 == STAGES ? 0 : free + 1;
		copy_wait<STAGES - 2>();
		__syncthreads(); // the next stage is there, and nobody reads any more what will come into the free one
		if (step + 1 < steps) prepare(0, stage);
		product(1);
	}

	// Sums go through shared memory, a part of each warp's own, 32 pixels at a time, so that neighbouring lanes have
	// neighbouring channels of a pixel. The 8 keep the stores off each other's banks.
	constexpr int PITCH = WN + 8, ACROSS = WN / LANES<T>, DOWN = 32 / ACROSS; // lanes
	static_assert(4 * 32 * PITCH * sizeof(float) <= STAGES * STAGE, "room for sums");
	const int down = lane / ACROSS, across = lane % ACROSS * LANES<T>, to_channel = o0 + wn + across;
	float *slab = (float *)shared + warp * 32 * PITCH;
	const Epilogue e = {
		bias, residual, y, ho, wo, o, os, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation, wide != 0};
#pragma unroll
	for (int first = 0; first < WM; first += 32) {
#pragma unroll
		for (int i = 0; i < 4; i++) // 8 pixels
#pragma unroll
			for (int j = 0; j < WN / 8; j++) {
				const float *pair = &sum[first / 16 + i / 2][j][i % 2 * 2];
				*(float2 *)&slab[(i * 8 + lane / 4) * PITCH + j * 8 + lane % 4 * 2] = {pair[0], pair[1]};
			}
		__syncwarp();
		const int m = m0 + wm + first + down;
		if (residual && !partial)
#pragma unroll 1
			for (int r = 0; r < 32; r += 4 * DOWN) {
				float add[4][LANES<T>] = {};
#pragma unroll
				for (int i = 0; i < 4; i++) // four on the way at once
					if (m + r + i * DOWN < pixels) e.load_residual<T>(m + r + i * DOWN, to_channel, add[i]);
#pragma unroll
				for (int i = 0; i < 4; i++) {
					float *at = &slab[(r + i * DOWN + down) * PITCH + across], v[LANES<T>];
					load_floats(at, v);
#pragma unroll
					for (int l = 0; l < LANES<T>; l++) v[l] += add[i][l];
					store_floats(at, v);
				}
			}
#pragma unroll 1
		for (int r = 0; r < 32 && m + r < pixels; r += DOWN) {
			float v[LANES<T>];
			load_floats(&slab[(r + down) * PITCH + across], v);
			if (partial) store_floats(partial + ((long long)blockIdx.z * pixels + m + r) * op + to_channel, v);
			else e.finish<T>(m + r, to_channel, v);
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
