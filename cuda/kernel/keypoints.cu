// Where the heat maps of objects are highest.
// options: --fmad=false
#include "boxes.h"

constexpr int THREADS = 256, WARPS = THREADS / WARP;

// Cubic is the first of the four samples that a pixel is a mean of, and their weights, as op.Cubic has them.
struct Cubic {
	int first;
	float4 weights;
};

DEVICE float near(float t) { return fmaf(1.25f, t, -2.25f) * t * t + 1; }

DEVICE float far(float t) { return fmaf(fmaf(-0.75f, t, 3.75f), t, -6.f) * t + 3; }

// cubic_at returns what pixel i of out is made of.
DEVICE Cubic cubic_at(int i, int in, int out) {
	const float at = fmaf((float)in / (float)out, (float)i + 0.5f, -0.5f);
	int whole = (int)floorf(at);
	if (whole > in - 1) whole = in - 1;
	const float t = fminf(fmaxf(at - (float)whole, 0.f), 1.f);
	return {whole - 1, {far(t + 1), near(t), near(1 - t), far((1 - t) + 1)}};
}

DEVICE float cubic(float a, float b, float c, float d, float4 w) {
	return fmaf(d, w.w, fmaf(c, w.z, fmaf(a, w.x, b * w.y)));
}

// held returns the sample that there is at i, or nearest to it.
DEVICE int held(int i, int size) { return i < 0 ? 0 : i < size ? i : size - 1; }

// side_of returns a box's side, 0 if it has no pixels; see op.HeatSide.
DEVICE float side_of(float from, float to) {
	float side = to - from;
	if (side < 1) side = 1;
	return side <= 65536 ? side : 0.f; // also for NaN
}

// y[n, k, ·, d] = x, y and the score of keypoint k of object d, which are zero where there is no object: the pixel of the
// box for which map k, scaled cubically, is highest, the first of equals. Rows of maps are the objects of picture 0, then of
// picture 1 ….
//
// A block has a map. Its warps share the lines of the box; a lane has every 32nd column of them, keeps the four rows of the
// map, scaled to the column, that lines are means of, and goes down.
extern "C" __global__ void __launch_bounds__(THREADS) keypoints_f32(
	const float *maps,   // (N·D, P, P, S), the first K of S
	const float4 *boxes, // (N, D)
	const int *given,    // (N): how many objects there are
	float *y,            // (N, K, 3, DS), the first D of DS
	int d, int k, int size, int s, int ds) {
	__shared__ Key best[WARPS];
	const int object = blockIdx.x % ds, kind = blockIdx.x / ds % k, n = blockIdx.x / ds / k;
	y += ((long long)n * k + kind) * 3 * ds + object;
	auto used = [&](int i) { return given[i] < 0 ? 0 : given[i] < d ? given[i] : d; };
	float4 b = {0, 0, 0, 0};
	float width = 0, height = 0;
	if (object < used(n)) {
		b = boxes[(long long)n * d + object];
		width = side_of(b.x, b.z), height = side_of(b.y, b.w);
	}
	if (width == 0 || height == 0) {
		if (threadIdx.x < 3) y[threadIdx.x * ds] = 0;
		return;
	}
	long long row = object;
	for (int i = 0; i < n; i++) row += used(i);
	maps += row * size * size * s + kind;

	const int columns = (int)ceilf(width), lines = (int)ceilf(height), lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
	Key most = ABSENT;
	for (int column = lane; column < columns; column += WARP) {
		const Cubic across = cubic_at(column, size, columns);
		const int p = held(across.first, size) * s, q = held(across.first + 1, size) * s;
		const int u = held(across.first + 2, size) * s, v = held(across.first + 3, size) * s;
		float r0 = 0, r1 = 0, r2 = 0, r3 = 0; // rows first to first + 3
		int first = -size - 8;
		for (int line = lines * warp / WARPS; line < lines * (warp + 1) / WARPS; line++) {
			const Cubic down = cubic_at(line, size, lines);
			if (first < down.first - 4) first = down.first - 4;
			for (; first < down.first; first++) {
				const float *from = maps + (long long)held(first + 4, size) * size * s;
				r0 = r1, r1 = r2, r2 = r3, r3 = cubic(from[p], from[q], from[u], from[v], across.weights);
			}
			const Key key = key_of(cubic(r0, r1, r2, r3, down.weights), (unsigned)line * columns + column);
			if (key < most) most = key;
		}
	}
	for (int bits = WARP / 2; bits > 0; bits /= 2) {
		const Key other = __shfl_xor_sync(~0u, most, bits);
		if (other < most) most = other;
	}
	if (lane == 0) best[warp] = most;
	__syncthreads();
	if (threadIdx.x > 0) return;
	for (int i = 0; i < WARPS; i++)
		if (best[i] < most) most = best[i];
	const unsigned at = number_of(most);
	y[0] = ((float)(at % columns) + 0.5f) * (width / columns) + b.x;
	y[ds] = ((float)(at / columns) + 0.5f) * (height / lines) + b.y;
	y[2 * ds] = score_of(most);
}
