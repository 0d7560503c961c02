// A convolution in groups as its formula stands:
//
//	y[m][o] = act(Σ_{u,v,k} x[n, i·s+u·d−p, j·s+v·d−p, g·K+k] · w[u,v,k][o] + bias[o] + residual[m][o])
//
// m = (n, i, j) is an output pixel, g the group of output channel o, K the input channels of a group. Weights are float32
// whatever maps are of: they are few.
#include "elements.h"

// What kernels for maps of T are given. y and the residual are of another element if the result is to be float32.
#define PARAMETERS(T, Y) \
	const T *x,                /* (N, H, W, XS) */ \
		const float *w,        /* (KH·KW·K, OP) */ \
		const float *bias,     /* (OP) */ \
		const Y *residual,     /* (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not HO × WO */ \
		Y *y,                  /* (N, HO, WO, OS) */ \
		long long count,       /* of threads that have something to do */ \
		int height, int width, int k, int xs, int ho, int wo, int o, int per_group, int op, int os, int kh, int kw, \
		int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int hr, int wr, int activation
#define ARGUMENTS \
	x, w, bias, residual, y, count, height, width, k, xs, ho, wo, o, per_group, op, os, kh, kw, stride_h, stride_w, pad_h, \
		pad_w, dilation_h, dilation_w, hr, wr, activation

// A thread has one output; its neighbour has the next channel.
template <class T, class Y> DEVICE void conv2d_grouped(PARAMETERS(T, Y)) {
	long long at = thread();
	if (at >= count) return;
	const int m = at / os, channel = at % os;
	if (channel >= o) {
		y[at] = narrow<Y>(0);
		return;
	}
	const int image = m / (ho * wo), top = m % (ho * wo) / wo * stride_h - pad_h, left = m % wo * stride_w - pad_w;
	float sum = 0;
	for (int u = 0; u < kh; u++) {
		int row = top + u * dilation_h;
		if (unsigned(row) >= unsigned(height)) continue;
		for (int v = 0; v < kw; v++) {
			int column = left + v * dilation_w;
			if (unsigned(column) >= unsigned(width)) continue;
			const T *a = x + (((long long)image * height + row) * width + column) * xs + channel / per_group * k;
			const float *b = w + (long long)(u * kw + v) * k * op + channel;
			for (int i = 0; i < k; i++) sum = fmaf(widen(a[i]), b[(long long)i * op], sum);
		}
	}
	sum += bias[channel];
	if (residual) sum += widen(residual[nearest_pixel(m, ho, wo, hr, wr) * os + channel]);
	y[at] = narrow<Y>(activate(sum, activation));
}

extern "C" __global__ void conv2d_grouped_f32(PARAMETERS(float, float)) { conv2d_grouped(ARGUMENTS); }
extern "C" __global__ void conv2d_grouped_bf16(PARAMETERS(bf16, bf16)) { conv2d_grouped(ARGUMENTS); }
extern "C" __global__ void conv2d_grouped_f16(PARAMETERS(f16, f16)) { conv2d_grouped(ARGUMENTS); }
extern "C" __global__ void conv2d_grouped_bf16_f32(PARAMETERS(bf16, float)) { conv2d_grouped(ARGUMENTS); }
extern "C" __global__ void conv2d_grouped_f16_f32(PARAMETERS(f16, float)) { conv2d_grouped(ARGUMENTS); }

// A depthwise convolution, where output channel o reads input channel o only: a thread has 16 bytes of channels of a pixel.
template <class T> DEVICE void conv2d_depthwise(PARAMETERS(T, T)) {
	long long at = thread() * LANES<T>;
	if (at >= count * LANES<T>) return;
	const int m = at / os, first = at % os;
	const int image = m / (ho * wo), top = m % (ho * wo) / wo * stride_h - pad_h, left = m % wo * stride_w - pad_w;
	float sum[LANES<T>] = {};
	for (int u = 0; u < kh; u++) {
		int row = top + u * dilation_h;
		if (unsigned(row) >= unsigned(height)) continue;
		for (int v = 0; v < kw; v++) {
			int column = left + v * dilation_w;
			if (unsigned(column) >= unsigned(width)) continue;
			float a[LANES<T>], b[LANES<T>];
			load(x + (((long long)image * height + row) * width + column) * xs + first, a);
			load_floats(w + (long long)(u * kw + v) * op + first, b);
#pragma unroll
			for (int j = 0; j < LANES<T>; j++) sum[j] = fmaf(a[j], b[j], sum[j]);
		}
	}
	float add[LANES<T>];
	load_floats(bias + first, add);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) sum[j] += add[j];
	if (residual) {
		load(residual + nearest_pixel(m, ho, wo, hr, wr) * os + first, add);
#pragma unroll
		for (int j = 0; j < LANES<T>; j++) sum[j] += add[j];
	}
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) sum[j] = first + j < o ? activate(sum[j], activation) : 0.f;
	store(y + at, sum);
}

extern "C" __global__ void conv2d_depthwise_f32(PARAMETERS(float, float)) { conv2d_depthwise(ARGUMENTS); }
extern "C" __global__ void conv2d_depthwise_bf16(PARAMETERS(bf16, bf16)) { conv2d_depthwise(ARGUMENTS); }
extern "C" __global__ void conv2d_depthwise_f16(PARAMETERS(f16, f16)) { conv2d_depthwise(ARGUMENTS); }
