package loaders_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/argand-go/argand/loaders"
)

// An oldFile is what torch reads from a file of testdata/old.json, written by
// testdata/make_old.py.
type oldFile struct {
	Format string
	Inert  bool
	golden
	Tensors []struct {
		goldenTensor
		Strides []int
		Storage *int
	}
}

func oldFiles(t testing.TB) map[string]oldFile {
	t.Helper()
	var m map[string]oldFile
	if err := json.Unmarshal(file(t, "old.json"), &m); err != nil {
		t.Fatal(err)
	}
	if len(m) < 16 {
		t.Fatalf("old.json has %d files", len(m))
	}
	return m
}

// Older formats, whole modules, shards, NumPy values and big-endian files are
// read from every kind of source as torch reads them.
func TestOld(t *testing.T) {
	for name, want := range oldFiles(t) {
		var opts []loaders.Option
		if want.Inert {
			opts = append(opts, loaders.WithInert())
		}
		path, data := filepath.Join("testdata", name), file(t, name)
		copied := append(slices.Clone(opts), loaders.WithCopy())
		ways := map[string]func() (*loaders.Checkpoint, error){
			"mapped": func() (*loaders.Checkpoint, error) { return loaders.Open(path, opts...) },
			"copied": func() (*loaders.Checkpoint, error) { return loaders.Open(path, copied...) },
			"folder": func() (*loaders.Checkpoint, error) { return loaders.OpenFS(os.DirFS("testdata"), name, opts...) },
			"fs": func() (*loaders.Checkpoint, error) {
				files := fstest.MapFS{}
				for _, n := range append(shardNames, name) {
					files[n] = &fstest.MapFile{Data: file(t, n)}
				}
				return loaders.OpenFS(files, name, opts...)
			},
		}
		if filepath.Ext(name) != ".json" {
			ways["embedded"] = func() (*loaders.Checkpoint, error) { return loaders.OpenBytes(data, name, opts...) }
			ways["streamed"] = func() (*loaders.Checkpoint, error) {
				return loaders.OpenReader(bytes.NewReader(data), name, opts...)
			}
			ways["read"] = func() (*loaders.Checkpoint, error) {
				return loaders.OpenReaderAt(bytes.NewReader(data), int64(len(data)), name, opts...)
			}
		}
		for way, open := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				c, err := open()
				if err != nil {
					t.Fatal(err)
				}
				if c.Format() != want.Format {
					t.Errorf("format %q, want %q", c.Format(), want.Format)
				}
				g := want.golden
				for _, w := range want.Tensors {
					g.Tensors = append(g.Tensors, w.goldenTensor)
				}
				check(t, c, g)
				for _, w := range want.Tensors {
					i, _ := c.Info(w.Key)
					if w.Storage != nil && (i.Storage != *w.Storage || !slices.Equal(i.Strides, w.Strides)) {
						t.Errorf("Info(%q): strides %v in storage %d, want %v in %d",
							w.Key, i.Strides, i.Storage, w.Strides, *w.Storage)
					}
				}
			})
		}
	}
}

var shardNames = []string{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
	"pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"}
