// What the kernels of a detector share: scores in order, and boxes. Arithmetic on boxes is float32 in the order of package
// kernels, with every result rounded, so that both select the same: sources with this are compiled with --fmad=false.
#pragma once
#include "device.h"

// A key orders numbered scores: the smaller key is the greater score, or of equal scores the smaller number. A NaN is
// greater than any score.
typedef unsigned long long Key;
constexpr Key ABSENT = ~0ull; // is no score's, and comes last

constexpr int WARP = 32;

DEVICE Key key_of(float score, unsigned number) {
	unsigned bits = __float_as_uint(score);
	if (score != score) bits = 0xffffffff;
	else if (score == 0) bits = 0x80000000; // −0 is no less than 0
	else bits = bits >> 31 ? ~bits : bits | 0x80000000;
	return Key(~bits) << 32 | number;
}

DEVICE unsigned number_of(Key key) { return unsigned(key); }

// score_of returns the score that a key was made of, 0 for −0.
DEVICE float score_of(Key key) {
	unsigned bits = ~unsigned(key >> 32);
	return __uint_as_float(bits >> 31 ? bits & 0x7fffffff : ~bits);
}

// sort puts n keys in order: a bitonic network, for n that is a power of two. All threads of a block call it.
DEVICE void sort(Key *keys, int n) {
	for (int run = 2; run <= n; run *= 2)
		for (int step = run / 2; step > 0; step /= 2) {
			__syncthreads();
			for (int i = threadIdx.x; i < n / 2; i += blockDim.x) {
				int low = 2 * i - (i & (step - 1)), high = low + step;
				Key a = keys[low], b = keys[high];
				if ((a > b) == ((low & run) == 0)) keys[low] = b, keys[high] = a;
			}
		}
	__syncthreads();
}

// rank returns how many keys are less than one, among lists of k in order each. It stops counting at a limit. A whole
// warp calls it with one key: a lane searches one list.
DEVICE int rank(const Key *lists, int count, int k, Key key, int limit) {
	int sum = 0;
	for (int first = 0; first < count && sum < limit; first += WARP) {
		int list = first + threadIdx.x % WARP, low = 0, high = list < count ? k : 0;
		while (low < high) {
			int middle = (low + high) / 2;
			if (lists[(long long)list * k + middle] < key) low = middle + 1;
			else high = middle;
		}
		for (int bits = WARP / 2; bits > 0; bits /= 2) low += __shfl_xor_sync(~0u, low, bits);
		sum += low;
	}
	return sum;
}

// most and least are NaN if one of the two is.
DEVICE float most(float a, float b) { return a > b || a != a ? a : b; }
DEVICE float least(float a, float b) { return a < b || a != a ? a : b; }

// exp_of returns eˣ as package kernels has it: computed in float64.
DEVICE float exp_of(float x) { return (float)exp((double)x); }

DEVICE float sigmoid(float x) { return 1 / (1 + exp_of(-x)); }

// A box is x1, y1, x2, y2 in a float4's x, y, z, w. decode returns the one that deltas move b to, divided by weights.
DEVICE float4 decode(float4 b, float4 d, float4 weights) {
	const float clip = 4.135166556742356f; // op.BoxXformClip
	float w = b.z - b.x, h = b.w - b.y, cx = b.x + 0.5f * w, cy = b.y + 0.5f * h;
	float dx = d.x / weights.x, dy = d.y / weights.y, dw = least(d.z / weights.z, clip), dh = least(d.w / weights.w, clip);
	float px = dx * w + cx, py = dy * h + cy, pw = exp_of(dw) * w, ph = exp_of(dh) * h;
	return {px - 0.5f * pw, py - 0.5f * ph, px + 0.5f * pw, py + 0.5f * ph};
}

// cut returns b cut to a picture.
DEVICE float4 cut(float4 b, float height, float width) {
	return {least(most(b.x, 0), width), least(most(b.y, 0), height), least(most(b.z, 0), width), least(most(b.w, 0), height)};
}

// at_least reports whether b is size wide and high; a NaN is not.
DEVICE bool at_least(float4 b, float size) { return b.z - b.x >= size && b.w - b.y >= size; }

DEVICE float farthest(float4 b) { return fmaxf(fmaxf(b.x, b.y), fmaxf(b.z, b.w)); }

DEVICE float area(float4 b) { return (b.z - b.x) * (b.w - b.y); }

// overlap reports whether the intersection of two boxes over their union is greater than a threshold of at least 0. Most
// pairs have no intersection, and need no division.
DEVICE bool overlap(float4 a, float4 b, float threshold) {
	float w = fminf(a.z, b.z) - fmaxf(a.x, b.x), h = fminf(a.w, b.w) - fmaxf(a.y, b.y);
	if (!(w > 0 && h > 0)) return false;
	float both = w * h;
	return both / (area(a) + area(b) - both) > threshold;
}
