// Functions of single elements of maps, 16 bytes at once, of which a pixel has per.
#include "elements.h"

// z = x + y
template <class T> DEVICE void add(const T *x, const T *y, T *z, long long vectors) {
	long long i = thread() * LANES<T>;
	if (i >= vectors * LANES<T>) return;
	float a[LANES<T>], b[LANES<T>];
	load(x + i, a);
	load(y + i, b);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) a[j] += b[j];
	store(z + i, a);
}

extern "C" __global__ void add_f32(const float *x, const float *y, float *z, long long vectors) { add(x, y, z, vectors); }
extern "C" __global__ void add_bf16(const bf16 *x, const bf16 *y, bf16 *z, long long vectors) { add(x, y, z, vectors); }
extern "C" __global__ void add_f16(const f16 *x, const f16 *y, f16 *z, long long vectors) { add(x, y, z, vectors); }

// z[n, p, c] = x[n, p, c] · y[n, p, c], or · y[n, 0, c] where y has one pixel for the pixels of x.
template <class T> DEVICE void mul(const T *x, const T *y, T *z, long long vectors, int per, int pixels, int once) {
	long long i = thread();
	if (i >= vectors) return;
	float a[LANES<T>], b[LANES<T>];
	load(x + i * LANES<T>, a);
	load(y + (once ? i / per / pixels * per + i % per : i) * LANES<T>, b);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) a[j] *= b[j];
	store(z + i * LANES<T>, a);
}

extern "C" __global__ void mul_f32(
	const float *x, const float *y, float *z, long long vectors, int per, int pixels, int once) {
	mul(x, y, z, vectors, per, pixels, once);
}
extern "C" __global__ void mul_bf16(
	const bf16 *x, const bf16 *y, bf16 *z, long long vectors, int per, int pixels, int once) {
	mul(x, y, z, vectors, per, pixels, once);
}
extern "C" __global__ void mul_f16(
	const f16 *x, const f16 *y, f16 *z, long long vectors, int per, int pixels, int once) {
	mul(x, y, z, vectors, per, pixels, once);
}

// y = act(x) for the C channels that are there.
template <class T> DEVICE void activation(const T *x, T *y, long long vectors, int per, int c, int which) {
	long long i = thread();
	if (i >= vectors) return;
	int first = i % per * LANES<T>;
	float v[LANES<T>];
	load(x + i * LANES<T>, v);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) v[j] = first + j < c ? activate(v[j], which) : 0.f;
	store(y + i * LANES<T>, v);
}

extern "C" __global__ void activation_f32(const float *x, float *y, long long vectors, int per, int c, int which) {
	activation(x, y, vectors, per, c, which);
}
extern "C" __global__ void activation_bf16(const bf16 *x, bf16 *y, long long vectors, int per, int c, int which) {
	activation(x, y, vectors, per, c, which);
}
extern "C" __global__ void activation_f16(const f16 *x, f16 *y, long long vectors, int per, int c, int which) {
	activation(x, y, vectors, per, c, which);
}

// y[n, p, c] = scale[c] · x[n, p, c] + shift[c], with zeros in both for channels that are not there.
template <class T>
DEVICE void batch_norm2d(const T *x, const float *scale, const float *shift, T *y, long long vectors, int per) {
	long long i = thread();
	if (i >= vectors) return;
	int first = i % per * LANES<T>;
	float v[LANES<T>], a[LANES<T>], b[LANES<T>];
	load(x + i * LANES<T>, v);
	load_floats(scale + first, a);
	load_floats(shift + first, b);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) v[j] = fmaf(a[j], v[j], b[j]);
	store(y + i * LANES<T>, v);
}

extern "C" __global__ void batch_norm2d_f32(
	const float *x, const float *scale, const float *shift, float *y, long long vectors, int per) {
	batch_norm2d(x, scale, shift, y, vectors, per);
}
extern "C" __global__ void batch_norm2d_bf16(
	const bf16 *x, const float *scale, const float *shift, bf16 *y, long long vectors, int per) {
	batch_norm2d(x, scale, shift, y, vectors, per);
}
extern "C" __global__ void batch_norm2d_f16(
	const f16 *x, const float *scale, const float *shift, f16 *y, long long vectors, int per) {
	batch_norm2d(x, scale, shift, y, vectors, per);
}
