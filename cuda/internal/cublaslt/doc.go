// Package cublaslt calls NVIDIA's library of matrix products, libcublasLt, which
// it opens when the program runs: neither its headers nor the library are needed
// to build.
//
// Read functions.h first, the list of the functions that are called and of the
// values that are used; cublaslt.h and cublaslt.c, which make each call in its
// context; library.go (opening), and matmul.go (finding plans for a product, and
// running them).
//
// The library is column-major and we are row-major: it is told of the transposed
// product, which lies in memory in just the same way.
//
// Without cgo, with the build tag nocuda, and on anything but Linux only errors.go
// is there.
package cublaslt
