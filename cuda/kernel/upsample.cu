// Pixels repeated: y[n, i, j, c] = x[n, near(i, H, HO), near(j, W, WO), c], 16 bytes of channels in a thread, of any element.
#include "device.h"

extern "C" __global__ void upsample(
	const float4 *x, float4 *y, long long vectors, int per, int height, int width, int ho, int wo) {
	long long i = thread();
	if (i >= vectors) return;
	y[i] = x[nearest_pixel(i / per, ho, wo, height, width) * per + i % per];
}
