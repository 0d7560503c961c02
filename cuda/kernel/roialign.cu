// Pools boxes from the levels of a pyramid to a fixed size.
// options: --fmad=false
#include "boxes.h"
#include "elements.h"

// Where samples lie on an axis: between pixels low and high, of which the shares are those.
struct Sample {
	int low, high;
	float share_low, share_high;
	bool inside;
};

// sample_at returns the sample at v among size pixels. Beyond −1 and size there is none; from there to the outermost
// pixels' centres they are repeated.
DEVICE Sample sample_at(float v, int size) {
	if (!(v >= -1 && v <= size)) return {0, 0, 0, 0, false}; // also for NaN
	v = fmaxf(v, 0.f);
	int low = (int)v;
	if (low >= size - 1) return {size - 1, size - 1, 1, 0, true};
	float high = v - low;
	return {low, low + 1, 1 - high, high, true};
}

// sum += share · x
template <class T> DEVICE void add(float (&sum)[LANES<T>], float share, const T *x) {
	float v[LANES<T>];
	load(x, v);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) sum[j] = fmaf(share, v[j], sum[j]);
}

// What kernels for maps of T are given.
#define PARAMETERS(T) \
	const float4 *boxes, /* (N, R) */ \
		const int *given, /* (N): how many boxes there are */ \
		T *y,             /* (N·R, B, B, S) */ \
		long long vectors, int pictures, int places, int size, int sampling, \
		int per, /* times 16 bytes that a pixel has */ \
		/* The levels: maps (N, H, W, S), heights and widths, pixels per pixel of the picture, and the least area of a box */ \
		/* that is pooled from a level or one behind it, NaN for levels that there are not. */ \
		const T *x0, int h0, int w0, float scale0, \
		const T *x1, int h1, int w1, float scale1, float area1, \
		const T *x2, int h2, int w2, float scale2, float area2, \
		const T *x3, int h3, int w3, float scale3, float area3, \
		const T *x4, int h4, int w4, float scale4, float area4
#define ARGUMENTS \
	boxes, given, y, vectors, pictures, places, size, sampling, per, x0, h0, w0, scale0, x1, h1, w1, scale1, area1, x2, h2, \
		w2, scale2, area2, x3, h3, w3, scale3, area3, x4, h4, w4, scale4, area4

// y[row, i, j, c] = the mean of Q × Q bilinear samples in bin (i, j) of B × B, of the level that a box's area says. Rows are
// the boxes of picture 0, then of picture 1 …; behind the last they are zero. Neighbouring threads have neighbouring
// channels, 16 bytes each.
template <class T> DEVICE void roi_align(PARAMETERS(T)) {
	const long long at = thread();
	if (at >= vectors) return;
	y += at * LANES<T>;
	const int pixel = at / per, channels = (at - (long long)pixel * per) * LANES<T>, j = pixel % size, i = pixel / size % size;
	int row = pixel / size / size, n = 0;
	for (; n < pictures; n++) {
		int used = given[n] < 0 ? 0 : given[n] < places ? given[n] : places;
		if (row < used) break;
		row -= used;
	}
	float sum[LANES<T>] = {};
	if (n == pictures) {
		store(y, sum);
		return;
	}
	const float4 b = boxes[(long long)n * places + row];
	const float size_of_box = area(b);
	const T *x = x0;
	int height = h0, width = w0;
	float scale = scale0;
	if (size_of_box >= area1) x = x1, height = h1, width = w1, scale = scale1;
	if (size_of_box >= area2) x = x2, height = h2, width = w2, scale = scale2;
	if (size_of_box >= area3) x = x3, height = h3, width = w3, scale = scale3;
	if (size_of_box >= area4) x = x4, height = h4, width = w4, scale = scale4;
	const int s = per * LANES<T>;
	x += (long long)n * height * width * s + channels;

	const float left = b.x * scale, top = b.y * scale, share = 1.f / (sampling * sampling);
	const float bin_y = most(b.w * scale - top, 1) / size, bin_x = most(b.z * scale - left, 1) / size;
	for (int v = 0; v < sampling; v++) {
		Sample sy = sample_at(top + i * bin_y + (v + 0.5f) * bin_y / sampling, height);
		for (int u = 0; u < sampling; u++) {
			Sample sx = sample_at(left + j * bin_x + (u + 0.5f) * bin_x / sampling, width);
			if (!sy.inside || !sx.inside) continue;
			const T *upper = x + (long long)sy.low * width * s, *lower = x + (long long)sy.high * width * s;
			add(sum, sy.share_low * sx.share_low * share, upper + sx.low * s);
			add(sum, sy.share_low * sx.share_high * share, upper + sx.high * s);
			add(sum, sy.share_high * sx.share_low * share, lower + sx.low * s);
			add(sum, sy.share_high * sx.share_high * share, lower + sx.high * s);
		}
	}
	store(y, sum);
}

extern "C" __global__ void roi_align_f32(PARAMETERS(float)) { roi_align(ARGUMENTS); }
extern "C" __global__ void roi_align_bf16(PARAMETERS(bf16)) { roi_align(ARGUMENTS); }
extern "C" __global__ void roi_align_f16(PARAMETERS(f16)) { roi_align(ARGUMENTS); }
