// Each object's own class of the mask logits, as a probability.
// options: --fmad=false
#include "boxes.h"

// y[n, p, d] = sigmoid(x[row, p, labels[n, d]]), and 0 for objects that there are not. Rows are the objects of picture 0,
// then of picture 1 …. A label outside of the K classes selects class 0.
extern "C" __global__ void mask_select_f32(
	const float *x,          // (N·D, P, S), the first K of S
	const long long *labels, // (N, D)
	const int *given,        // (N): how many objects there are
	float *y,                // (N, P, DS), the first D of DS
	long long elements, int pixels, int k, int s, int d, int ds) {
	const long long at = thread();
	if (at >= elements) return;
	const int pixel = at / ds, object = at - (long long)pixel * ds, p = pixel % pixels, n = pixel / pixels;
	auto used = [&](int i) { return given[i] < 0 ? 0 : given[i] < d ? given[i] : d; };
	if (object >= used(n)) {
		y[at] = 0;
		return;
	}
	long long row = object, label = labels[(long long)n * d + object];
	for (int i = 0; i < n; i++) row += used(i);
	if (label < 0 || label >= k) label = 0;
	y[at] = sigmoid(x[(row * pixels + p) * s + label]);
}
