package loaders_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"testing"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// A disk keeps small writes and takes large ones for zeros.
type disk struct {
	size   int64
	chunks [][]byte
	begins []int64
}

func (d *disk) Write(b []byte) (int, error) {
	if len(b) < 1<<20 {
		d.begins = append(d.begins, d.size)
		d.chunks = append(d.chunks, append([]byte(nil), b...))
	}
	d.size += int64(len(b))
	return len(b), nil
}

func (d *disk) ReadAt(b []byte, off int64) (int, error) {
	if off > d.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), d.size-off))
	clear(b[:n])
	first := sort.Search(len(d.begins), func(i int) bool { return d.begins[i]+int64(len(d.chunks[i])) > off })
	for i := first; i < len(d.begins) && d.begins[i] < off+int64(n); i++ {
		if from := d.begins[i] - off; from >= 0 {
			copy(b[from:n], d.chunks[i])
		} else {
			copy(b[:n], d.chunks[i][-from:])
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// A lazy makes its tensors when they are asked for.
type lazy struct {
	large *tensor.Tensor
	n     int
}

func (l lazy) Keys() []string {
	keys := []string{"first"}
	for i := range l.n {
		keys = append(keys, fmt.Sprintf("blocks.%d.weight", i))
	}
	return append(keys, "last")
}

func (l lazy) Info(key string) (loaders.Info, bool) {
	t, err := l.Tensor(key)
	if err != nil {
		return loaders.Info{}, false
	}
	return loaders.Info{DType: t.DType(), Shape: t.Shape()}, true
}

func (l lazy) Tensor(key string) (*tensor.Tensor, error) {
	switch key {
	case "first":
		return tensor.Of([]int32{1, 2, 3}, 3)
	case "last":
		return tensor.Of([]int32{4, 5, 6}, 3)
	}
	return l.large, nil
}

// A file of 4.4 GB needs no memory but for its directory, and is a correct
// zip64 archive.
func TestWriteLarge(t *testing.T) {
	large, err := tensor.New(tensor.Uint8, 1<<26)
	if err != nil {
		t.Fatal(err)
	}
	source := lazy{large, 66}
	for _, f := range formats {
		var d disk
		n := allocated(func() { err = f.write(&d, source) })
		if err != nil {
			t.Fatal(err)
		}
		if d.size < 66<<26 || n > 1<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", f.ext, n, d.size)
		}
		c, err := loaders.OpenReaderAt(&d, d.size, "large")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range []string{"first", "last"} {
			want, err := source.Tensor(k)
			if err != nil {
				t.Fatal(err)
			}
			if got := values(t, c, k); string(got.Bytes()) != string(want.Bytes()) {
				t.Errorf("%s: %s is %x, want %x", f.ext, k, got.Bytes(), want.Bytes())
			}
		}
		for _, k := range c.Keys() {
			i, _ := c.Info(k)
			align := int64(tensor.Alignment)
			if f.ext == ".safetensors" {
				align = int64(i.DType.Size())
			}
			if i.Offset%align != 0 {
				t.Errorf("%s: %s at byte %d", f.ext, k, i.Offset)
			}
		}
		if i, _ := c.Info("last"); f.ext == ".pth" && i.Offset < 1<<32 {
			t.Errorf("last tensor at byte %d, below 4 GiB", i.Offset)
		}
	}
}

// A source that is truncated under its map while it is written is an error
// where maps are used, and nothing is left behind.
func TestWriteFromTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "source")
	var d loaders.StateDict
	x, err := tensor.New(tensor.Float32, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	d.Set("w", x)
	if err := loaders.SaveTorch(path, &d); err != nil {
		t.Fatal(err)
	}
	c, err := loaders.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("Windows does not truncate open files")
		}
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range formats {
		err := f.save(filepath.Join(dir, "out"), c)
		var w *loaders.WriteError
		if runtime.GOOS == "linux" && !errors.As(err, &w) {
			t.Errorf("%s: %v, want a WriteError", f.ext, err)
		}
		if left, err := os.ReadDir(dir); runtime.GOOS == "linux" && (err != nil || len(left) != 0) {
			t.Errorf("left behind: %v, %v", left, err)
		}
	}
	runtime.KeepAlive(c)
}
