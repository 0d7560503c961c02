// Sequences of tokens: maps whose pixels are the tokens. A thread has 16 bytes of channels, of which a pixel has per.
#include "elements.h"

// y[n, 0] = position[0], and y[n, 1 + p] = x[n, p] + position[1 + p], with the class token in its position.
template <class T> DEVICE void tokens(const T *x, const float *positions, T *y, long long vectors, int per, int count) {
	const long long i = thread();
	if (i >= vectors) return;
	const long long row = i / per;
	const int channels = (i - row * per) * LANES<T>, token = row % count;
	float v[LANES<T>] = {}, add[LANES<T>];
	if (token > 0) load(x + (row / count * (count - 1) + token - 1) * per * LANES<T> + channels, v);
	load_floats(positions + (long long)token * per * LANES<T> + channels, add);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) v[j] += add[j];
	store(y + i * LANES<T>, v);
}

extern "C" __global__ void tokens_f32(
	const float *x, const float *positions, float *y, long long vectors, int per, int count) {
	tokens(x, positions, y, vectors, per, count);
}
extern "C" __global__ void tokens_bf16(
	const bf16 *x, const float *positions, bf16 *y, long long vectors, int per, int count) {
	tokens(x, positions, y, vectors, per, count);
}
extern "C" __global__ void tokens_f16(
	const f16 *x, const float *positions, f16 *y, long long vectors, int per, int count) {
	tokens(x, positions, y, vectors, per, count);
}

// y[n] = x[n, index] of so many pixels, of any element.
extern "C" __global__ void select_pixel(const float4 *x, float4 *y, long long vectors, int per, int pixels, int index) {
	const long long i = thread();
	if (i >= vectors) return;
	y[i] = x[(i / per * pixels + index) * per + i % per];
}
