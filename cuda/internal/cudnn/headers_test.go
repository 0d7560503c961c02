//go:build linux && cgo && !nocuda

package cudnn

import (
	"flag"
	"testing"

	"github.com/argand-go/argand/cuda/internal/headertest"
)

var headers = flag.String("headers", "", "directory with NVIDIA's cudnn_graph.h, which headers/fetch.py brings")

// TestHeaders holds functions.h against NVIDIA's headers, and mistakes in it, too.
func TestHeaders(t *testing.T) {
	if *headers == "" {
		t.Skip("NOT RUN: no headers of NVIDIA's; headers/fetch.py DIRECTORY brings them, -args -headers DIRECTORY names them")
	}
	headertest.Run(t, "cudnn", []string{*headers}, []headertest.Mistake{
		{"a parameter too few", "(cudnnCreate, int, (void **))", "(cudnnCreate, int, (void))"},
		{"a parameter too many", "(cudnnBackendFinalize, int, (void *))", "(cudnnBackendFinalize, int, (void *, int))"},
		{"a narrow parameter", "int, int, int64_t, const void *", "int, int, int, const void *"},
		{"a number for a pointer", "(cudnnDestroy, int, (void *))", "(cudnnDestroy, int, (int64_t))"},
		{"a pointer to a narrow number", "int64_t, int64_t *, void *", "int64_t, int *, void *"},
		{"a narrow result", "(cudnnGetVersion, size_t, (void))", "(cudnnGetVersion, int, (void))"},
		{"a result that there is not", "(cudnnGetLastErrorString, void, ", "(cudnnGetLastErrorString, int, "},
		{"a function that there is not", "cudnnSetStream", "cudnnSetStreams"},
		{"a wrong value", "CUDNN_TYPE_NUMERICAL_NOTE, 11", "CUDNN_TYPE_NUMERICAL_NOTE, 16"},
		{"another's value", "CUDNN_DATA_HALF, 2", "CUDNN_DATA_HALF, 9"},
		{"a value that there is not", "CUDNN_HEUR_MODE_A, 3", "CUDNN_HEUR_MODE_C, 3"},
	})
}
