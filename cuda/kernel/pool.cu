// Pooling over windows and over whole maps. A thread has 16 bytes of channels, of which a pixel has per.
#include "elements.h"

// The greater one, and NaN if either is.
DEVICE float greater(float a, float b) { return b > a || b != b ? b : a; }

// y[n, i, j, c] = max x[n, i·s+u−p, j·s+v−p, c] over the u, v of the window that are inside.
template <class T>
DEVICE void max_pool2d(
	const T *x, T *y, long long vectors, int per, int height, int width, int ho, int wo, int kh, int kw, int stride_h, int stride_w,
	int pad_h, int pad_w) {
	long long i = thread();
	if (i >= vectors) return;
	int m = i / per, channels = i % per, image = m / (ho * wo);
	int top = m % (ho * wo) / wo * stride_h - pad_h, left = m % wo * stride_w - pad_w;
	float v[LANES<T>];
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) v[j] = __uint_as_float(0xff800000); // −∞
	for (int row = top > 0 ? top : 0; row < top + kh && row < height; row++)
		for (int column = left > 0 ? left : 0; column < left + kw && column < width; column++) {
			float a[LANES<T>];
			load(x + ((((long long)image * height + row) * width + column) * per + channels) * LANES<T>, a);
#pragma unroll
			for (int j = 0; j < LANES<T>; j++) v[j] = greater(v[j], a[j]);
		}
	store(y + i * LANES<T>, v);
}

extern "C" __global__ void max_pool2d_f32(
	const float *x, float *y, long long vectors, int per, int height, int width, int ho, int wo, int kh, int kw, int stride_h,
	int stride_w, int pad_h, int pad_w) {
	max_pool2d(x, y, vectors, per, height, width, ho, wo, kh, kw, stride_h, stride_w, pad_h, pad_w);
}
extern "C" __global__ void max_pool2d_bf16(
	const bf16 *x, bf16 *y, long long vectors, int per, int height, int width, int ho, int wo, int kh, int kw, int stride_h,
	int stride_w, int pad_h, int pad_w) {
	max_pool2d(x, y, vectors, per, height, width, ho, wo, kh, kw, stride_h, stride_w, pad_h, pad_w);
}
extern "C" __global__ void max_pool2d_f16(
	const f16 *x, f16 *y, long long vectors, int per, int height, int width, int ho, int wo, int kh, int kw, int stride_h,
	int stride_w, int pad_h, int pad_w) {
	max_pool2d(x, y, vectors, per, height, width, ho, wo, kh, kw, stride_h, stride_w, pad_h, pad_w);
}

// A block has 8 times 16 bytes of an image's channels, for each of which 32 threads sum every 32nd pixel.
constexpr int VECTORS = 8, THREADS = 32;

// y[n, c] = Σ_p x[n, p, c] / P. The threads' sums are added in pairs, so that errors do not grow with the map. Blocks are
// counted image by image.
template <class T>
DEVICE void global_avg_pool2d(const T *x, T *y, int pixels, int per, float (*sums)[THREADS][VECTORS]) {
	const int blocks = (per + VECTORS - 1) / VECTORS, image = blockIdx.x / blocks;
	const int lane = threadIdx.y, q = threadIdx.x, channels = blockIdx.x % blocks * VECTORS + q;
	float v[LANES<T>] = {};
	if (channels < per)
		for (int p = lane; p < pixels; p += THREADS) {
			float a[LANES<T>];
			load(x + (((long long)image * pixels + p) * per + channels) * LANES<T>, a);
#pragma unroll
			for (int j = 0; j < LANES<T>; j++) v[j] += a[j];
		}
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) sums[j][lane][q] = v[j];
	for (int half = THREADS / 2; half > 0; half /= 2) {
		__syncthreads();
		if (lane >= half) continue;
#pragma unroll
		for (int j = 0; j < LANES<T>; j++) sums[j][lane][q] = v[j] += sums[j][lane + half][q];
	}
	if (lane > 0 || channels >= per) return;
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) v[j] /= pixels;
	store(y + ((long long)image * per + channels) * LANES<T>, v);
}

extern "C" __global__ void global_avg_pool2d_f32(const float *x, float *y, int pixels, int per) {
	__shared__ float sums[LANES<float>][THREADS][VECTORS];
	global_avg_pool2d(x, y, pixels, per, sums);
}
extern "C" __global__ void global_avg_pool2d_bf16(const bf16 *x, bf16 *y, int pixels, int per) {
	__shared__ float sums[LANES<bf16>][THREADS][VECTORS];
	global_avg_pool2d(x, y, pixels, per, sums);
}
extern "C" __global__ void global_avg_pool2d_f16(const f16 *x, f16 *y, int pixels, int per) {
	__shared__ float sums[LANES<f16>][THREADS][VECTORS];
	global_avg_pool2d(x, y, pixels, per, sums);
}
