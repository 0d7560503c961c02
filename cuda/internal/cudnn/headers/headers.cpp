// Holds the functions and the values of functions.h against NVIDIA's own cudnn_graph.h, when compiled:
//
//	c++ -std=c++17 -fsyntax-only -I DIRECTORY -I stub headers.cpp
//
// fetch.py brings the header into a directory. What it includes of CUDA's own is in stub, as far as it is needed.
#include <cudnn_graph.h>

#include "../../driver/headers/agree.h"
#include "../functions.h"

#define CHECK(name, result, parameters) static_assert(agree<decltype(&name), result(*) parameters>::value, #name);
AG_CUDNN(CHECK, CHECK)

#define VALUE(name, v) static_assert(static_cast<long long>(name) == (v), #name);
AG_CUDNN_VALUES(VALUE)

static_assert(CUDNN_MAJOR == 9, "the headers are of the major version that is used");
