// Holds functions.h against NVIDIA's own cublasLt.h, when compiled:
//
//	c++ -std=c++17 -fsyntax-only -I stub -I DIRECTORY -I DIRECTORY_OF_LIBRARY_TYPES_H headers.cpp
//
// fetch.py brings cublasLt.h and cublas_api.h into a directory. What they include comes with the wheel in
// ../../driver/headers/requirements.txt, or is in stub, as far as it is needed.
#include <cublasLt.h>

#include <cstddef>

#include "../../driver/headers/agree.h"
#include "../functions.h"

#define CHECK(name, result, parameters) static_assert(agree<decltype(&name), result(*) parameters>::value, #name);
AG_CUBLASLT(CHECK)

#define VALUE(name, v) static_assert(static_cast<long long>(name) == (v), #name);
AG_CUBLASLT_VALUES(VALUE)
AG_CUBLASLT_FLAGS(VALUE)

static_assert(sizeof(ag_algo) == sizeof(cublasLtMatmulAlgo_t), "ag_algo");
static_assert(sizeof(ag_result) == sizeof(cublasLtMatmulHeuristicResult_t), "ag_result");
static_assert(offsetof(ag_result, workspace) == offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize), "workspace");
static_assert(offsetof(ag_result, state) == offsetof(cublasLtMatmulHeuristicResult_t, state), "state");
