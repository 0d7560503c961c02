// What cudnn_graph.h wants of a header of CUDA's: names of handles.
#pragma once
#include <stddef.h>

typedef struct CUstream_st *cudaStream_t;
typedef struct CUgraph_st *cudaGraph_t;
