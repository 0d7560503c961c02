// Objects from the logits and deltas of proposals: here the likely classes of each proposal become candidates; then
// topk_sort puts those of each class in order, and nms.cu keeps the best.
// options: --fmad=false
#include "boxes.h"

constexpr int THREADS = 128, WARPS = THREADS / WARP;

// Softmax over K classes, and for each of the C = K − 1 classes but the background, which is number 0, a box decoded from
// the proposal and cut to the picture. The candidate of proposal r and class c has the number r·C + c − 1; the key of one
// that is too small or too unlikely is ABSENT, as are all of places without a proposal.
//
// A warp has a proposal. Exponentials are added up one after the other, as package kernels does.
extern "C" __global__ void __launch_bounds__(THREADS, 4) detections_decode_f32(
	const float4 *sizes,     // (N), of which the first two are height and width
	const float4 *proposals, // (N, R)
	const int *given,        // (N): how many there are
	const float *logits,     // (ΣN, S): the proposals of picture 0, then of picture 1 …; the first K of S
	const float4 *deltas,    // (ΣN, K)
	Key *keys,               // (N, C, R)
	float4 *boxes,           // (N, R, C)
	float2 *tallies,         // (N, R): how many boxes there are, and their greatest coordinate
	int pictures, int places, int k, int s, float wx, float wy, float ww, float wh, float score_threshold, float min_size) {
	__shared__ float shown[WARPS][WARP];
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, c = k - 1;
	const int n = thread() / WARP / places, r = thread() / WARP % places;
	if (n >= pictures) return;
	auto used = [&](int i) { return given[i] < 0 ? 0 : given[i] < places ? given[i] : places; };
	long long row = r;
	for (int i = 0; i < n; i++) row += used(i);
	keys += (long long)n * c * places + r;
	boxes += ((long long)n * places + r) * c;
	tallies += (long long)n * places + r;
	if (r >= used(n)) {
		for (int i = lane; i < c; i += WARP) keys[(long long)i * places] = ABSENT;
		if (lane == 0) *tallies = {0, 0};
		return;
	}
	logits += row * s;
	deltas += row * k;

	float greatest = logits[0];
	for (int i = lane; i < k; i += WARP) greatest = most(greatest, logits[i]);
	for (int bits = WARP / 2; bits > 0; bits /= 2) greatest = most(greatest, __shfl_xor_sync(~0u, greatest, bits));
	float sum = 0;
	for (int first = 0; first < k; first += WARP) {
		if (first + lane < k) shown[warp][lane] = exp_of(logits[first + lane] - greatest);
		__syncwarp();
		for (int i = 0; i < WARP && first + i < k; i++) sum += shown[warp][i];
		__syncwarp();
	}

	const float4 proposal = proposals[(long long)n * places + r];
	float number = 0, far = -__uint_as_float(0x7f800000); // −∞
	for (int i = lane; i < c; i += WARP) {
		Key key = ABSENT;
		float score = exp_of(logits[i + 1] - greatest) / sum;
		if (score > score_threshold) {
			float4 b = cut(decode(proposal, deltas[i + 1], {wx, wy, ww, wh}), sizes[n].x, sizes[n].y);
			if (at_least(b, min_size)) {
				key = key_of(score, r * c + i);
				boxes[i] = b;
				number++;
				far = fmaxf(far, farthest(b));
			}
		}
		keys[(long long)i * places] = key;
	}
	for (int bits = WARP / 2; bits > 0; bits /= 2) {
		number += __shfl_xor_sync(~0u, number, bits);
		far = fmaxf(far, __shfl_xor_sync(~0u, far, bits));
	}
	if (lane == 0) *tallies = {number, far};
}
