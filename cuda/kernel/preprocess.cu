// The image that a detector looks at, of pictures as they were decoded: normalised, scaled, and padded with zeros.
// options: --fmad=false
#include "bilinear.h"
#include "elements.h"

constexpr int THREADS = 256, VALUES = 256; // of a block; that a byte has

// What kernels for maps of T are given. Sizes are height and width of a picture, of it scaled, and the bytes of a sample: 4
// for planes (3, H, W) of floats, else (H, W, 3) of bytes, which become values.
#define PARAMETERS(T) \
	const unsigned char *pictures, /* (N, B) */ \
		const int *sizes,          /* (N, 5) */ \
		const float *values,       /* (3, 256) */ \
		T *y,                      /* (N, H, W, S), 3 of S */ \
		float *scaled,             /* (N, SS), 2 of SS: height and width of the scaled picture */ \
		long long bytes, int height, int width, int ss
#define ARGUMENTS pictures, sizes, values, y, scaled, bytes, height, width, ss

// A thread has a pixel. Blocks are (some of the pixels, n).
template <class T> DEVICE void preprocess(float *table, PARAMETERS(T)) {
	for (int i = threadIdx.x; i < 3 * VALUES; i += THREADS) table[i] = values[i];
	__syncthreads();
	const int n = blockIdx.y;
	sizes += 5 * n;
	const int sample = sizes[4] == 4 ? 4 : 1;
	int h = sizes[0], w = sizes[1], sh = sizes[2] < height ? sizes[2] : height, sw = sizes[3] < width ? sizes[3] : width;
	if (h < 1 || w < 1 || sh < 1 || sw < 1 || h > bytes / (3 * sample) / w) sh = sw = 0; // no picture
	const long long at = thread();
	if (at == 0) {
		scaled += (long long)n * ss;
		scaled[0] = sh, scaled[1] = sw;
		for (int i = 2; i < ss; i++) scaled[i] = 0;
	}
	if (at >= (long long)height * width) return;
	float pixel[LANES<T>] = {};
	const int i = at / width, j = at % width;
	if (i < sh && j < sw) {
		pictures += n * bytes;
		const Between row = between_at(i, h, sh), column = between_at(j, w, sw);
		const long long upper = (long long)row.low * w, lower = (long long)row.high * w;
#pragma unroll
		for (int c = 0; c < 3; c++) {
			auto number = [&](long long p) {
				if (sample == 4) return ((const float *)pictures)[(long long)c * h * w + p];
				return table[c * VALUES + pictures[3 * p + c]];
			};
			pixel[c] = between(between(number(upper + column.low), number(upper + column.high), column.share),
							   between(number(lower + column.low), number(lower + column.high), column.share), row.share);
		}
	}
	store(y + ((long long)n * height * width + at) * LANES<T>, pixel);
}

extern "C" __global__ void __launch_bounds__(THREADS) preprocess_f32(PARAMETERS(float)) {
	__shared__ float table[3 * VALUES];
	preprocess(table, ARGUMENTS);
}

extern "C" __global__ void __launch_bounds__(THREADS) preprocess_bf16(PARAMETERS(bf16)) {
	__shared__ float table[3 * VALUES];
	preprocess(table, ARGUMENTS);
}

extern "C" __global__ void __launch_bounds__(THREADS) preprocess_f16(PARAMETERS(f16)) {
	__shared__ float table[3 * VALUES];
	preprocess(table, ARGUMENTS);
}
