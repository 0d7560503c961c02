// Functions of single elements of maps, four at once. S, the distance between pixels, is 4·per.
#include "device.h"

// z = x + y
extern "C" __global__ void add_f32(const float4 *x, const float4 *y, float4 *z, long long quads) {
	long long i = thread();
	if (i >= quads) return;
	float4 a = x[i], b = y[i];
	z[i] = {a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w};
}

// z[n, p, c] = x[n, p, c] · y[n, p, c], or · y[n, 0, c] where y has one pixel for the pixels of x.
extern "C" __global__ void mul_f32(const float4 *x, const float4 *y, float4 *z, long long quads, int per, int pixels, int once) {
	long long i = thread();
	if (i >= quads) return;
	float4 a = x[i], b = y[once ? i / per / pixels * per + i % per : i];
	z[i] = {a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w};
}

// y = act(x) for the C channels that are there.
extern "C" __global__ void activation_f32(const float4 *x, float4 *y, long long quads, int per, int c, int activation) {
	long long i = thread();
	if (i >= quads) return;
	float4 v = x[i];
	v = {activate(v.x, activation), activate(v.y, activation), activate(v.z, activation), activate(v.w, activation)};
	y[i] = within(v, i % per * 4, c);
}

// y[n, p, c] = scale[c] · x[n, p, c] + shift[c], with zeros in both for channels that are not there.
extern "C" __global__ void batch_norm2d_f32(
	const float4 *x, const float4 *scale, const float4 *shift, float4 *y, long long quads, int per) {
	long long i = thread();
	if (i >= quads) return;
	float4 v = x[i], a = scale[i % per], b = shift[i % per];
	y[i] = {fmaf(a.x, v.x, b.x), fmaf(a.y, v.y, b.y), fmaf(a.z, v.z, b.z), fmaf(a.w, v.w, b.w)};
}
