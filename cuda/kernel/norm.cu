// Normalisation: of the channels of each pixel, and of groups of channels of each picture. A pixel has per times 16 bytes of
// channels, of which the first C are there.
#include "elements.h"

constexpr int WARP = 32;

// warp_sum returns the sum of a warp's numbers, to all of it.
template <class V> DEVICE V warp_sum(V v) {
	for (int bits = WARP / 2; bits > 0; bits /= 2) v += __shfl_xor_sync(~0u, v, bits);
	return v;
}

// y[p, c] = γ[c] · (x[p, c] − μ) / √(σ² + ε) + β[c], with μ and σ² = Σ(x − μ)²/C of the C numbers of pixel p. A warp has a
// pixel, and reads it three times.
template <class T>
DEVICE void layer_norm(const T *x, const float *gamma, const float *beta, T *y, long long pixels, int per, int c, float eps) {
	const long long p = thread() / WARP;
	if (p >= pixels) return;
	const int lane = threadIdx.x % WARP;
	x += p * per * LANES<T>;
	y += p * per * LANES<T>;
	float v[LANES<T>], sum = 0, squares = 0;
	for (int i = lane; i < per; i += WARP) {
		load(x + i * LANES<T>, v);
#pragma unroll
		for (int j = 0; j < LANES<T>; j++) sum += v[j]; // zeros for channels that are not there
	}
	const float mean = warp_sum(sum) / c;
	for (int i = lane; i < per; i += WARP) {
		load(x + i * LANES<T>, v);
#pragma unroll
		for (int j = 0; j < LANES<T>; j++) {
			const float d = i * LANES<T> + j < c ? v[j] - mean : 0.f;
			squares = fmaf(d, d, squares);
		}
	}
	const float unit = 1 / sqrtf(warp_sum(squares) / c + eps);
	for (int i = lane; i < per; i += WARP) {
		float a[LANES<T>], b[LANES<T>];
		load(x + i * LANES<T>, v);
		load_floats(gamma + i * LANES<T>, a);
		load_floats(beta + i * LANES<T>, b);
#pragma unroll
		for (int j = 0; j < LANES<T>; j++)
			v[j] = i * LANES<T> + j < c ? fmaf((v[j] - mean) * unit, a[j], b[j]) : 0.f;
		store(y + i * LANES<T>, v);
	}
}

extern "C" __global__ void layer_norm_f32(
	const float *x, const float *gamma, const float *beta, float *y, long long pixels, int per, int c, float eps) {
	layer_norm(x, gamma, beta, y, pixels, per, c, eps);
}
extern "C" __global__ void layer_norm_bf16(
	const bf16 *x, const float *gamma, const float *beta, bf16 *y, long long pixels, int per, int c, float eps) {
	layer_norm(x, gamma, beta, y, pixels, per, c, eps);
}
extern "C" __global__ void layer_norm_f16(
	const f16 *x, const float *gamma, const float *beta, f16 *y, long long pixels, int per, int c, float eps) {
	layer_norm(x, gamma, beta, y, pixels, per, c, eps);
}

// y[p, c] = w[c] · x[p, c] / max(√Σ_k x[p, k]², ε). Squares are added up in float64, in which none is too great or too small.
// A warp has a pixel.
template <class T>
DEVICE void l2_norm(const T *x, const float *weight, T *y, long long pixels, int per, int c, float eps) {
	const long long p = thread() / WARP;
	if (p >= pixels) return;
	const int lane = threadIdx.x % WARP;
	x += p * per * LANES<T>;
	y += p * per * LANES<T>;
	float v[LANES<T>];
	double squares = 0;
	for (int i = lane; i < per; i += WARP) {
		load(x + i * LANES<T>, v);
#pragma unroll
		for (int j = 0; j < LANES<T>; j++) squares += (double)v[j] * v[j];
	}
	const float root = (float)sqrt(warp_sum(squares)), length = root < eps ? eps : root; // NaN stays
	for (int i = lane; i < per; i += WARP) {
		float w[LANES<T>];
		load(x + i * LANES<T>, v);
		load_floats(weight + i * LANES<T>, w);
#pragma unroll
		for (int j = 0; j < LANES<T>; j++) v[j] = i * LANES<T> + j < c ? w[j] * (v[j] / length) : 0.f;
		store(y + i * LANES<T>, v);
	}
}

extern "C" __global__ void l2_norm_f32(
	const float *x, const float *weight, float *y, long long pixels, int per, int c, float eps) {
	l2_norm(x, weight, y, pixels, per, c, eps);
}
extern "C" __global__ void l2_norm_bf16(
	const bf16 *x, const float *weight, bf16 *y, long long pixels, int per, int c, float eps) {
	l2_norm(x, weight, y, pixels, per, c, eps);
}
extern "C" __global__ void l2_norm_f16(
	const f16 *x, const float *weight, f16 *y, long long pixels, int per, int c, float eps) {
	l2_norm(x, weight, y, pixels, per, c, eps);
}

constexpr int THREADS = 512;

