// The functions of NVIDIA's driver that are called, in types of our own: int for
// every enum, void* for every handle, ag_ptr for CUdeviceptr. One list for the
// loader, which makes a table of it, and for headers.cpp, which holds it against
// NVIDIA's cuda.h.
//
// X(name, parameters) must be there, or the driver is refused as too old.
// Y(name, parameters) may be missing; what needs it is then not offered.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef uint64_t ag_ptr;

#define AG_DRIVER(X, Y)                                                                                        \
	X(cuInit, (unsigned))                                                                                      \
	X(cuDriverGetVersion, (int *))                                                                             \
	X(cuGetErrorName, (int, const char **))                                                                    \
	X(cuGetErrorString, (int, const char **))                                                                  \
	X(cuDeviceGetCount, (int *))                                                                               \
	X(cuDeviceGet, (int *, int))                                                                               \
	X(cuDeviceGetName, (char *, int, int))                                                                     \
	X(cuDeviceGetAttribute, (int *, int, int))                                                                 \
	X(cuDeviceTotalMem_v2, (size_t *, int))                                                                    \
	Y(cuDeviceGetUuid_v2, (void *, int))                                                                       \
	X(cuDevicePrimaryCtxRetain, (void **, int))                                                                \
	X(cuDevicePrimaryCtxRelease_v2, (int))                                                                     \
	X(cuCtxSetCurrent, (void *))                                                                               \
	X(cuCtxGetDevice, (int *))                                                                                 \
	X(cuMemGetInfo_v2, (size_t *, size_t *))                                                                   \
	X(cuMemAlloc_v2, (ag_ptr *, size_t))                                                                       \
	X(cuMemFree_v2, (ag_ptr))                                                                                  \
	X(cuMemHostAlloc, (void **, size_t, unsigned))                                                             \
	X(cuMemFreeHost, (void *))                                                                                 \
	X(cuMemcpyHtoDAsync_v2, (ag_ptr, const void *, size_t, void *))                                            \
	X(cuMemcpyDtoHAsync_v2, (void *, ag_ptr, size_t, void *))                                                  \
	X(cuMemcpyDtoDAsync_v2, (ag_ptr, ag_ptr, size_t, void *))                                                  \
	X(cuMemsetD8Async, (ag_ptr, unsigned char, size_t, void *))                                                \
	X(cuPointerGetAttributes, (unsigned, int *, void **, ag_ptr))                                              \
	X(cuStreamCreate, (void **, unsigned))                                                                     \
	X(cuStreamDestroy_v2, (void *))                                                                            \
	X(cuStreamSynchronize, (void *))                                                                           \
	X(cuStreamQuery, (void *))                                                                                 \
	X(cuStreamWaitEvent, (void *, void *, unsigned))                                                           \
	X(cuStreamGetCtx, (void *, void **))                                                                       \
	X(cuStreamIsCapturing, (void *, int *))                                                                    \
	X(cuStreamBeginCapture_v2, (void *, int))                                                                  \
	X(cuStreamEndCapture, (void *, void **))                                                                   \
	X(cuEventCreate, (void **, unsigned))                                                                      \
	X(cuEventDestroy_v2, (void *))                                                                             \
	X(cuEventRecord, (void *, void *))                                                                         \
	X(cuEventQuery, (void *))                                                                                  \
	X(cuEventSynchronize, (void *))                                                                            \
	X(cuEventElapsedTime, (float *, void *, void *))                                                           \
	X(cuModuleLoadDataEx, (void **, const void *, unsigned, int *, void **))                                   \
	X(cuModuleUnload, (void *))                                                                                \
	X(cuModuleGetFunction, (void **, void *, const char *))                                                    \
	X(cuFuncSetAttribute, (void *, int, int))                                                                  \
	Y(cuFuncGetParamInfo, (void *, size_t, size_t *, size_t *))                                                \
	X(cuLaunchKernel, (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *,   \
					   void **, void **))                                                                      \
	X(cuGraphInstantiateWithFlags, (void **, void *, unsigned long long))                                      \
	X(cuGraphLaunch, (void *, void *))                                                                         \
	X(cuGraphExecDestroy, (void *))                                                                            \
	X(cuGraphDestroy, (void *))                                                                                \
	X(cuGraphGetNodes, (void *, void **, size_t *))
