// The channels of maps one after the other.
#include "elements.h"

// y[p, first + c] = x[p, c] for the C channels of one operand, and 0 from there up to end. Operands are copied in their
// order: 16 bytes at once may write zeros where the next one begins. A thread has 16 bytes of channels, of which a pixel
// of the operand has per.
template <class T>
DEVICE void concat(const T *x, T *y, long long vectors, int per, int c, int s, int first, int end, int ys) {
	const long long i = thread();
	if (i >= vectors) return;
	const long long p = i / per;
	const int channels = (i - p * per) * LANES<T>;
	x += p * s + channels;
	y += p * ys + first + channels;
	if (first % LANES<T> == 0) {
		*(uint4 *)y = *(const uint4 *)x;
		return;
	}
#pragma unroll
	for (int j = 0; j < LANES<T>; j++)
		if (channels + j < c) y[j] = x[j];
		else if (first + channels + j < end) y[j] = narrow<T>(0);
}

extern "C" __global__ void concat_f32(
	const float *x, float *y, long long vectors, int per, int c, int s, int first, int end, int ys) {
	concat(x, y, vectors, per, c, s, first, end, ys);
}
extern "C" __global__ void concat_bf16(
	const bf16 *x, bf16 *y, long long vectors, int per, int c, int s, int first, int end, int ys) {
	concat(x, y, vectors, per, c, s, first, end, ys);
}
extern "C" __global__ void concat_f16(
	const f16 *x, f16 *y, long long vectors, int per, int c, int s, int first, int end, int ys) {
	concat(x, y, vectors, per, c, s, first, end, ys);
}
