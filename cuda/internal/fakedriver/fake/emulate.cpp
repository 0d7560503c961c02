#define EMULATOR
#define SHARED_MEMORY shared_memory_of_tests
#include "device.h"

#include "add.h"

static_assert(ORDERS == emulator::ORDERS, "orders");

// axpy is y[i] += a·x[i], for tests of the driver's own.
static void axpy(int n, float a, const float *x, float *y) {
	int i = blockIdx.x * blockDim.x + threadIdx.x;
	if (i < n) y[i] += a * x[i];
}
ADD_KERNEL(axpy)

std::string emulate(const Kernel &k, const unsigned g[3], const unsigned b[3], size_t shared, int order,
					const uint64_t *arguments) {
	return emulator::run(dim3(g[0], g[1], g[2]), dim3(b[0], b[1], b[2]), k.shared, k.shared_end, shared,
						 emulator::Order(order), [&] { k.run(arguments); });
}
