//go:build linux && cgo && !nocuda

package cudnn

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var headers = flag.String("headers", "", "directory with NVIDIA's cudnn_graph.h, which headers/fetch.py brings")

// TestHeaders holds functions.h against NVIDIA's header, and then with a mistake at a time, each of which must be found.
func TestHeaders(t *testing.T) {
	if *headers == "" {
		t.Skip("NOT RUN: no headers of NVIDIA's; headers/fetch.py DIRECTORY brings them, -args -headers DIRECTORY names them")
	}
	real, err := filepath.Abs(*headers)
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile("functions.h")
	if err != nil {
		t.Fatal(err)
	}
	compile := func(t *testing.T, list []byte) ([]byte, error) {
		dir := t.TempDir()
		err := os.CopyFS(filepath.Join(dir, "driver/headers"), os.DirFS("../driver/headers"))
		if err == nil {
			err = os.CopyFS(filepath.Join(dir, "cudnn/headers"), os.DirFS("headers"))
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "cudnn/functions.h"), list, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("c++", "-std=c++17", "-fsyntax-only", "-I", real, "-I", "stub", "headers.cpp")
		cmd.Dir = filepath.Join(dir, "cudnn/headers")
		return cmd.CombinedOutput()
	}
	if out, err := compile(t, list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, m := range []struct{ name, was, is string }{
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
