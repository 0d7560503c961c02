// What is called and said of cuDNN, in types of our own: int for every enum,
// void* for every handle, descriptor and stream. One list for the loader, which
// makes a table of it, and for headers.cpp, which holds it against NVIDIA's
// cudnn_graph.h.
//
// X(name, result, parameters) must be there, or the library is refused.
// Y(name, result, parameters) may be missing; what needs it is then done without.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define AG_CUDNN(X, Y)                                                               \
	X(cudnnGetVersion, size_t, (void))                                               \
	X(cudnnGetErrorString, const char *, (int))                                      \
	Y(cudnnGetLastErrorString, void, (char *, size_t))                               \
	X(cudnnCreate, int, (void **))                                                   \
	X(cudnnDestroy, int, (void *))                                                   \
	X(cudnnSetStream, int, (void *, void *))                                         \
	X(cudnnBackendCreateDescriptor, int, (int, void **))                             \
	X(cudnnBackendDestroyDescriptor, int, (void *))                                  \
	X(cudnnBackendSetAttribute, int, (void *, int, int, int64_t, const void *))      \
	X(cudnnBackendGetAttribute, int, (void *, int, int, int64_t, int64_t *, void *)) \
	X(cudnnBackendFinalize, int, (void *))                                           \
	X(cudnnBackendExecute, int, (void *, void *, void *))

// V(name, value): the values that are used of NVIDIA's enums.
#define AG_CUDNN_VALUES(V)                                        \
	V(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED, 4004) \
	V(CUDNN_DATA_FLOAT, 0)                                        \
	V(CUDNN_DATA_HALF, 2)                                         \
	V(CUDNN_DATA_BFLOAT16, 9)                                     \
	V(CUDNN_CROSS_CORRELATION, 1)                                 \
	V(CUDNN_POINTWISE_ADD, 0)                                     \
	V(CUDNN_POINTWISE_RELU_FWD, 100)                              \
	V(CUDNN_HEUR_MODE_FALLBACK, 2)                                \
	V(CUDNN_HEUR_MODE_A, 3)                                       \
	V(CUDNN_NUMERICAL_NOTE_TENSOR_CORE, 0)                        \
	V(CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS, 1)                \
	V(CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION, 2)        \
	V(CUDNN_NUMERICAL_NOTE_FFT, 3)                                \
	V(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC, 4)                   \
	V(CUDNN_NUMERICAL_NOTE_WINOGRAD, 5)                           \
	V(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4, 6)                  \
	V(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6, 7)                  \
	V(CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13, 8)                \
	V(CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP, 9)                    \
	V(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION, 0)                 \
	V(CUDNN_TYPE_HANDLE, 0)                                       \
	V(CUDNN_TYPE_DATA_TYPE, 1)                                    \
	V(CUDNN_TYPE_BOOLEAN, 2)                                      \
	V(CUDNN_TYPE_INT64, 3)                                        \
	V(CUDNN_TYPE_FLOAT, 4)                                        \
	V(CUDNN_TYPE_VOID_PTR, 6)                                     \
	V(CUDNN_TYPE_CONVOLUTION_MODE, 7)                             \
	V(CUDNN_TYPE_HEUR_MODE, 8)                                    \
	V(CUDNN_TYPE_KNOB_TYPE, 9)                                    \
	V(CUDNN_TYPE_NUMERICAL_NOTE, 11)                              \
	V(CUDNN_TYPE_POINTWISE_MODE, 14)                              \
	V(CUDNN_TYPE_BACKEND_DESCRIPTOR, 15)                          \
	V(CUDNN_TYPE_BEHAVIOR_NOTE, 19)                               \
	V(CUDNN_TYPE_CHAR, 24)                                        \
	V(CUDNN_BACKEND_POINTWISE_DESCRIPTOR, 0)                      \
	V(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, 1)                    \
	V(CUDNN_BACKEND_ENGINE_DESCRIPTOR, 2)                         \
	V(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, 3)                      \
	V(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, 4)                     \
	V(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, 5)                 \
	V(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, 7)                    \
	V(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, 10) \
	V(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, 13)           \
	V(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, 15)                \
	V(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, 16)                  \
	V(CUDNN_BACKEND_TENSOR_DESCRIPTOR, 17)                        \
	V(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, 38)                    \
	V(CUDNN_ATTR_POINTWISE_MODE, 0)                               \
	V(CUDNN_ATTR_POINTWISE_MATH_PREC, 1)                          \
	V(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, 100)                      \
	V(CUDNN_ATTR_CONVOLUTION_CONV_MODE, 101)                      \
	V(CUDNN_ATTR_CONVOLUTION_DILATIONS, 102)                      \
	V(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, 103)                 \
	V(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, 104)                  \
	V(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, 105)                   \
	V(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 106)                   \
	V(CUDNN_ATTR_ENGINEHEUR_MODE, 200)                            \
	V(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, 201)                 \
	V(CUDNN_ATTR_ENGINEHEUR_RESULTS, 202)                         \
	V(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, 204)                      \
	V(CUDNN_ATTR_ENGINECFG_ENGINE, 300)                           \
	V(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, 302)                     \
	V(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, 400)                      \
	V(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, 401)               \
	V(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 402)              \
	V(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, 407)                  \
	V(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, 600)                      \
	V(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, 601)                     \
	V(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, 700)        \
	V(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, 701)         \
	V(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, 702)    \
	V(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, 703)            \
	V(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, 704)            \
	V(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, 705)            \
	V(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, 750)          \
	V(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, 751)                  \
	V(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, 752)                  \
	V(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, 753)                  \
	V(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, 800)                      \
	V(CUDNN_ATTR_OPERATIONGRAPH_OPS, 801)                         \
	V(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 900)                      \
	V(CUDNN_ATTR_TENSOR_DATA_TYPE, 901)                           \
	V(CUDNN_ATTR_TENSOR_DIMENSIONS, 902)                          \
	V(CUDNN_ATTR_TENSOR_STRIDES, 903)                             \
	V(CUDNN_ATTR_TENSOR_UNIQUE_ID, 906)                           \
	V(CUDNN_ATTR_TENSOR_IS_VIRTUAL, 907)                          \
	V(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, 1000)                   \
	V(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, 1001)                \
	V(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, 1003)                    \
	V(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 1300)                    \
	V(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1301)                       \
	V(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, 1303)                     \
	V(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, 1305)                      \
	V(CUDNN_ATTR_ENGINE_DEVICEPROP, 1307)                         \
	V(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, 2702)
