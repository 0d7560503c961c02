// The greatest of many scores, in order. Tiles of scores are sorted in shared memory, each by a block, and keep their
// first K keys; whoever wants the first K of all finds the rank of a tile's key among those of all tiles (see rank).
#include "boxes.h"

constexpr int TILE = 4096, THREADS = 1024;

// keys[n, tile] = the K smallest keys, in order, of the tile's scores; ABSENT behind them if there are fewer. A score's
// number is p·A + a. Blocks are (tile, n).
extern "C" __global__ void __launch_bounds__(THREADS) topk_tiles_f32(
	const float *x, // (N, P, S), the first A of S
	Key *keys,      // (N, tiles, K)
	int pixels, int a, int s, int k) {
	__shared__ __align__(16) Key tile[TILE];
	const int n = blockIdx.y, first = blockIdx.x * TILE, rest = pixels * a - first, here = rest < TILE ? rest : TILE;
	int size = 1;
	while (size < here) size *= 2;
	for (int i = threadIdx.x; i < size; i += THREADS) {
		int number = first + i;
		tile[i] = i < here ? key_of(x[((long long)n * pixels + number / a) * s + number % a], number) : ABSENT;
	}
	sort(tile, size);
	keys += ((long long)n * gridDim.x + blockIdx.x) * k;
	for (int i = threadIdx.x; i < k; i += THREADS) keys[i] = i < here ? tile[i] : ABSENT;
}

// Moves the keys of a list that are not ABSENT to its front, in order, and counts them. A list of more than TILE is sorted
// in memory. Blocks are lists.
extern "C" __global__ void __launch_bounds__(THREADS) topk_sort(
	Key *keys,    // (lists, places)
	Key *scratch, // (lists, size), or null if places are at most TILE
	int *lengths, // (lists)
	int places,
	int size) { // places, rounded up to a power of two
	__shared__ __align__(16) Key tile[TILE];
	__shared__ int there;
	keys += (long long)blockIdx.x * places;
	Key *buffer = scratch ? scratch + (long long)blockIdx.x * size : tile;
	if (threadIdx.x == 0) there = 0;
	__syncthreads();
	for (int i = threadIdx.x; i < places; i += THREADS)
		if (keys[i] != ABSENT) buffer[atomicAdd(&there, 1)] = keys[i]; // in any order: they are sorted next
	__syncthreads();
	const int length = there;
	int padded = 1;
	while (padded < length) padded *= 2;
	for (int i = length + threadIdx.x; i < padded && i < size; i += THREADS) buffer[i] = ABSENT;
	sort(buffer, padded);
	for (int i = threadIdx.x; i < length; i += THREADS) keys[i] = buffer[i];
	if (threadIdx.x == 0) lengths[blockIdx.x] = length;
}
