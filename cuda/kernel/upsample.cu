// Pixels repeated: y[n, i, j, c] = x[n, near(i, H, HO), near(j, W, WO), c], four channels in a thread.
#include "device.h"

extern "C" __global__ void upsample_f32(
	const float4 *x, float4 *y, long long quads, int per, int height, int width, int ho, int wo) {
	long long i = thread();
	if (i >= quads) return;
	y[i] = x[nearest_pixel(i / per, ho, wo, height, width) * per + i % per];
}
