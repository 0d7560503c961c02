// The kernels that the fake driver's modules have, as functions on the host.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

struct Shape { unsigned grid[3], block[3]; };

// Inside tells whether bytes are in an allocation of the device's.
using Inside = bool (*)(uint64_t address, size_t bytes);

struct Kernel {
	const char *name;
	std::vector<size_t> sizes; // of the parameters
	// run does the work of all threads, and returns false where a GPU would report an illegal access.
	std::function<bool(const Shape &, const uint64_t *arguments, Inside)> run;
};

template <class T> T as(uint64_t bits) {
	T v;
	__builtin_memcpy(&v, &bits, sizeof v);
	return v;
}

inline std::vector<Kernel> &kernels() {
	static std::vector<Kernel> all = {
		// void axpy(int n, float a, const float *x, float *y): y[i] += a·x[i]
		{"axpy", {4, 4, 8, 8}, [](const Shape &s, const uint64_t *p, Inside inside) {
			int n = as<int>(p[0]);
			float a = as<float>(p[1]);
			size_t threads = size_t(s.grid[0]) * s.block[0];
			if (!inside(p[2], 4 * size_t(n)) || !inside(p[3], 4 * size_t(n))) return false;
			auto *x = reinterpret_cast<const float *>(p[2]);
			auto *y = reinterpret_cast<float *>(p[3]);
			for (size_t i = 0; i < threads && i < size_t(n); i++) y[i] += a * x[i];
			return true;
		}},
	};
	return all;
}
