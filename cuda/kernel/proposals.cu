// The regions worth a look. For each level of a pyramid topk_tiles_f32 sorts tiles of the logits; here the PreNMS first of
// all are decoded, each to the place of its rank. nms.cu then keeps those of each level that overlap no better one.
// options: --fmad=false
#include "boxes.h"

// A candidate of picture n and level l at place r, which is its rank, has the number l·R + r. Where a box is too small or
// too unlikely, and behind the last, the key is ABSENT. Sigmoids come in the order of logits, so keys are in order.
//
// A warp has a key of a tile's.
extern "C" __global__ void proposals_decode_f32(
	const Key *tiles,      // (N, count, K), with K ≤ R keys to be taken
	const float *logits,   // (N, P, S), the first A of S
	const float *deltas,   // (N, P, DS), 4 for each of A
	const float4 *anchors, // (A)
	const float4 *sizes,   // (N), of which the first two are height and width
	Key *keys,             // (N, levels, R)
	float4 *boxes,         // (N, levels, R)
	float2 *tallies,       // (N, levels, R): how many boxes there are, 0 or 1, and their greatest coordinate
	int pictures, int count, int k, int pixels, int width, int a, int s, int ds, int stride_y, int stride_x, int level,
	int levels, int places, float min_size, float score_threshold) {
	const int entries = count * k, warps = entries > 0 ? entries : 1, lane = threadIdx.x % WARP;
	const int n = thread() / WARP / warps, at = thread() / WARP % warps;
	if (n >= pictures) return;
	const long long first = ((long long)n * levels + level) * places;
	for (int i = k + at * WARP + lane; i < places; i += warps * WARP) { // of a level with fewer anchors than another
		keys[first + i] = ABSENT;
		tallies[first + i] = {0, 0};
	}
	if (at >= entries) return;
	tiles += (long long)n * entries;
	const Key key = tiles[at];
	if (key == ABSENT) return;
	const int r = rank(tiles, count, k, key, k);
	if (r >= k || lane > 0) return;

	const int anchor = number_of(key) % a, p = number_of(key) / a;
	const long long pixel = (long long)n * pixels + p;
	const float dy = p / width * stride_y, dx = p % width * stride_x;
	float4 b = anchors[anchor];
	b = {b.x + dx, b.y + dy, b.z + dx, b.w + dy};
	b = cut(decode(b, *(const float4 *)(deltas + pixel * ds + 4 * anchor), {1, 1, 1, 1}), sizes[n].x, sizes[n].y);
	const float score = sigmoid(logits[pixel * s + anchor]);
	const bool good = at_least(b, min_size) && score >= score_threshold;
	keys[first + r] = good ? key_of(score, level * places + r) : ABSENT;
	boxes[first + r] = b;
	tallies[first + r] = {good ? 1.f : 0.f, farthest(b)};
}
