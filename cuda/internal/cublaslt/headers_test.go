//go:build linux && cgo && !nocuda

package cublaslt

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var headers = flag.String("headers", "", "directories, between colons, with NVIDIA's cublasLt.h and library_types.h")

// TestHeaders holds functions.h against NVIDIA's headers, and then with a mistake at a time, each of which must be found.
func TestHeaders(t *testing.T) {
	if *headers == "" {
		t.Skip("NOT RUN: no headers of NVIDIA's; headers/headers.cpp says where they come from, -args -headers names them")
	}
	list, err := os.ReadFile("functions.h")
	if err != nil {
		t.Fatal(err)
	}
	compile := func(t *testing.T, list []byte) ([]byte, error) {
		dir := t.TempDir()
		err := os.CopyFS(filepath.Join(dir, "driver/headers"), os.DirFS("../driver/headers"))
		if err == nil {
			err = os.CopyFS(filepath.Join(dir, "cublaslt/headers"), os.DirFS("headers"))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "cublaslt/functions.h"), list, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		args := []string{"-std=c++17", "-fsyntax-only", "-I", "stub"}
		for _, d := range filepath.SplitList(*headers) {
			real, err := filepath.Abs(d)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, "-I", real)
		}
		cmd := exec.Command("c++", append(args, "headers.cpp")...)
		cmd.Dir = filepath.Join(dir, "cublaslt/headers")
		return cmd.CombinedOutput()
	}
	if out, err := compile(t, list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, m := range []struct{ name, was, is string }{
		{"a parameter too few", "(cublasLtCreate, int, (void **))", "(cublasLtCreate, int, (void))"},
		{"a narrow parameter", "int, uint64_t, uint64_t, int64_t", "int, uint64_t, uint64_t, int"},
		{"a number for a pointer", "(cublasLtDestroy, int, (void *))", "(cublasLtDestroy, int, (int64_t))"},
		{"a narrow result", "(cublasLtGetVersion, size_t, (void))", "(cublasLtGetVersion, int, (void))"},
		{"a function that there is not", "cublasLtMatmulAlgoCheck", "cublasLtMatmulAlgoChecks"},
		{"a wrong value", "CUBLAS_COMPUTE_32F_PEDANTIC, 69", "CUBLAS_COMPUTE_32F_PEDANTIC, 65"},
		{"a wrong flag", "IMPL_FLAGS_INPUT_32F, 0x80000", "IMPL_FLAGS_INPUT_32F, 0x40000"},
		{"a short structure", "int reserved[4];", "int reserved[2];"},
		{"members in another order", "size_t workspace;\n\tint state;", "int state;\n\tsize_t workspace;"},
	} {
		t.Run(m.name, func(t *testing.T) {
			if n := bytes.Count(list, []byte(m.was)); n != 1 {
				t.Fatalf("functions.h has %q %d times", m.was, n)
			}
			if _, err := compile(t, bytes.Replace(list, []byte(m.was), []byte(m.is), 1)); err == nil {
				t.Error("it was not found")
			}
		})
	}
}
