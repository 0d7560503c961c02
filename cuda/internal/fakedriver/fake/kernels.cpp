// The kernels of ../../../kernel, run by the emulator.
#include "kernels.h"

#include <utility>

#define EMULATOR
#include "conv2d.cu"

static_assert(ORDERS == emulator::ORDERS, "orders");

namespace {

// void axpy(int n, float a, const float *x, float *y): y[i] += a·x[i], for tests of the driver's own.
void axpy(int n, float a, const float *x, float *y) {
	int i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) y[i] += a * x[i];
}

template <class T> T as(uint64_t bits) {
	static_assert(sizeof(T) == 4 || sizeof(T) == 8, "arguments have 4 or 8 bytes");
	T v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

template <auto F> struct Call;
template <class... A, void (*F)(A...)> struct Call<F> {
	static std::vector<size_t> sizes() { return {sizeof(A)...}; }
	static void run(const uint64_t *arguments) { with(arguments, std::index_sequence_for<A...>()); }
	template <size_t... I> static void with(const uint64_t *arguments, std::index_sequence<I...>) {
		F(as<A>(arguments[I])...);
	}
};

} // namespace

#define KERNEL(name) {#name, Call<&name>::sizes(), Call<&name>::run}

std::vector<Kernel> &kernels() {
	static std::vector<Kernel> all = {
		KERNEL(axpy),
		KERNEL(conv2d_f32_128x64),
	};
	return all;
}

std::string emulate(const Kernel &k, const unsigned g[3], const unsigned b[3], size_t shared, int order,
					const uint64_t *arguments) {
	return emulator::run(dim3(g[0], g[1], g[2]), dim3(b[0], b[1], b[2]), shared, emulator::Order(order),
						 [&] { k.run(arguments); });
}
