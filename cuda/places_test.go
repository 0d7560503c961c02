//go:build linux && cgo && !nocuda

package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFind lays libraries out as pip does, for a Python in PATH that is a link to another, and looks at the order of what
// is tried: the loader first, then the environment, then the Python that it was made from, and nothing twice.
func TestFind(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	write := func(path string) string {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o700)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(path, to string) {
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	python := write("python/bin/python3")
	link("venv/bin/python3", python)
	t.Setenv("PATH", filepath.Join(root, "venv/bin"))
	inVenv := write("venv/lib/python3.12/site-packages/nvidia/cudnn/lib/libcudnn.so.9")
	inPython := write("python/lib/python3/dist-packages/nvidia/cudnn/lib/libcudnn.so.9")
	old, later := write("toolkit/cuda-12.9/libcudnn.so.9"), write("toolkit/cuda-13.0/libcudnn.so.9")
	link("linked/libcudnn.so.9", later)
	f := foreign{"cuDNN", []string{"libcudnn.so.10", "libcudnn.so.9"}, true,
		[]string{filepath.Join(root, "toolkit/cuda-*"), filepath.Join(root, "linked"), filepath.Join(root, "nothing")}}

	refused := errors.New("refused")
	all := []string{"libcudnn.so.10", "libcudnn.so.9", inVenv, inPython, later, old}
	for n := range len(all) + 1 { // the n-th can be loaded
		var loaded []string
		found, ok, tried := find(&f, "", func(path string) (string, error) {
			if loaded = append(loaded, path); len(loaded) <= n {
				return "", refused
			}
			return path, nil
		})
		if want := all[:min(n+1, len(all))]; !slices.Equal(loaded, want) {
			t.Errorf("tried %v, want %v", loaded, want)
		}
		if ok != (n < len(all)) || ok && found != all[n] {
			t.Errorf("found %s, %v", found, ok)
		}
		files := 0
		for _, err := range tried {
			if e, none := errors.AsType[*NoFileError](err); none {
				files++
				if !strings.HasSuffix(err.Error(), ": no libcudnn.so.10, no libcudnn.so.9") || strings.Contains(e.Folder, "toolkit") {
					t.Error(err)
				}
			}
		}
		if len(tried)-files != n {
			t.Errorf("%d of %v were refused; want %d", len(tried)-files, tried, n)
		}
		if n == len(all) && files == 0 {
			t.Error("nothing is said of places that have no file")
		}
	}
	found, ok, tried := find(&f, "/given", func(path string) (string, error) { return path, refused })
	if ok || found != "/given" || len(tried) != 1 {
		t.Errorf("%s, %v, %v", found, ok, tried)
	}
}
