// Scaled dot-product attention between all pixels of a picture, the tokens, head by head:
//
//	y[i, c] = Σ_j exp(s[i, j]) · v[j, c] / Σ_j exp(s[i, j]),  s[i, j] = Σ_c q[i, c] · k[j, c] / √d
//
// A block has 32 queries of a head and goes through its keys, 32 at a time, with the sums of what it has seen: a greater
// score than all before scales them down. Sums are float32. A warp has four queries, and each of its lanes a key of their
// scores, and then every 32nd channel of their results. A head of more channels than a block holds at once has its scores
// made of parts, and again for each part of the results.
#include "elements.h"

constexpr int WARP = 32, WARPS = 8, THREADS = WARPS * WARP, ROWS = 4, TOKENS = 32;
constexpr int DEPTH = 96, STRIDE = DEPTH + 4; // so that lanes with 16 bytes of a row each meet no other's bank

struct Tiles {
	float queries[TOKENS][STRIDE], others[TOKENS][STRIDE]; // keys, then values
	float4 shares[WARPS][TOKENS];                          // of a warp's queries
};

// fetch reads up to DEPTH channels of tokens from first on, with zeros for what there is not, up to a multiple of four.
template <class T>
DEVICE void fetch(float (&to)[TOKENS][STRIDE], const T *x, int first, int tokens, int s, int channels) {
	const int end = channels < DEPTH ? channels : DEPTH, padded = (end + 3) / 4 * 4;
	for (int row = threadIdx.x / WARP; row < TOKENS; row += WARPS)
		for (int c = threadIdx.x % WARP; c < padded; c += WARP)
			to[row][c] = first + row < tokens && c < end ? widen(x[(long long)(first + row) * s + c]) : 0.f;
}

// score returns the products of a warp's queries with a lane's key, added to what is there.
DEVICE void score(const Tiles &t, int row, int lane, int channels, float (&sum)[ROWS]) {
	for (int c = 0; c < channels && c < DEPTH; c += 4) {
		const float4 k = *(const float4 *)&t.others[lane][c];
#pragma unroll
		for (int r = 0; r < ROWS; r++) {
			const float4 q = *(const float4 *)&t.queries[row + r][c];
			sum[r] = fmaf(q.x, k.x, fmaf(q.y, k.y, fmaf(q.z, k.z, fmaf(q.w, k.w, sum[r]))));
		}
	}
}

template <class T>
DEVICE void attention(
	const T *x, // (N, L, S): queries, keys and values of E channels each
	T *y,       // (N, L, YS)
	int tokens, int s, int ys, int e, int d, int tiles, int parts, float scale, Tiles &t) {
	const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP, heads = e / d;
	const int part = blockIdx.x % parts * DEPTH, tile = blockIdx.x / parts % tiles * TOKENS;
	const int head = blockIdx.x / parts / tiles % heads;
	const long long n = blockIdx.x / parts / tiles / heads;
	x += n * tokens * s + head * d;
	float greatest[ROWS], sum[ROWS] = {}, out[ROWS][DEPTH / WARP] = {};
#pragma unroll
	for (int r = 0; r < ROWS; r++) greatest[r] = -3.4028234e38f; // and no infinity, less which nothing is a number
	for (int first = 0; first < tokens; first += TOKENS) {
		float now[ROWS] = {};
		for (int c = 0; c < d; c += DEPTH) {
			__syncthreads(); // until all have read what was there
			if (first == 0 || d > DEPTH) fetch(t.queries, x + c, tile, tokens, s, d - c);
			fetch(t.others, x + e + c, first, tokens, s, d - c);
			__syncthreads();
			score(t, warp * ROWS, lane, d - c, now);
		}
#pragma unroll
		for (int r = 0; r < ROWS; r++) {
			now[r] = first + lane < tokens ? now[r] * scale : -__uint_as_float(0x7f800000);
			float most = fmaxf(now[r], greatest[r]);
			for (int bits = WARP / 2; bits > 0; bits /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, bits));
			const float before = expf(greatest[r] - most);
			now[r] = expf(now[r] - most);
			sum[r] = fmaf(sum[r], before, now[r]); // of every 32nd key
			greatest[r] = most;
#pragma unroll
			for (int j = 0; j < DEPTH / WARP; j++) out[r][j] *= before;
		}
		t.shares[warp][lane] = {now[0], now[1], now[2], now[3]};
		__syncthreads(); // until all have read the keys
		fetch(t.others, x + 2 * e + part, first, tokens, s, d - part);
		__syncthreads();
		for (int k = 0; k < TOKENS; k++) {
			const float4 share = t.shares[warp][k];
#pragma unroll
			for (int j = 0; j < DEPTH / WARP; j++) {
				if (part + j * WARP >= d) continue;
				const float v = t.others[k][lane + j * WARP];
				out[0][j] = fmaf(share.x, v, out[0][j]);
				out[1][j] = fmaf(share.y, v, out[1][j]);
				out[2][j] = fmaf(share.z, v, out[2][j]);
				out[3][j] = fmaf(share.w, v, out[3][j]);
			}
		}
	}
#pragma unroll
	for (int r = 0; r < ROWS; r++) {
		for (int bits = WARP / 2; bits > 0; bits /= 2) sum[r] += __shfl_xor_sync(~0u, sum[r], bits);
		const int query = tile + warp * ROWS + r;
		if (query >= tokens) continue; // as does the whole warp
		T *to = y + (n * tokens + query) * ys;
#pragma unroll
		for (int j = 0; j < DEPTH / WARP; j++) {
			const int c = part + lane + j * WARP;
			if (c < d) to[head * d + c] = narrow<T>(out[r][j] / sum[r]);
		}
		if (head == heads - 1 && e + lane < ys) to[e + lane] = narrow<T>(0);
	}
}

extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_f32(
	const float *x, float *y, int tokens, int s, int ys, int e, int d, int tiles, int parts, float scale) {
	__shared__ __align__(16) Tiles t;
	attention(x, y, tokens, s, ys, e, d, tiles, parts, scale, t);
}
extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_bf16(
	const bf16 *x, bf16 *y, int tokens, int s, int ys, int e, int d, int tiles, int parts, float scale) {
	__shared__ __align__(16) Tiles t;
	attention(x, y, tokens, s, ys, e, d, tiles, parts, scale, t);
}
extern "C" __global__ void __launch_bounds__(THREADS, 2) attention_f16(
	const f16 *x, f16 *y, int tokens, int s, int ys, int e, int d, int tiles, int parts, float scale) {
	__shared__ __align__(16) Tiles t;
	attention(x, y, tokens, s, ys, e, d, tiles, parts, scale, t);
}
