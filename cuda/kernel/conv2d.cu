// A convolution as an implicit matrix product, in exact float32 on CUDA cores:
//
//	y[m][o] = act(Σ_k x[m, k] · w[k][o] + bias[o] + residual[m][o])
//
// m is an output pixel of N·HO·WO, k a tap and channel of KH·KW·C, o an output channel. Nothing is gathered in memory: the
// 16 bytes of a pixel's four channels are read where they lie, or are zero outside of the map.
//
// A block computes TM pixels × TN channels in steps of TK, a thread 8 × 8 of them in registers, or 8 × 4 of a small tile.
// While the threads multiply what is in one half of the shared memory they have the next step's operands on the way into
// registers, and store them into the other half: one barrier for each step.
#include "epilogue.h"

constexpr int TN = 64, TK = 16, THREADS = 128;

#define PARAMETERS \
	const float *x,            /* (N, H, W, XS), the first C channels */ \
		const float *w,        /* (KH·KW·C, OP), with OP a multiple of 64: channels that there are not are zero */ \
		const float *bias,     /* (OP) */ \
		const float *residual, /* (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not YH × YW */ \
		float *y,              /* (N, YH, YW, OS), of which pixels (i·step + first, j·step + first) are made */ \
		int n, int height, int width, int c, int xs, int ho, int wo, int o, int op, int os, int kh, int kw, \
		int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int yh, int yw, int step_h, \
		int step_w, int first_h, int first_w, int hr, int wr, int activation, \
		float *partial,        /* null, or (Z, N·HO·WO, OP): for sums, of which nothing more is made */ \
		int depth_of_split     /* how much of k blocks (x, y, z) sum, from z times as much on; a multiple of TK */
#define ARGUMENTS \
	x, w, bias, residual, y, n, height, width, c, xs, ho, wo, o, op, os, kh, kw, stride_h, stride_w, pad_h, pad_w, dilation_h, \
		dilation_w, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation, partial, depth_of_split

// What a block of TM pixels has in shared memory. The 4 keep the transposing stores off each other's banks.
template <int TM> struct Tiles {
	float x[2][TK][TM + 4];
	float w[2][TK][TN];
};

