// The regions worth a look, of all levels of a pyramid at once. Tiles of logits are sorted in shared memory, each by a
// block, and keep their first K keys; the K first of a level are decoded, each to the place of its rank among its tiles'
// (see rank). nms.cu then keeps those of each level that overlap no better one.
// options: --fmad=false
#include "boxes.h"

constexpr int TILE = 4096, THREADS = 1024, LEVELS = 5;

// A level of N pictures: maps of logits, a of s numbers of a pixel, and of deltas, 4·a of ds. There is none without anchors.
struct Level {
	const float *logits, *deltas;
	int h, w, a, s, ds;

	DEVICE int anchors() const { return h * w * a; }
	DEVICE int tiles() const { return (anchors() + TILE - 1) / TILE; }
	DEVICE int keys(int places) const { return anchors() < places ? anchors() : places; } // K, of each tile
};

#define LEVEL(i) const float *logits##i, const float *deltas##i, int h##i, int w##i, int a##i, int s##i, int ds##i
#define LEVELS_OF_PYRAMID LEVEL(0), LEVEL(1), LEVEL(2), LEVEL(3), LEVEL(4)
#define LIST(i) {logits##i, deltas##i, h##i, w##i, a##i, s##i, ds##i}
#define LIST_OF_LEVELS {LIST(0), LIST(1), LIST(2), LIST(3), LIST(4)}

// keys: for each level (N, tiles, K), the K smallest keys, in order, of a tile's scores; ABSENT behind them if there are
// fewer. A score's number is p·A + a. Blocks are (tile of any level, n).
extern "C" __global__ void __launch_bounds__(THREADS) proposals_tiles_f32(Key *keys, int places, LEVELS_OF_PYRAMID) {
	__shared__ __align__(16) Key tile[TILE];
	const Level levels[LEVELS] = LIST_OF_LEVELS;
	Level v = levels[0];
	int number = blockIdx.x;
#pragma unroll
	for (int l = 1; l < LEVELS; l++) {
		if (number < v.tiles()) break;
		number -= v.tiles();
		keys += (long long)gridDim.y * v.tiles() * v.keys(places);
		v = levels[l];
	}
	const int n = blockIdx.y, first = number * TILE, rest = v.anchors() - first, here = rest < TILE ? rest : TILE;
	int size = 1;
	while (size < here) size *= 2;
	for (int i = threadIdx.x; i < size; i += THREADS) {
		int at = first + i;
		tile[i] = i < here ? key_of(v.logits[((long long)n * v.h * v.w + at / v.a) * v.s + at % v.a], at) : ABSENT;
	}
	sort(tile, size);
	const int k = v.keys(places);
	keys += ((long long)n * v.tiles() + number) * k;
	for (int i = threadIdx.x; i < k; i += THREADS) keys[i] = i < here ? tile[i] : ABSENT;
}

// A candidate of picture n and level l at place r, which is its rank, has the number l·R + r. Where a box is too small or
// too unlikely, and behind the last, the key is ABSENT. Sigmoids come in the order of logits, so keys are in order.
//
// A warp has a key of a tile's, and each level one at least.
extern "C" __global__ void proposals_decode_f32(
	const Key *tiles,      // for each level (N, tiles, K), with K ≤ R keys to be taken
	const float4 *anchors, // (A) of a level after those of another
	const float4 *sizes,   // (N), of which the first two are height and width
	Key *keys,             // (N, levels, R)
	float4 *boxes,         // (N, levels, R)
	float2 *tallies,       // (N, levels, R): how many boxes there are, 0 or 1, and their greatest coordinate
	int pictures, int warps, // of a picture
	int height, int width, // of the image
	int level, int levels, // the first level here, and how many there are of all
	int places, float min_size, float score_threshold, LEVELS_OF_PYRAMID) {
	const Level list[LEVELS] = LIST_OF_LEVELS;
	const int n = thread() / WARP / warps, lane = threadIdx.x % WARP;
	int at = thread() / WARP % warps;
	if (n >= pictures) return;
	Level v = list[0];
#pragma unroll
	for (int l = 1; l < LEVELS; l++) {
		const int entries = v.tiles() * v.keys(places), own = entries > 0 ? entries : 1;
		if (at < own) break;
		at -= own;
		level++;
		tiles += (long long)pictures * entries;
		anchors += v.a;
		v = list[l];
	}
	const int k = v.keys(places), entries = v.tiles() * k, own = entries > 0 ? entries : 1;
	const long long first = ((long long)n * levels + level) * places;
	for (int i = k + at * WARP + lane; i < places; i += own * WARP) { // of a level with fewer anchors than another
		keys[first + i] = ABSENT;
		tallies[first + i] = {0, 0};
	}
	if (at >= entries) return;
	tiles += (long long)n * entries;
	const Key key = tiles[at];
	if (key == ABSENT) return;
	const int r = rank(tiles, v.tiles(), k, key, k);
	if (r >= k || lane > 0) return;

	const int anchor = number_of(key) % v.a, p = number_of(key) / v.a;
	const long long pixel = (long long)n * v.h * v.w + p;
	const float dy = p / v.w * (height / v.h), dx = p % v.w * (width / v.w);
	float4 b = anchors[anchor];
	b = {b.x + dx, b.y + dy, b.z + dx, b.w + dy};
	b = cut(decode(b, *(const float4 *)(v.deltas + pixel * v.ds + 4 * anchor), {1, 1, 1, 1}), sizes[n].x, sizes[n].y);
	const float score = sigmoid(v.logits[pixel * v.s + anchor]);
	const bool good = at_least(b, min_size) && score >= score_threshold;
	keys[first + r] = good ? key_of(score, level * places + r) : ABSENT;
	boxes[first + r] = b;
	tallies[first + r] = {good ? 1.f : 0.f, farthest(b)};
}
