// A transposed convolution, as its formula stands:
//
//	y[m][o] = act(Σ_{u,v,c} x[n, (i+p−u)/s, (j+p−v)/s, c] · w[u,v,c][o] + bias[o] + residual[m][o])
//
// over the u, v for which both quotients are whole and inside; m = (n, i, j) is an output pixel. A thread has one output;
// its neighbours have the next channels and the same pixel, so that they read neighbouring weights.
#include "device.h"

extern "C" __global__ void conv_transpose2d_f32(
	const float *x,        // (N, H, W, XS)
	const float *w,        // (KH·KW·C, OP)
	const float *bias,     // (OP)
	const float *residual, // (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not HO × WO
	float *y,              // (N, HO, WO, OS)
	long long outputs, int height, int width, int c, int xs, int ho, int wo, int o, int op, int os, int kh, int kw, int stride_h,
	int stride_w, int pad_h, int pad_w, int hr, int wr, int activation) {
	long long at = thread();
	if (at >= outputs) return;
	const int m = at / os, channel = at % os;
	if (channel >= o) {
		y[at] = 0;
		return;
	}
	const int image = m / (ho * wo), top = m % (ho * wo) / wo + pad_h, left = m % wo + pad_w;
	float sum = 0;
	for (int u = 0; u < kh; u++) {
		int row = (top - u) / stride_h;
		if (u > top || row * stride_h != top - u || row >= height) continue;
		for (int v = 0; v < kw; v++) {
			int column = (left - v) / stride_w;
			if (v > left || column * stride_w != left - v || column >= width) continue;
			const float *a = x + (((long long)image * height + row) * width + column) * xs;
			const float *b = w + (long long)(u * kw + v) * c * op + channel;
			for (int i = 0; i < c; i++) sum = fmaf(a[i], b[(long long)i * op], sum);
		}
	}
	sum += bias[channel];
	if (residual) sum += residual[nearest_pixel(m, ho, wo, hr, wr) * os + channel];
	y[at] = activate(sum, activation);
}
