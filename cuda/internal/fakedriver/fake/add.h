// Adds kernels of a source, which is included before, to those of the fake driver: ADD_KERNEL(name) for each.
#pragma once
#include <cstring>
#include <utility>

#include "kernels.h"

#define START_OF_(section) __start_##section
#define START_OF(section) START_OF_(section)
#define STOP_OF_(section) __stop_##section
#define STOP_OF(section) STOP_OF_(section)
// Both are null for a source without shared memory.
extern "C" char START_OF(SHARED_MEMORY)[] __attribute__((weak)), STOP_OF(SHARED_MEMORY)[] __attribute__((weak));

namespace {

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

struct Add {
	template <class C> Add(const char *name, C) {
		kernels().push_back({name, C::sizes(), C::run, START_OF(SHARED_MEMORY), STOP_OF(SHARED_MEMORY)});
	}
};

} // namespace

#define ADD_KERNEL(name) static Add add_##name(#name, Call<&name>());
