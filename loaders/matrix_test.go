package loaders_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// A matrixFile is what torch read from a file of testdata/matrix; both were
// written by testdata/matrix_make.py.
type matrixFile struct {
	Tensors []struct {
		Key, DType, Hex string
		Shape           tensor.Shape
	}
	Ignored  []string
	Versions map[string]int
	Inert    bool // names classes of modules
}

// listedTypes are those that no tensor holds: tensors of them are listed with
// their shapes, and refused by name when they are asked for.
var listedTypes = []string{"float8_e4m3fn", "float8_e5m2"}

// TestMatrix holds every file of the matrix, which real torch wrote, against
// what torch itself reads from it: format × type × view × wrapper × protocol.
func TestMatrix(t *testing.T) {
	var files map[string]matrixFile
	if err := json.Unmarshal(file(t, "matrix.json"), &files); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir("testdata/matrix")
	if err != nil || len(names) != len(files) || len(files) < 140 {
		t.Fatalf("%d files, %d in the golden file, %v", len(names), len(files), err)
	}
	read, compared := 0, 0
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "matrix", name)
			c, err := loaders.Open(path)
			if want.Inert {
				var g *loaders.GlobalError
				if !errors.As(err, &g) || !strings.HasPrefix(g.Module, "torch.nn.modules.") {
					t.Errorf("%v, want a GlobalError of a module", err)
				}
				c, err = loaders.Open(path, loaders.WithInert())
			}
			if err != nil {
				t.Fatal(err)
			}
			compared += compare(t, c, want)
			read++
		})
	}
	t.Logf("%d of %d files read, %d tensors compared", read, len(files), compared)
	if read != len(files) || compared < 450 {
		t.Errorf("only %d of %d files read, %d tensors compared", read, len(files), compared)
	}
}

// compare holds c against want and returns the number of tensors whose bits
// it compared. Then it writes c in both formats and compares again.
func compare(t *testing.T, c *loaders.Checkpoint, want matrixFile) int {
	t.Helper()
	var keys []string
	n, complex128 := 0, false
	for _, w := range want.Tensors {
		keys = append(keys, w.Key)
		complex128 = complex128 || w.DType == "complex128"
		info, ok := c.Info(w.Key)
		if !ok || info.Type != w.DType || !info.Shape.Equal(w.Shape) {
			t.Errorf("Info(%q) = %+v, %v; want %s %v", w.Key, info, ok, w.DType, w.Shape)
			continue
		}
		x, err := c.Tensor(w.Key)
		if slices.Contains(listedTypes, w.DType) {
			var e *loaders.TypeError
			if !errors.As(err, &e) || e.Type != w.DType {
				t.Errorf("Tensor(%q): %v, want a TypeError; is %s read now?", w.Key, err, w.DType)
			}
			continue
		}
		if err != nil {
			t.Errorf("Tensor(%q): %v", w.Key, err)
			continue
		}
		bits, err := hex.DecodeString(w.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if x.DType().String() != w.DType || !x.Shape().Equal(w.Shape) || !bytes.Equal(x.Bytes(), bits) {
			t.Errorf("Tensor(%q) = %v %x, want %s %v %s", w.Key, x, x.Bytes(), w.DType, w.Shape, w.Hex)
		}
		n++
	}
	if !slices.Equal(c.Keys(), keys) {
		t.Errorf("keys %q, want %q", c.Keys(), keys)
	}
	if !slices.Equal(c.Ignored(), want.Ignored) {
		t.Errorf("ignored %q, want %q", c.Ignored(), want.Ignored)
	}
	for prefix, v := range want.Versions {
		if want.Inert { // the versions of modules are in their classes
			break
		}
		if got, ok := c.Version(prefix); !ok || got != v {
			t.Errorf("Version(%q) = %d, %v, want %d", prefix, got, ok, v)
		}
	}
	readable := without(t, c)
	for _, f := range formats {
		if f.ext == ".safetensors" && complex128 {
			if err := f.write(io.Discard, readable); err == nil {
				t.Error("complex128 in safetensors")
			}
			continue
		}
		same(t, reopen(t, write(t, f.ext, readable)), readable, f.ext == ".safetensors")
	}
	return n
}
