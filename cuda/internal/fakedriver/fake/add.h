// Adds kernels of a source, which is included before, to those of the fake driver: ADD_KERNEL(name) for each.
#pragma once
#include <cstring>
#include <utility>

#include "kernels.h"

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
	template <class C> Add(const char *name, C) { kernels().push_back({name, C::sizes(), C::run}); }
};

} // namespace

#define ADD_KERNEL(name) static Add add_##name(#name, Call<&name>());
