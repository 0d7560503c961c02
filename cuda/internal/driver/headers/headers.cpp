// Holds functions.h, and the values that are written as numbers, against NVIDIA's own cuda.h, when compiled:
//
//	c++ -std=c++17 -fsyntax-only -I DIRECTORY_OF_CUDA_H headers.cpp
//
// The header comes with the wheel in requirements.txt. Functions are compared in what the calling convention sees:
// the number of parameters, and of each whether it is an integer or enum, a floating-point number or a pointer, its
// size, and the size of a number that it points to.
#include <cuda.h>

#include <type_traits>

#include "../functions.h"

template <class T> constexpr bool is_scalar = std::is_arithmetic_v<T> || std::is_enum_v<T>;

template <class Theirs, class Ours> constexpr bool same_pointee() {
	using T = std::remove_cv_t<Theirs>;
	using O = std::remove_cv_t<Ours>;
	if constexpr (std::is_void_v<O> || std::is_void_v<T>) return true; // a handle, or bytes of any kind
	else if constexpr (std::is_pointer_v<T> || std::is_pointer_v<O>) return std::is_pointer_v<T> && std::is_pointer_v<O>;
	else if constexpr (is_scalar<T> && is_scalar<O>)
		return sizeof(T) == sizeof(O) && std::is_floating_point_v<T> == std::is_floating_point_v<O>;
	else return false;
}

template <class T, class O> constexpr bool same() {
	if constexpr (std::is_pointer_v<T> && std::is_pointer_v<O>)
		return same_pointee<std::remove_pointer_t<T>, std::remove_pointer_t<O>>();
	else if constexpr (is_scalar<T> && is_scalar<O>)
		return sizeof(T) == sizeof(O) && std::is_floating_point_v<T> == std::is_floating_point_v<O>;
	else return false;
}

template <class Theirs, class Ours> struct agree : std::false_type {};
template <class R, class... A, class... B> struct agree<R (*)(A...), int (*)(B...)> {
	static constexpr bool value = [] {
		if constexpr (sizeof...(A) != sizeof...(B)) return false;
		else return same<R, int>() && (same<A, B>() && ...);
	}();
};

#define CHECK(name, parameters) static_assert(agree<decltype(&name), int(*) parameters>::value, #name);
AG_DRIVER(CHECK, CHECK)

#define VALUE(name, v) static_assert(static_cast<long long>(name) == (v), #name);
VALUE(CU_STREAM_NON_BLOCKING, 1)
VALUE(CU_EVENT_DISABLE_TIMING, 2)
VALUE(CU_STREAM_CAPTURE_MODE_RELAXED, 2)
VALUE(CU_JIT_ERROR_LOG_BUFFER, 5)
VALUE(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 6)
VALUE(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 8)
VALUE(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 16)
VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 75)
VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 76)
VALUE(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 97)
VALUE(CU_POINTER_ATTRIBUTE_CONTEXT, 1)
VALUE(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 2)
VALUE(CU_POINTER_ATTRIBUTE_IS_MANAGED, 8)
VALUE(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, 9)
VALUE(CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, 11)
VALUE(CU_POINTER_ATTRIBUTE_RANGE_SIZE, 12)
VALUE(CU_MEMORYTYPE_DEVICE, 2)
VALUE(CU_STREAM_CAPTURE_STATUS_NONE, 0)
VALUE(CUDA_ERROR_INVALID_VALUE, 1)
VALUE(CUDA_ERROR_INVALID_CONTEXT, 201)
VALUE(CUDA_ERROR_OUT_OF_MEMORY, 2)
VALUE(CUDA_ERROR_ECC_UNCORRECTABLE, 214)
VALUE(CUDA_ERROR_NVLINK_UNCORRECTABLE, 220)
VALUE(CUDA_ERROR_CONTAINED, 226)
VALUE(CUDA_ERROR_NOT_READY, 600)
VALUE(CUDA_ERROR_ILLEGAL_ADDRESS, 700)
VALUE(CUDA_ERROR_LAUNCH_TIMEOUT, 702)
VALUE(CUDA_ERROR_CONTEXT_IS_DESTROYED, 709)
VALUE(CUDA_ERROR_ASSERT, 710)
VALUE(CUDA_ERROR_HARDWARE_STACK_ERROR, 714)
VALUE(CUDA_ERROR_ILLEGAL_INSTRUCTION, 715)
VALUE(CUDA_ERROR_MISALIGNED_ADDRESS, 716)
VALUE(CUDA_ERROR_INVALID_ADDRESS_SPACE, 717)
VALUE(CUDA_ERROR_INVALID_PC, 718)
VALUE(CUDA_ERROR_LAUNCH_FAILED, 719)
VALUE(CUDA_ERROR_UNKNOWN, 999)
