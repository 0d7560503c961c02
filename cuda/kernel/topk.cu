// The scores of lists in order.
#include "boxes.h"

constexpr int TILE = 4096, THREADS = 1024;

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
