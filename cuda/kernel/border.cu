// Where maps begin and end: tensors of the host are (N, C, H, W), maps (N, H, W, S) with S channels of which C are there.
#include "device.h"

// y[n, p, c] = x[n, c, p], and 0 for c ≥ C. Neighbouring threads have neighbouring pixels, four channels each.
extern "C" __global__ void to_nhwc_f32(const float *x, float *y, long long quads, int c, int pixels, int s) {
	long long i = thread();
	if (i >= quads) return;
	int p = i % pixels, quad = i / pixels % (s / 4);
	long long n = i / pixels / (s / 4);
	float v[4];
#pragma unroll
	for (int j = 0; j < 4; j++) v[j] = quad * 4 + j < c ? x[(n * c + quad * 4 + j) * pixels + p] : 0.f;
	*(float4 *)(y + (n * pixels + p) * s + quad * 4) = {v[0], v[1], v[2], v[3]};
}

// y[n·row + c·P + p] = x[n, p, c] for P pixels, and 0 up to the next row: a tensor (N, C, H, W) if rows are C·P long, and
// the map (N, C·H·W) that Flatten makes if they are longer.
extern "C" __global__ void to_nchw_f32(const float *x, float *y, long long elements, int c, int pixels, int s, long long row) {
	long long i = thread();
	if (i >= elements) return;
	long long n = i / row, at = i % row;
	int channel = at / pixels, p = at % pixels;
	y[i] = channel < c ? x[(n * pixels + p) * s + channel] : 0.f;
}

// y = 0 behind the rows that count: those of picture 0, then of picture 1 …, of the places that each has.
extern "C" __global__ void clear_uncounted_f32(
	float *y, const int *counts, long long elements, int pictures, int places, long long row) {
	long long i = thread(), rows = 0;
	if (i >= elements) return;
	for (int n = 0; n < pictures; n++) rows += counts[n] < 0 ? 0 : counts[n] < places ? counts[n] : places;
	if (i / row >= rows) y[i] = 0;
}