template <int TM> DEVICE void conv2d(Tiles<TM> &tiles, PARAMETERS) {
	constexpr int COLUMNS = TM * TN / THREADS / 8; // of a thread
	constexpr int X = TM / 32, W = 2;             // how many times 16 bytes of x and w a thread brings in each step
	const int t = threadIdx.x, pixels = n * ho * wo, depth = kh * kw * c;
	const int m0 = blockIdx.x * TM, o0 = blockIdx.y * TN;
	const int begin = blockIdx.z * depth_of_split;
	const int end = partial && depth - begin > depth_of_split ? begin + depth_of_split : depth;

	// It brings four channels of every 32nd pixel, and of every 8th row of w.
	const int k_x = t % 4 * 4, m_x = t / 4;
	const int k_w = t / 16, o_w = t % 16 * 4;
	int k = begin + k_x, dy = 0, dx = 0, channel = 0;
	if (k < end) {
		int tap = k / c;
		channel = k - tap * c, dy = tap / kw * dilation_h, dx = tap % kw * dilation_w;
	}
	const float *from[X]; // the first pixel of the window, if it is inside
	int top[X], left[X];
#pragma unroll
	for (int i = 0; i < X; i++) {
		int m = m0 + m_x + i * 32, at = m < pixels ? m : 0, place = at % (ho * wo);
		top[i] = place / wo * stride_h - pad_h;
		left[i] = place % wo * stride_w - pad_w;
		from[i] = x + (((long long)(at / (ho * wo)) * height + top[i]) * width + left[i]) * xs;
		if (m >= pixels) top[i] = -(1 << 30);
	}
	const float *row = w + (long long)(begin + k_w) * op + o0 + o_w;

	float4 next_x[X], next_w[W];
	auto fetch = [&](int k0) {
		const long long offset = (long long)(dy * width + dx) * xs + channel;
#pragma unroll
		for (int i = 0; i < X; i++) {
			bool inside = (k < end) & (unsigned(top[i] + dy) < unsigned(height)) & (unsigned(left[i] + dx) < unsigned(width));
			next_x[i] = inside ? *(const float4 *)(from[i] + offset) : float4{0, 0, 0, 0};
		}
#pragma unroll
		for (int i = 0; i < W; i++)
			next_w[i] = k0 + k_w + i * 8 < end ? *(const float4 *)(row + (long long)i * 8 * op) : float4{0, 0, 0, 0};
		k += TK, row += (long long)TK * op, channel += TK;
		while (channel >= c) {
			channel -= c;
			if ((dx += dilation_w) == kw * dilation_w) dx = 0, dy += dilation_h;
		}
	};
	auto store = [&](int half) {
#pragma unroll
		for (int i = 0; i < X; i++) {
			int m = m_x + i * 32;
			tiles.x[half][k_x][m] = next_x[i].x;
			tiles.x[half][k_x + 1][m] = next_x[i].y;
			tiles.x[half][k_x + 2][m] = next_x[i].z;
			tiles.x[half][k_x + 3][m] = next_x[i].w;
		}
#pragma unroll
		for (int i = 0; i < W; i++) *(float4 *)&tiles.w[half][k_w + i * 8][o_w] = next_w[i];
	};

	// Of the block's outputs a thread has the rows tm and TM/2 + tm, four each, and the columns tn, or tn and TN/2 + tn.
	constexpr int ACROSS = TN / COLUMNS;
	const int tm = t / ACROSS * 4, tn = t % ACROSS * 4;
	float sum[8][COLUMNS] = {};
	fetch(begin);
	store(0);
	__syncthreads();
	for (int k0 = begin, half = 0; k0 < end; k0 += TK, half ^= 1) {
		bool more = k0 + TK < end;
		if (more) fetch(k0 + TK);
#pragma unroll
		for (int k = 0; k < TK; k++) {
			float a[8], b[COLUMNS];
			*(float4 *)a = *(const float4 *)&tiles.x[half][k][tm];
			*(float4 *)(a + 4) = *(const float4 *)&tiles.x[half][k][TM / 2 + tm];
#pragma unroll
			for (int j = 0; j < COLUMNS; j += 4) *(float4 *)(b + j) = *(const float4 *)&tiles.w[half][k][j * (TN / 8) + tn];
#pragma unroll
			for (int i = 0; i < 8; i++)
#pragma unroll
				for (int j = 0; j < COLUMNS; j++) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
		}
		if (more) store(half ^ 1);
		__syncthreads();
	}

	const Epilogue e = {
		bias, residual, y, ho, wo, o, os, yh, yw, step_h, step_w, first_h, first_w, hr, wr, activation, false};
#pragma unroll
	for (int j = 0; j < COLUMNS; j += 4) {
		const int channel = o0 + j * (TN / 8) + tn;
		if (residual && !partial)
#pragma unroll
			for (int i = 0; i < 8; i++) { // all on the way at once
				int m = m0 + tm + i % 4 + i / 4 * (TM / 2);
				float add[4] = {};
				if (m < pixels) e.load_residual<float>(m, channel, add);
#pragma unroll
				for (int l = 0; l < 4; l++) sum[i][j + l] += add[l];
			}
#pragma unroll
		for (int i = 0; i < 8; i++) {
			int m = m0 + tm + i % 4 + i / 4 * (TM / 2);
			if (m >= pixels) continue;
			float(&v)[4] = *(float(*)[4])(sum[i] + j);
			if (partial) store_floats(partial + ((long long)blockIdx.z * pixels + m) * op + channel, v);
			else e.finish<float>(m, channel, v);
		}
	}
}

extern "C" __global__ void __launch_bounds__(THREADS, 3) conv2d_f32_128x64(PARAMETERS) {
	__shared__ __align__(16) Tiles<128> tiles;
	conv2d(tiles, ARGUMENTS);
}
extern "C" __global__ void __launch_bounds__(THREADS, 4) conv2d_f32_64x64(PARAMETERS) {
	__shared__ __align__(16) Tiles<64> tiles;
	conv2d(tiles, ARGUMENTS);
}
