// Masks pasted into a picture, as bits.
// options: --fmad=false
#include "bilinear.h"

constexpr int WARP = 32;

// A side of a box, widened around its centre and cut to whole pixels, toward zero and at ±2^40.
struct Side {
	long long first, count;
	bool there; // a NaN is not
};

DEVICE Side side_of(float from, float to, float scale) {
	const float far = 1099511627776.f;
	float half = (to - from) * 0.5f * scale, centre = (to + from) * 0.5f;
	float a = centre - half, b = centre + half;
	if (a != a || b != b) return {0, 0, false};
	long long first = (long long)fminf(fmaxf(a, -far), far), last = (long long)fminf(fmaxf(b, -far), far);
	return {first, last - first + 1 < 1 ? 1 : last - first + 1, true};
}

// Bit x of row y is set if the mask with its ring of zeros, scaled to the box, is at least the threshold there. A warp has 32
// bits: half a word of the host's.
extern "C" __global__ void mask_paste_f32(
	const float *masks,  // (D, stride), the first S·S
	const float4 *boxes, // (D): x1, y1, x2, y2
	unsigned *y,         // (D, H, words)
	long long elements, int size, int stride, int height, int width, int words, float scale, float threshold) {
	const long long at = thread() / WARP;
	if (at >= elements) return;
	const int row = at / words % height, x = at % words * WARP + threadIdx.x % WARP;
	const long long d = at / words / height;
	const float4 b = boxes[d];
	const Side across = side_of(b.x, b.z, scale), down = side_of(b.y, b.w, scale);
	bool set = false;
	if (across.there && down.there && row >= down.first && row < down.first + down.count && x < width && x >= across.first &&
		x < across.first + across.count) {
		masks += d * stride;
		auto number = [&](int i, int j) {
			return i == 0 || j == 0 || i > size || j > size ? 0.f : masks[(i - 1) * size + j - 1];
		};
		const Between i = between_at(row - down.first, size + 2, down.count);
		const Between j = between_at(x - across.first, size + 2, across.count);
		const float upper = between(number(i.low, j.low), number(i.low, j.high), j.share);
		const float lower = between(number(i.high, j.low), number(i.high, j.high), j.share);
		set = between(upper, lower, i.share) >= threshold;
	}
	const unsigned bits = __ballot_sync(~0u, set);
	if (threadIdx.x % WARP == 0) y[at] = bits;
}
