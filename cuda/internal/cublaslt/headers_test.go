//go:build linux && cgo && !nocuda

package cublaslt

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/argand-go/argand/cuda/internal/headertest"
)

var headers = flag.String("headers", "", "directories, between colons, with NVIDIA's cublasLt.h and library_types.h")

// TestHeaders holds functions.h against NVIDIA's headers, and mistakes in it, too.
func TestHeaders(t *testing.T) {
	if *headers == "" {
		t.Skip("NOT RUN: no headers of NVIDIA's; headers/headers.cpp says where they come from, -args -headers names them")
	}
	headertest.Run(t, "cublaslt", filepath.SplitList(*headers), []headertest.Mistake{
		{"a parameter too few", "(cublasLtCreate, int, (void **))", "(cublasLtCreate, int, (void))"},
		{"a narrow parameter", "int, uint64_t, uint64_t, int64_t", "int, uint64_t, uint64_t, int"},
		{"a number for a pointer", "(cublasLtDestroy, int, (void *))", "(cublasLtDestroy, int, (int64_t))"},
		{"a narrow result", "(cublasLtGetVersion, size_t, (void))", "(cublasLtGetVersion, int, (void))"},
		{"a function that there is not", "cublasLtMatmulAlgoCheck", "cublasLtMatmulAlgoChecks"},
		{"a wrong value", "CUBLAS_COMPUTE_32F_PEDANTIC, 69", "CUBLAS_COMPUTE_32F_PEDANTIC, 65"},
		{"a wrong flag", "IMPL_FLAGS_INPUT_32F, 0x80000", "IMPL_FLAGS_INPUT_32F, 0x40000"},
		{"a short structure", "int reserved[4];", "int reserved[2];"},
		{"members in another order", "size_t workspace;\n\tint state;", "int state;\n\tsize_t workspace;"},
	})
}
