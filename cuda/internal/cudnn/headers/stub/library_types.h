// What cudnn_graph.h wants of a header of CUDA's: the name of an enum.
#pragma once
typedef enum libraryPropertyType_t { MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL } libraryPropertyType;