// block_sum returns the sum of a block's numbers, to all of it. sums are for this one alone.
DEVICE float block_sum(float v, float (&sums)[THREADS / WARP]) {
	v = warp_sum(v);
	if (threadIdx.x % WARP == 0) sums[threadIdx.x / WARP] = v;
	__syncthreads();
	v = 0;
	for (int i = 0; i < THREADS / WARP; i++) v += sums[i];
	return v;
}

// The mean μ of the numbers of each group of channels of a picture, and 1 / √(σ² + ε). A block has a group; across of its
// threads, a power of two, have the channels of a pixel. Numbers are added up less the first one, which they may be far
// from zero with.
template <class T>
DEVICE void group_norm_moments(
	const T *x, float2 *moments, int pixels, int s, int groups, int size, int across, float eps,
	float (&first_sums)[THREADS / WARP], float (&second_sums)[THREADS / WARP]) {
	const int n = blockIdx.x / groups, group = blockIdx.x % groups;
	const int lane = threadIdx.x % across, row = threadIdx.x / across, rows = THREADS / across;
	x += (long long)n * pixels * s + group * size;
	const float first = widen(x[0]), count = (float)pixels * size;
	float sum = 0, squares = 0;
	for (int p = row; p < pixels; p += rows)
		for (int j = lane; j < size; j += across) sum += widen(x[(long long)p * s + j]) - first;
	const float mean = first + block_sum(sum, first_sums) / count;
	for (int p = row; p < pixels; p += rows)
		for (int j = lane; j < size; j += across) {
			const float d = widen(x[(long long)p * s + j]) - mean;
			squares = fmaf(d, d, squares);
		}
	const float variance = block_sum(squares, second_sums) / count;
	if (threadIdx.x == 0) moments[blockIdx.x] = {mean, 1 / sqrtf(variance + eps)};
}

extern "C" __global__ void __launch_bounds__(THREADS) group_norm_moments_f32(
	const float *x, float2 *moments, int pixels, int s, int groups, int size, int across, float eps) {
	__shared__ float first[THREADS / WARP], second[THREADS / WARP];
	group_norm_moments(x, moments, pixels, s, groups, size, across, eps, first, second);
}
extern "C" __global__ void __launch_bounds__(THREADS) group_norm_moments_bf16(
	const bf16 *x, float2 *moments, int pixels, int s, int groups, int size, int across, float eps) {
	__shared__ float first[THREADS / WARP], second[THREADS / WARP];
	group_norm_moments(x, moments, pixels, s, groups, size, across, eps, first, second);
}
extern "C" __global__ void __launch_bounds__(THREADS) group_norm_moments_f16(
	const f16 *x, float2 *moments, int pixels, int s, int groups, int size, int across, float eps) {
	__shared__ float first[THREADS / WARP], second[THREADS / WARP];
	group_norm_moments(x, moments, pixels, s, groups, size, across, eps, first, second);
}

// y[n, p, c] = act(γ[c] · (x[n, p, c] − μ) · unit + β[c] + residual[n, p, c]), with a group's moments. γ, β and the residual
// may be null. A thread has 16 bytes of channels.
template <class T>
DEVICE void group_norm(
	const T *x, const float *gamma, const float *beta, const T *residual, const float2 *moments, T *y, long long vectors,
	int per, int pixels, int c, int groups, int size, int activation) {
	const long long i = thread();
	if (i >= vectors) return;
	const int first = i % per * LANES<T>;
	moments += i / per / pixels * groups;
	float v[LANES<T>], add[LANES<T>] = {};
	load(x + i * LANES<T>, v);
	if (residual) load(residual + i * LANES<T>, add);
#pragma unroll
	for (int j = 0; j < LANES<T>; j++) {
		const int channel = first + j;
		if (channel >= c) {
			v[j] = 0;
			continue;
		}
		const float2 m = moments[channel / size];
		v[j] = fmaf((v[j] - m.x) * m.y, gamma ? gamma[channel] : 1.f, beta ? beta[channel] : 0.f);
		v[j] = activate(v[j] + add[j], activation);
	}
	store(y + i * LANES<T>, v);
}

extern "C" __global__ void group_norm_f32(
	const float *x, const float *gamma, const float *beta, const float *residual, const float2 *moments, float *y,
	long long vectors, int per, int pixels, int c, int groups, int size, int activation) {
	group_norm(x, gamma, beta, residual, moments, y, vectors, per, pixels, c, groups, size, activation);
}
extern "C" __global__ void group_norm_bf16(
	const bf16 *x, const float *gamma, const float *beta, const bf16 *residual, const float2 *moments, bf16 *y,
	long long vectors, int per, int pixels, int c, int groups, int size, int activation) {
	group_norm(x, gamma, beta, residual, moments, y, vectors, per, pixels, c, groups, size, activation);
}
extern "C" __global__ void group_norm_f16(
	const f16 *x, const float *gamma, const float *beta, const f16 *residual, const float2 *moments, f16 *y,
	long long vectors, int per, int pixels, int c, int groups, int size, int activation) {
	group_norm(x, gamma, beta, residual, moments, y, vectors, per, pixels, c, groups, size, activation);
}
