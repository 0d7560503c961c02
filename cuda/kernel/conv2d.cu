// A convolution as an implicit matrix product, in exact float32 on CUDA cores:
//
//	y[m][o] = act(Σ_k x[m, k] · w[k][o] + bias[o] + residual[m][o])
//
// m is an output pixel of N·HO·WO, k a tap and channel of KH·KW·C, o an output channel. Nothing is gathered in memory: the
// 16 bytes of a pixel's four channels are read where they lie, or are zero outside of the map.
//
// A transposed convolution is a few of them, each of which makes every step-th pixel of y.
//
// A block computes TM pixels × TN channels in steps of TK, a thread 8 × 4 of them in registers. While the threads multiply
// what is in one half of the shared memory they have the next step's operands on the way into registers, and store them
// into the other half: one barrier for each step.
#include "device.h"

constexpr int TM = 128, TN = 64, TK = 16, THREADS = 256;

extern "C" __global__ void __launch_bounds__(THREADS, 2) conv2d_f32_128x64(
	const float *x,        // (N, H, W, XS), the first C channels
	const float *w,        // (KH·KW·C, OP), with OP a multiple of 64: channels that there are not are zero
	const float *bias,     // (OP)
	const float *residual, // (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not YH × YW
	float *y,              // (N, YH, YW, OS), of which pixels (i·step + first, j·step + first) are made, HO × WO of them
	int n, int height, int width, int c, int xs, int ho, int wo, int o, int op, int os, int kh, int kw, int stride_h, int stride_w,
	int pad_h, int pad_w, int dilation_h, int dilation_w, int yh, int yw, int step_h, int step_w, int first_h, int first_w,
	int hr, int wr, int activation) {
	__shared__ __align__(16) float as[2][TK][TM + 4]; // the 4 keep the transposing stores off each other's banks
	__shared__ __align__(16) float bs[2][TK][TN];
	const int t = threadIdx.x, pixels = n * ho * wo, depth = kh * kw * c, quarter = c > 4 ? c / 4 : 1;
	const int m0 = blockIdx.x * TM, o0 = blockIdx.y * TN;

	// What a thread brings in each step: two times four channels of a pixel, and four channels of a row of w.
	const int k_x = t % 4, m_x = t / 4; // k_x in units of 4
	const int k_w = t / 16, o_w = t % 16 * 4;
	int image[2], top[2], left[2]; // of the two pixels' windows
#pragma unroll
	for (int i = 0; i < 2; i++) {
		int m = m0 + m_x + i * 64;
		int at = m < pixels ? m : 0;
		image[i] = m < pixels ? at / (ho * wo) : -1;
		int place = at % (ho * wo);
		top[i] = place / wo * stride_h - pad_h;
		left[i] = place % wo * stride_w - pad_w;
	}
	float4 next_x[2], next_w;
	auto fetch = [&](int k0) {
		int k = k0 / 4 + k_x, tap = k / quarter, channel = (k - tap * quarter) * 4;
		int dy = tap / kw * dilation_h, dx = tap % kw * dilation_w;
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int row = top[i] + dy, column = left[i] + dx;
			bool inside = image[i] >= 0 && k * 4 < depth && unsigned(row) < unsigned(height) && unsigned(column) < unsigned(width);
			next_x[i] = inside ? *(const float4 *)(x + (((long long)image[i] * height + row) * width + column) * xs + channel)
							   : float4{0, 0, 0, 0};
		}
		next_w = k0 + k_w < depth ? *(const float4 *)(w + (long long)(k0 + k_w) * op + o0 + o_w) : float4{0, 0, 0, 0};
	};
	auto store = [&](int half) {
#pragma unroll
		for (int i = 0; i < 2; i++) {
			int m = m_x + i * 64, k = k_x * 4;
			as[half][k][m] = next_x[i].x;
			as[half][k + 1][m] = next_x[i].y;
			as[half][k + 2][m] = next_x[i].z;
			as[half][k + 3][m] = next_x[i].w;
		}
		*(float4 *)&bs[half][k_w][o_w] = next_w;
	};

	// Of the block's outputs a thread has rows 4·tm and 64 + 4·tm, four each, and the columns 4·tn.
	const int tm = t / 16 * 4, tn = t % 16 * 4;
	float sum[8][4] = {};
	fetch(0);
	store(0);
	__syncthreads();
	for (int k0 = 0, half = 0; k0 < depth; k0 += TK, half ^= 1) {
		bool more = k0 + TK < depth;
		if (more) fetch(k0 + TK);
#pragma unroll
		for (int k = 0; k < TK; k++) {
			float a[8], b[4];
			*(float4 *)a = *(const float4 *)&as[half][k][tm];
			*(float4 *)(a + 4) = *(const float4 *)&as[half][k][64 + tm];
			*(float4 *)b = *(const float4 *)&bs[half][k][tn];
#pragma unroll
			for (int i = 0; i < 8; i++)
#pragma unroll
				for (int j = 0; j < 4; j++) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
		}
		if (more) store(half ^ 1);
		__syncthreads();
	}

	if (o0 + tn >= o) return;
	float4 add = *(const float4 *)(bias + o0 + tn);
#pragma unroll
	for (int i = 0; i < 8; i++) {
		int m = m0 + tm + i % 4 + i / 4 * 64;
		if (m >= pixels) continue;
		int to = m; // the pixel of y
		if (yh != ho || yw != wo) {
			int place = m % (ho * wo);
			to = (m / (ho * wo) * yh + place / wo * step_h + first_h) * yw + place % wo * step_w + first_w;
		}
		float4 v = {sum[i][0] + add.x, sum[i][1] + add.y, sum[i][2] + add.z, sum[i][3] + add.w};
		if (residual) {
			float4 r = *(const float4 *)(residual + nearest_pixel(to, yh, yw, hr, wr) * os + o0 + tn);
			v.x += r.x, v.y += r.y, v.z += r.z, v.w += r.w;
		}
		v = {activate(v.x, activation), activate(v.y, activation), activate(v.z, activation), activate(v.w, activation)};
		*(float4 *)(y + (long long)to * os + o0 + tn) = within(v, o0 + tn, o);
	}
}
