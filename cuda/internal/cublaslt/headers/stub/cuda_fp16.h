// What cublasLt.h's headers want of this one: the name of a type.
#pragma once
struct __half;
