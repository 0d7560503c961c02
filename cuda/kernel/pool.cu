// Pooling over windows and over whole maps. S, the distance between pixels, is 4·per.
#include "device.h"

// The greater one, and NaN if either is.
DEVICE float greater(float a, float b) { return b > a || b != b ? b : a; }

// y[n, i, j, c] = max x[n, i·s+u−p, j·s+v−p, c] over the u, v of the window that are inside, four channels in a thread.
extern "C" __global__ void max_pool2d_f32(
	const float4 *x, float4 *y, long long quads, int per, int height, int width, int ho, int wo, int kh, int kw, int stride_h,
	int stride_w, int pad_h, int pad_w) {
	long long i = thread();
	if (i >= quads) return;
	int m = i / per, channels = i % per, image = m / (ho * wo);
	int top = m % (ho * wo) / wo * stride_h - pad_h, left = m % wo * stride_w - pad_w;
	const float low = __uint_as_float(0xff800000); // −∞
	float4 v = {low, low, low, low};
	for (int row = top > 0 ? top : 0; row < top + kh && row < height; row++)
		for (int column = left > 0 ? left : 0; column < left + kw && column < width; column++) {
			float4 a = x[(((long long)image * height + row) * width + column) * per + channels];
			v = {greater(v.x, a.x), greater(v.y, a.y), greater(v.z, a.z), greater(v.w, a.w)};
		}
	y[i] = v;
}

constexpr int QUADS = 8, LANES = 32; // of a block: four channels each, and pixels at once

// y[n, c] = Σ_p x[n, p, c] / P. A lane sums every 32nd pixel, and the lanes' sums are added in pairs, so that errors do
// not grow with the map. A block has 32 channels of an image; blocks are counted image by image.
extern "C" __global__ void global_avg_pool2d_f32(const float4 *x, float4 *y, int pixels, int per) {
	__shared__ __align__(16) float4 sums[LANES][QUADS];
	const int blocks = (per + QUADS - 1) / QUADS, image = blockIdx.x / blocks;
	const int lane = threadIdx.y, q = threadIdx.x, quad = blockIdx.x % blocks * QUADS + q;
	float4 v = {0, 0, 0, 0};
	if (quad < per)
		for (int p = lane; p < pixels; p += LANES) {
			float4 a = x[((long long)image * pixels + p) * per + quad];
			v = {v.x + a.x, v.y + a.y, v.z + a.z, v.w + a.w};
		}
	sums[lane][q] = v;
	for (int half = LANES / 2; half > 0; half /= 2) {
		__syncthreads();
		if (lane >= half) continue;
		float4 a = sums[lane + half][q];
		v = {v.x + a.x, v.y + a.y, v.z + a.z, v.w + a.w};
		sums[lane][q] = v;
	}
	float count = pixels;
	if (lane == 0 && quad < per) y[(long long)image * per + quad] = {v.x / count, v.y / count, v.z / count, v.w / count};
}
