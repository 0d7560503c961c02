// Non-maximum suppression, torchvision's batched_nms, with nothing going through the host: nms_f32 for each category by
// itself, then nms_merge_f32 puts the best of all categories in order.
//
// Boxes of different categories never meet. torchvision shifts few boxes apart by category and treats them as one; the
// shift separates all that lie within the picture, so all that stays of it is its rounding, which shows near the threshold.
// options: --fmad=false
#include "boxes.h"

constexpr int CHUNK = 64, PARTS = 8, THREADS = CHUNK * PARTS;

// Of each category, the boxes that overlap no better one that is kept, the best first, at most M. Blocks are (category, n).
//
// Boxes are taken 64 at a time. Each is held against all that are kept so far and against the better ones of the 64, by
// eight threads, which leaves 64 × 64 bits; one thread goes through these in order. That takes three barriers: the first of
// the next 64 also makes the boxes that were chosen visible.
extern "C" __global__ void __launch_bounds__(THREADS) nms_f32(
	const Key *keys,       // (N, C, R): in order but for some that are ABSENT
	const int *lengths,    // (N, C): how many of R to look at, or null for all
	const float4 *boxes,   // (N, C·R), by number
	const float2 *tallies, // (N, T): numbers of boxes, which add up to how many there are, and their greatest coordinates
	Key *kept,             // (N, C, M): the result, ABSENT behind the last
	float4 *chosen,        // (N, C, M): the boxes, as they were compared
	int *counts,           // (N, C)
	int places, int t, int m, float threshold,
	int at_once, // up to so many boxes of a picture are shifted
	int base) {  // number of the first category
	__shared__ __align__(16) float4 chunk[CHUNK];
	__shared__ Key worse[CHUNK], lost[CHUNK], keep; // bits of better ones that a box overlaps; 0 if it overlaps none kept
	__shared__ float numbers[THREADS / WARP], greatest[THREADS / WARP];
	const int category = blockIdx.x, n = blockIdx.y, list = n * gridDim.x + category;

	float number = 0, far = -__uint_as_float(0x7f800000); // −∞
	for (int i = threadIdx.x; i < t; i += THREADS) {
		float2 tally = tallies[(long long)n * t + i];
		number += tally.x;
		if (tally.x > 0) far = fmaxf(far, tally.y);
	}
	for (int bits = WARP / 2; bits > 0; bits /= 2) {
		number += __shfl_xor_sync(~0u, number, bits);
		far = fmaxf(far, __shfl_xor_sync(~0u, far, bits));
	}
	if (threadIdx.x % WARP == 0) numbers[threadIdx.x / WARP] = number, greatest[threadIdx.x / WARP] = far;
	__syncthreads();
	number = 0;
	for (int i = 0; i < THREADS / WARP; i++) {
		number += numbers[i];
		far = fmaxf(far, greatest[i]);
	}
	const float shift = number > at_once ? 0.f : (category + base) * (far + 1);

	keys += (long long)list * places;
	boxes += (long long)n * gridDim.x * places;
	kept += (long long)list * m;
	chosen += (long long)list * m;
	const int length = lengths ? lengths[list] : places, j = threadIdx.x % CHUNK, part = threadIdx.x / CHUNK;
	int count = 0;
	for (int first = 0; first < length && count < m; first += CHUNK) {
		const Key key = first + j < length ? keys[first + j] : ABSENT;
		float4 b = {0, 0, 0, 0};
		if (key != ABSENT) {
			b = boxes[number_of(key)];
			b = {b.x + shift, b.y + shift, b.z + shift, b.w + shift};
		}
		if (part == 0) chunk[j] = b;
		__syncthreads();
		bool hit = key == ABSENT;
		for (int i = part; i < count && !hit; i += PARTS) hit = overlap(chosen[i], b, threshold);
		unsigned bits = 0;
		for (int i = 0; i < CHUNK / PARTS; i++) {
			int other = part * (CHUNK / PARTS) + i;
			if (other < j && overlap(chunk[other], b, threshold)) bits |= 1u << i;
		}
		((unsigned char *)&lost[j])[part] = hit;
		((unsigned char *)&worse[j])[part] = bits;
		__syncthreads();
		if (threadIdx.x == 0) {
			Key ones = 0;
			for (int i = 0, room = m - count; i < CHUNK && room > 0; i++) {
				if (lost[i] || worse[i] & ones) continue;
				ones |= Key(1) << i;
				room--;
			}
			keep = ones;
		}
		__syncthreads();
		if (part == 0 && keep >> j & 1) {
			int at = count + __popcll(keep & ((Key(1) << j) - 1));
			kept[at] = key;
			chosen[at] = b;
		}
		count += __popcll(keep);
	}
	for (int i = count + threadIdx.x; i < m; i += THREADS) kept[i] = ABSENT;
	if (threadIdx.x == 0) counts[list] = count;
}

// The best D boxes of all categories of picture n, in order, zeros behind them, and how many there are.
//
// A warp has a key; the first ones write the zeros, too.
extern "C" __global__ void nms_merge_f32(
	const Key *kept,     // (N, C, M)
	const int *counts,   // (N, C)
	const float4 *boxes, // (N, numbers)
	float4 *out,         // (N, D)
	long long *labels,   // (N, D), the categories counted from 1, or null
	float *scores,       // (N, S), the first D of S, or null
	int *found,          // (N)
	int pictures, int warps, int c, int m, int numbers, int d, int s) {
	const int n = thread() / WARP / warps, at = thread() / WARP % warps, lane = threadIdx.x % WARP;
	if (n >= pictures) return;
	if (at < s || at == 0) {
		int sum = 0;
		for (int i = lane; i < c; i += WARP) sum += counts[n * c + i];
		for (int bits = WARP / 2; bits > 0; bits /= 2) sum += __shfl_xor_sync(~0u, sum, bits);
		if (sum > d) sum = d;
		if (lane == 0) {
			if (at == 0) found[n] = sum;
			if (at >= sum && at < d) {
				out[(long long)n * d + at] = {0, 0, 0, 0};
				if (labels) labels[(long long)n * d + at] = 0;
			}
			if (at >= sum && at < s && scores) scores[(long long)n * s + at] = 0;
		}
	}
	if (at >= c * m) return;
	kept += (long long)n * c * m;
	const Key key = kept[at];
	if (key == ABSENT) return;
	const int r = rank(kept, c, m, key, d);
	if (r >= d || lane > 0) return;
	out[(long long)n * d + r] = boxes[(long long)n * numbers + number_of(key)];
	if (labels) labels[(long long)n * d + r] = at / m + 1;
	if (scores) scores[(long long)n * s + r] = score_of(key);
}
