//go:build linux && cgo && !nocuda

package cublaslt

import (
	"errors"
	"flag"
	"testing"
)

var library = flag.String("library", "", "`FILE` of NVIDIA's cuBLASLt, which opens without a GPU")

// TestRealLibrary describes products of all kinds to the real library, which checks attributes, types and sizes.
func TestRealLibrary(t *testing.T) {
	if *library == "" {
		t.Skip("NOT RUN: no library of NVIDIA's; -args -library FILE names one")
	}
	l, err := Load(*library)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("cuBLASLt %v", l.Version)
	h, err := l.in(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Matmul{
		{Rows: 49, Depth: 64, Columns: 128, StrideX: 64, StrideW: 128, StrideY: 128, ReLU: true},
		{Rows: 49, Depth: 64, Columns: 92, StrideX: 64, StrideW: 64, StrideY: 92, OutputRows: true, TF32: true},
		{Rows: 1, Depth: 64, Columns: 128, StrideX: 64, StrideW: 64, StrideY: 128, OutputRows: true, In: BFloat16, Out: BFloat16},
		{Rows: 1, Depth: 64, Columns: 92, StrideX: 64, StrideW: 64, StrideY: 92, OutputRows: true, In: BFloat16},
		{Rows: 7, Depth: 8, Columns: 8, StrideX: 8, StrideW: 8, StrideY: 8, OutputRows: true, In: Float16, Out: Float16},
	} {
		p, err := h.describe(m)
		if err != nil {
			t.Fatalf("%+v: %v", m, err)
		}
		p.Close()
	}
	if _, err := h.Plans(Matmul{Rows: 1, Depth: 8, Columns: 8, StrideX: 8, StrideW: 8, StrideY: 8}, 1<<20, 4); err == nil {
		t.Error("plans without a handle")
	} else if _, ok := errors.AsType[*Error](err); !ok {
		t.Errorf("without a handle: %v; want an *Error", err)
	} else {
		t.Log(err)
	}
}
