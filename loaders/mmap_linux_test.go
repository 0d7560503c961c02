package loaders_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// copyOf writes a file of testdata to a directory of its own.
func copyOf(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, file(t, name), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func mapped(t *testing.T, path string) bool {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(maps), path)
}

// A tensor keeps the file mapped when its checkpoint is gone; when the tensor
// and its views are gone, too, the file is unmapped.
func TestMappingLifetime(t *testing.T) {
	path := copyOf(t, "plain.pth")
	view := func() *tensor.Tensor {
		c, err := loaders.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		x := values(t, c, "conv.weight")
		row, err := x.Index(1)
		if err != nil {
			t.Fatal(err)
		}
		return row
	}()
	for range 3 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	if !mapped(t, path) {
		t.Fatal("the file was unmapped while a view of a tensor was in use")
	}
	if want := values(t, open(t, "plain.pth"), "conv.weight").Bytes()[108:216]; string(view.Bytes()) != string(want) {
		t.Errorf("row %x, want %x", view.Bytes(), want)
	}
	runtime.KeepAlive(view)
	view = nil
	for start := time.Now(); mapped(t, path); runtime.GC() {
		if time.Since(start) > 10*time.Second {
			t.Fatal("the file is still mapped though nothing uses it")
		}
		time.Sleep(time.Millisecond)
	}
}

// What another program truncates under the map is an error where this package
// reads it; a copy is not touched by it.
func TestTruncatedUnderTheMap(t *testing.T) {
	path := copyOf(t, "views.pth")
	c, err := loaders.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	copied, err := loaders.Open(path, loaders.WithCopy())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Tensor("transpose"); err == nil || !strings.Contains(err.Error(), "damaged file") {
		t.Errorf("gathered from a truncated file: %v", err)
	}
	values(t, copied, "transpose")
}
