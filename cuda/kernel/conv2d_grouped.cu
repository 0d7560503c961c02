// A convolution in groups, such as a depthwise one, as its formula stands:
//
//	y[m][o] = act(Σ_{u,v,k} x[n, i·s+u·d−p, j·s+v·d−p, g·K+k] · w[u,v,k][o] + bias[o] + residual[m][o])
//
// m = (n, i, j) is an output pixel, g the group of output channel o, K the input channels of a group. A thread has one
// output; its neighbour has the next channel, so that of a depthwise convolution 32 threads read neighbouring numbers.
#include "device.h"

extern "C" __global__ void conv2d_grouped_f32(
	const float *x,        // (N, H, W, XS)
	const float *w,        // (KH·KW·K, OP)
	const float *bias,     // (OP)
	const float *residual, // (N, HR, WR, OS) or null; read at the nearest place if HR × WR is not HO × WO
	float *y,              // (N, HO, WO, OS)
	long long outputs, int height, int width, int k, int xs, int ho, int wo, int o, int per_group, int op, int os, int kh, int kw,
	int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, int hr, int wr, int activation) {
	long long at = thread();
	if (at >= outputs) return;
	const int m = at / os, channel = at % os;
	if (channel >= o) {
		y[at] = 0;
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
			const float *a = x + (((long long)image * height + row) * width + column) * xs + channel / per_group * k;
			const float *b = w + (long long)(u * kw + v) * k * op + channel;
			for (int i = 0; i < k; i++) sum = fmaf(a[i], b[(long long)i * op], sum);
		}
	}
	sum += bias[channel];
	if (residual) sum += residual[nearest_pixel(m, ho, wo, hr, wr) * os + channel];
	y[at] = activate(sum, activation);
}
