// What is called and said of cuBLASLt 12 and 13, in types of our own: int for
// every enum, void* for every handle, descriptor, layout and stream. One list for
// the loader, which makes a table of it, and for headers.cpp, which holds it
// against NVIDIA's cublasLt.h.
//
// X(name, result, parameters) must be there, or the library is refused.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define AG_CUBLASLT(X)                                                                                      \
	X(cublasLtGetVersion, size_t, (void))                                                                   \
	X(cublasLtGetStatusName, const char *, (int))                                                           \
	X(cublasLtGetStatusString, const char *, (int))                                                         \
	X(cublasLtCreate, int, (void **))                                                                       \
	X(cublasLtDestroy, int, (void *))                                                                       \
	X(cublasLtMatmulDescCreate, int, (void **, int, int))                                                   \
	X(cublasLtMatmulDescDestroy, int, (void *))                                                             \
	X(cublasLtMatmulDescSetAttribute, int, (void *, int, const void *, size_t))                             \
	X(cublasLtMatrixLayoutCreate, int, (void **, int, uint64_t, uint64_t, int64_t))                         \
	X(cublasLtMatrixLayoutDestroy, int, (void *))                                                           \
	X(cublasLtMatmulPreferenceCreate, int, (void **))                                                       \
	X(cublasLtMatmulPreferenceDestroy, int, (void *))                                                       \
	X(cublasLtMatmulPreferenceSetAttribute, int, (void *, int, const void *, size_t))                       \
	X(cublasLtMatmulAlgoGetHeuristic, int, (void *, void *, void *, void *, void *, void *, void *, int,    \
											ag_result *, int *))                                            \
	X(cublasLtMatmulAlgoCheck, int, (void *, void *, void *, void *, void *, void *, const ag_algo *,       \
									 ag_result *))                                                          \
	X(cublasLtMatmulAlgoCapGetAttribute, int, (const ag_algo *, int, void *, size_t, size_t *))             \
	X(cublasLtMatmulAlgoConfigGetAttribute, int, (const ag_algo *, int, void *, size_t, size_t *))          \
	X(cublasLtMatmul, int, (void *, void *, const void *, const void *, void *, const void *, void *,       \
							const void *, const void *, void *, void *, void *, const ag_algo *, void *,    \
							size_t, void *))

// V(name, value): the values that are used of NVIDIA's enums.
#define AG_CUBLASLT_VALUES(V)                        \
	V(CUBLAS_STATUS_SUCCESS, 0)                      \
	V(CUBLAS_STATUS_ALLOC_FAILED, 3)                 \
	V(CUBLAS_STATUS_NOT_SUPPORTED, 15)               \
	V(CUDA_R_32F, 0)                                 \
	V(CUDA_R_16F, 2)                                 \
	V(CUDA_R_16BF, 14)                               \
	V(CUBLAS_OP_N, 0)                                \
	V(CUBLAS_OP_T, 1)                                \
	V(CUBLAS_COMPUTE_32F, 68)                        \
	V(CUBLAS_COMPUTE_32F_PEDANTIC, 69)               \
	V(CUBLAS_COMPUTE_32F_FAST_TF32, 77)              \
	V(CUBLASLT_MATMUL_DESC_TRANSA, 3)                \
	V(CUBLASLT_MATMUL_DESC_EPILOGUE, 7)              \
	V(CUBLASLT_MATMUL_DESC_BIAS_POINTER, 8)          \
	V(CUBLASLT_EPILOGUE_BIAS, 4)                     \
	V(CUBLASLT_EPILOGUE_RELU_BIAS, 6)                \
	V(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1)   \
	V(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, 3) \
	V(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 6) \
	V(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 7) \
	V(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 8) \
	V(CUBLASLT_MATMUL_PREF_IMPL_MASK, 12)            \
	V(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE, 2)     \
	V(CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS, 15)    \
	V(CUBLASLT_ALGO_CONFIG_ID, 0)                    \
	V(CUBLASLT_ALGO_CONFIG_TILE_ID, 1)               \
	V(CUBLASLT_ALGO_CONFIG_SPLITK_NUM, 2)

// The flags of CUBLASLT_ALGO_CAP_NUMERICAL_IMPL_FLAGS are macros of 64 bits there.
#define AG_CUBLASLT_FLAGS(V)                                \
	V(CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA, 0x1)               \
	V(CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_16F, 0x100) \
	V(CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F, 0x200) \
	V(CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F, 0x80000)

typedef struct ag_algo { uint64_t data[8]; } ag_algo; // cublasLtMatmulAlgo_t

typedef struct ag_result { // cublasLtMatmulHeuristicResult_t
	ag_algo algo;
	size_t workspace;
	int state;
	float waves;
	int reserved[4];
} ag_result;
