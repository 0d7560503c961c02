// Pools boxes from the levels of a pyramid to a fixed size.
// options: --fmad=false
#include "boxes.h"

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
DEVICE void add(float4 &sum, float share, float4 x) {
	sum = {fmaf(share, x.x, sum.x), fmaf(share, x.y, sum.y), fmaf(share, x.z, sum.z), fmaf(share, x.w, sum.w)};
}

// y[row, i, j, c] = the mean of Q × Q bilinear samples in bin (i, j) of B × B, of the level that a box's area says. Rows are
// the boxes of picture 0, then of picture 1 …; behind the last they are zero. Neighbouring threads have neighbouring
// channels, four each.
extern "C" __global__ void roi_align_f32(
	const float4 *boxes, // (N, R)
	const int *given,    // (N): how many boxes there are
	float4 *y,           // (N·R, B, B, S/4)
	long long quads, int pictures, int places, int size, int sampling, int per, // per is S/4
	// The levels: maps (N, H, W, S/4), heights and widths, pixels per pixel of the picture, and the least area of a box that is
	// pooled from a level or one behind it, NaN for levels that there are not.
	const float4 *x0, int h0, int w0, float scale0,
	const float4 *x1, int h1, int w1, float scale1, float area1,
	const float4 *x2, int h2, int w2, float scale2, float area2,
	const float4 *x3, int h3, int w3, float scale3, float area3,
	const float4 *x4, int h4, int w4, float scale4, float area4) {
	const long long at = thread();
	if (at >= quads) return;
	const int pixel = at / per, channels = at - (long long)pixel * per, j = pixel % size, i = pixel / size % size;
	int row = pixel / size / size, n = 0;
	for (; n < pictures; n++) {
		int used = given[n] < 0 ? 0 : given[n] < places ? given[n] : places;
		if (row < used) break;
		row -= used;
	}
	float4 sum = {0, 0, 0, 0};
	if (n == pictures) {
		y[at] = sum;
		return;
	}
	const float4 b = boxes[(long long)n * places + row];
	const float size_of_box = area(b);
	const float4 *x = x0;
	int height = h0, width = w0;
	float scale = scale0;
	if (size_of_box >= area1) x = x1, height = h1, width = w1, scale = scale1;
	if (size_of_box >= area2) x = x2, height = h2, width = w2, scale = scale2;
	if (size_of_box >= area3) x = x3, height = h3, width = w3, scale = scale3;
	if (size_of_box >= area4) x = x4, height = h4, width = w4, scale = scale4;
	x += (long long)n * height * width * per + channels;

	const float left = b.x * scale, top = b.y * scale, share = 1.f / (sampling * sampling);
	const float bin_y = most(b.w * scale - top, 1) / size, bin_x = most(b.z * scale - left, 1) / size;
	for (int v = 0; v < sampling; v++) {
		Sample sy = sample_at(top + i * bin_y + (v + 0.5f) * bin_y / sampling, height);
		for (int u = 0; u < sampling; u++) {
			Sample sx = sample_at(left + j * bin_x + (u + 0.5f) * bin_x / sampling, width);
			if (!sy.inside || !sx.inside) continue;
			const float4 *upper = x + (long long)sy.low * width * per, *lower = x + (long long)sy.high * width * per;
			add(sum, sy.share_low * sx.share_low * share, upper[sx.low * per]);
			add(sum, sy.share_low * sx.share_high * share, upper[sx.high * per]);
			add(sum, sy.share_high * sx.share_low * share, lower[sx.low * per]);
			add(sum, sy.share_high * sx.share_high * share, lower[sx.high * per]);
		}
	}
	y[at] = sum;
}
