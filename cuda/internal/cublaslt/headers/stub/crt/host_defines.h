// What cublasLt.h's headers want of one of the compiler's: marks that mean nothing to a C++ compiler.
#pragma once
#define __align__(n) __attribute__((aligned(n)))
#define __builtin_align__(n) __align__(n)
#define __cudart_builtin__
#define __device_builtin__
#define __device_builtin_texture_type__
#define __device_builtin_surface_type__
#define __host__
#define __device__
#define __forceinline__ inline
#define CUDARTAPI
