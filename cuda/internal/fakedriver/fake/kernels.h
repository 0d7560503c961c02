// The kernels that the fake driver's modules have.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

struct Kernel {
	const char *name;
	std::vector<size_t> sizes; // of the parameters
	void (*run)(const uint64_t *arguments);
	char *shared, *shared_end; // static shared memory of the source it is in
};

// kernels are those of all sources: each adds its own when the library is opened.
inline std::vector<Kernel> &kernels() {
	static std::vector<Kernel> all;
	return all;
}

constexpr int ORDERS = 5; // of the emulator

// emulate runs a kernel and returns what it did wrong, "" if nothing was seen.
std::string emulate(const Kernel &, const unsigned grid[3], const unsigned block[3], size_t shared, int order,
					const uint64_t *arguments);
