// Images scaled to another size. A thread has 16 bytes of channels, of which a pixel has per.
// options: --fmad=false
#include "bilinear.h"
#include "elements.h"

// Pixels repeated: y[n, i, j, c] = x[n, near(i, H, HO), near(j, W, WO), c], of any element.
extern "C" __global__ void upsample(
	const float4 *x, float4 *y, long long vectors, int per, int height, int width, int ho, int wo) {
	long long i = thread();
	if (i >= vectors) return;
	y[i] = x[nearest_pixel(i / per, ho, wo, height, width) * per + i % per];
}

// Pixels from between pixels: two rows are scaled to the column, and y is between them. Shares are float32 in every
// precision.
template <class T>
DEVICE void upsample_bilinear(
	const T *x, T *y, long long vectors, int per, int height, int width, int ho, int wo) {
	const long long at = thread();
	if (at >= vectors) return;
	const int m = at / per, channels = (at - (long long)m * per) * LANES<T>, s = per * LANES<T>;
	const Between i = between_at(m / wo % ho, height, ho), j = between_at(m % wo, width, wo);
	const T *image = x + (long long)(m / wo / ho) * height * width * s + channels;
	const T *above = image + (long long)i.low * width * s, *below = image + (long long)i.high * width * s;
	const long long left = (long long)j.low * s, right = (long long)j.high * s;
	float a[LANES<T>], b[LANES<T>], c[LANES<T>], d[LANES<T>];
	load(above + left, a);
	load(above + right, b);
	load(below + left, c);
	load(below + right, d);
#pragma unroll
	for (int k = 0; k < LANES<T>; k++)
		a[k] = between(between(a[k], b[k], j.share), between(c[k], d[k], j.share), i.share);
	store(y + at * LANES<T>, a);
}

extern "C" __global__ void upsample_bilinear_f32(
	const float *x, float *y, long long vectors, int per, int height, int width, int ho, int wo) {
	upsample_bilinear(x, y, vectors, per, height, width, ho, wo);
}
extern "C" __global__ void upsample_bilinear_bf16(
	const bf16 *x, bf16 *y, long long vectors, int per, int height, int width, int ho, int wo) {
	upsample_bilinear(x, y, vectors, per, height, width, ho, wo);
}
extern "C" __global__ void upsample_bilinear_f16(
	const f16 *x, f16 *y, long long vectors, int per, int height, int width, int ho, int wo) {
	upsample_bilinear(x, y, vectors, per, height, width, ho, wo);
}
