// Where maps begin and end: tensors of the host are float32 (N, C, H, W), maps (N, H, W, S) with S channels of which C are
// there, of any element.
#include "elements.h"

// y[n, p, c] = x[n, c, p], and 0 for c ≥ C. Neighbouring threads have neighbouring pixels, 16 bytes of channels each.
template <class T> DEVICE void to_nhwc(const float *x, T *y, long long vectors, int c, int pixels, int s) {
	long long i = thread();
	if (i >= vectors) return;
	int p = i % pixels, first = i / pixels % (s / LANES<T>) * LANES<T>;
	long long n = i / pixels / (s / LANES<T>);
	float v[LANES<T>];
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) v[j] = first + j < c ? x[(n * c + first + j) * pixels + p] : 0.f;
	store(y + (n * pixels + p) * s + first, v);
}

extern "C" __global__ void to_nhwc_f32(const float *x, float *y, long long vectors, int c, int pixels, int s) {
	to_nhwc(x, y, vectors, c, pixels, s);
}
extern "C" __global__ void to_nhwc_bf16(const float *x, bf16 *y, long long vectors, int c, int pixels, int s) {
	to_nhwc(x, y, vectors, c, pixels, s);
}
extern "C" __global__ void to_nhwc_f16(const float *x, f16 *y, long long vectors, int c, int pixels, int s) {
	to_nhwc(x, y, vectors, c, pixels, s);
}

// y[n·row + c·P + p] = x[n, p, c] for P pixels, and 0 up to the next row.
template <class T, class U>
DEVICE void to_rows(const T *x, U *y, long long elements, int c, int pixels, int s, long long row) {
	long long i = thread();
	if (i >= elements) return;
	long long n = i / row, at = i % row;
	int channel = at / pixels, p = at % pixels;
	y[i] = narrow<U>(channel < c ? widen(x[(n * pixels + p) * s + channel]) : 0.f);
}

// A tensor (N, C, H, W), whose rows are C·P long.
extern "C" __global__ void to_nchw_f32(const float *x, float *y, long long elements, int c, int pixels, int s) {
	to_rows(x, y, elements, c, pixels, s, (long long)c * pixels);
}
extern "C" __global__ void to_nchw_bf16(const bf16 *x, float *y, long long elements, int c, int pixels, int s) {
	to_rows(x, y, elements, c, pixels, s, (long long)c * pixels);
}
extern "C" __global__ void to_nchw_f16(const f16 *x, float *y, long long elements, int c, int pixels, int s) {
	to_rows(x, y, elements, c, pixels, s, (long long)c * pixels);
}

// The map (N, C·H·W) that Flatten makes, whose rows are that of 16 bytes.
extern "C" __global__ void flatten_f32(
	const float *x, float *y, long long elements, int c, int pixels, int s, long long row) {
	to_rows(x, y, elements, c, pixels, s, row);
}
extern "C" __global__ void flatten_bf16(
	const bf16 *x, bf16 *y, long long elements, int c, int pixels, int s, long long row) {
	to_rows(x, y, elements, c, pixels, s, row);
}
extern "C" __global__ void flatten_f16(
	const f16 *x, f16 *y, long long elements, int c, int pixels, int s, long long row) {
	to_rows(x, y, elements, c, pixels, s, row);
}

// y = x, of another element: y has per times 16 bytes of channels at a pixel, x has xs channels.
template <class T, class U> DEVICE void convert(const T *x, U *y, long long vectors, int per, int xs) {
	long long i = thread();
	if (i >= vectors) return;
	int first = i % per * LANES<U>;
	x += i / per * xs + first;
	float v[LANES<U>];
#pragma unroll
	for (int j = 0; j < LANES<U>; j++) v[j] = first + j < xs ? widen(x[j]) : 0.f;
	store(y + i * LANES<U>, v);
}

extern "C" __global__ void convert_f32_bf16(const float *x, bf16 *y, long long vectors, int per, int xs) {
	convert(x, y, vectors, per, xs);
}
extern "C" __global__ void convert_f32_f16(const float *x, f16 *y, long long vectors, int per, int xs) {
	convert(x, y, vectors, per, xs);
}
extern "C" __global__ void convert_bf16_f32(const bf16 *x, float *y, long long vectors, int per, int xs) {
	convert(x, y, vectors, per, xs);
}
extern "C" __global__ void convert_f16_f32(const f16 *x, float *y, long long vectors, int per, int xs) {
	convert(x, y, vectors, per, xs);
}

// y = 0 behind the rows that count: those of picture 0, then of picture 1 …, of the places that each has.
extern "C" __global__ void clear_uncounted_f32(
	float *y, const int *counts, long long elements, int pictures, int places, long long row) {
	long long i = thread(), rows = 0;
	if (i >= elements) return;
	for (int n = 0; n < pictures; n++) rows += counts[n] < 0 ? 0 : counts[n] < places ? counts[n] : places;
	if (i / row >= rows) y[i] = 0;
}
