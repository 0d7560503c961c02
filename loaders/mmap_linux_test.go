package loaders_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
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

// A fromFiles opens the file of a tensor when the tensor is due, and keeps
// nothing.
type fromFiles struct {
	path string
	info loaders.Info
}

func (f fromFiles) Keys() []string                   { return []string{f.info.Key} }
func (f fromFiles) Info(string) (loaders.Info, bool) { return f.info, true }

func (f fromFiles) Tensor(key string) (*tensor.Tensor, error) {
	c, err := loaders.Open(f.path)
	if err != nil {
		return nil, err
	}
	return c.Tensor(key)
}

// writerFunc is an io.Writer.
type writerFunc func(b []byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// A tensor that only the writer knows stays mapped while it is written.
func TestMappedWhileWritten(t *testing.T) {
	path := copyOf(t, "plain.pth")
	info, _ := open(t, "plain.pth").Info("conv.weight")
	written := false
	w := writerFunc(func(b []byte) (int, error) {
		if int64(len(b)) != info.Bytes {
			return len(b), nil
		}
		written = true
		for range 10 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		if !mapped(t, path) {
			t.Error("the file was unmapped while its tensor was written")
		}
		return len(b), nil
	})
	if err := loaders.WriteSafetensors(w, fromFiles{path, info}); err != nil || !written {
		t.Errorf("%v, %v", err, written)
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

// truncated tells a child process which file to lose under its feet, and
// whether it is to copy it.
var truncated = flag.String("truncated", "", "for a child process of the tests")

// A program that reads a tensor of a mapped file after another one truncated
// it ends with a bus error, which no library can turn into an error; WithCopy
// reads on. The child process is this test.
func TestTruncatedInAChild(t *testing.T) {
	if *truncated != "" {
		var opts []loaders.Option
		path, copied := strings.CutPrefix(*truncated, "copy:")
		if copied {
			opts = append(opts, loaders.WithCopy())
		}
		c, err := loaders.Open(path, opts...)
		if err != nil {
			t.Fatal(err)
		}
		x := values(t, c, "w")
		if err := os.Truncate(path, 4096); err != nil {
			t.Fatal(err)
		}
		if sum := x.Bytes()[x.Len()*4-1]; sum != 0xff {
			t.Fatalf("the last byte is %d", sum)
		}
		return
	}
	for _, way := range []string{"", "copy:"} {
		data := zipOf(t, nil, dict("w", floats("0", 1<<16)), map[string]int{"0": 4 << 16})
		path := filepath.Join(t.TempDir(), "w.pth")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(os.Args[0], "-test.run=^TestTruncatedInAChild$", "-truncated="+way+path).CombinedOutput()
		if way != "" {
			if err != nil {
				t.Errorf("a copy: %v\n%s", err, out)
			}
			continue
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(string(out), "SIGBUS") {
			t.Errorf("a mapping: %v, want a bus error\n%s", err, out)
		}
	}
}
