package loaders_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/argand-go/argand/loaders"
)

// TestHostileCorpus opens every file of testdata/hostile.zip, which
// testdata/hostile_make.py wrote, in memory and through a reader, or an index of
// shards in a directory with shards, and takes every tensor and every other
// value that it lists. Each must end in the error that its maker says,
// without a panic, in a second, and allocate at most 64 MiB or four times the
// file altogether, what was freed again included.
func TestHostileCorpus(t *testing.T) {
	z, err := zip.OpenReader("testdata/hostile.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	content := func(name string) []byte {
		r, err := z.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var index []struct{ File, Error, Text string }
	if err := json.Unmarshal(content("index.json"), &index); err != nil {
		t.Fatal(err)
	}
	if len(index) < 850 || len(z.File) != len(index)+1 {
		t.Fatalf("%d files, %d in the index", len(z.File), len(index))
	}
	folder := fstest.MapFS{"secret": {Data: content("sound/shard_a")}}
	for _, c := range index {
		for _, dir := range []string{"sound/shard_", "index_shard/"} {
			if name, ok := strings.CutPrefix(c.File, dir); ok {
				folder["d/"+name] = &fstest.MapFile{Data: content(c.File)}
			}
		}
	}
	for _, c := range index {
		t.Run(c.File, func(t *testing.T) {
			data := content(c.File)
			ways := map[string]func() (*loaders.Checkpoint, error){
				"memory": func() (*loaders.Checkpoint, error) { return loaders.OpenBytes(data, "f") },
				"reader": func() (*loaders.Checkpoint, error) {
					return loaders.OpenReaderAt(bytes.NewReader(data), int64(len(data)), "f")
				},
				"inert": func() (*loaders.Checkpoint, error) { return loaders.OpenBytes(data, "f", loaders.WithInert()) },
			}
			if strings.HasPrefix(c.File, "index/") || c.File == "sound/index" {
				folder["d/index.json"] = &fstest.MapFile{Data: data}
				ways = map[string]func() (*loaders.Checkpoint, error){
					"folder": func() (*loaders.Checkpoint, error) { return loaders.OpenFS(opened{folder, t}, "d/index.json") },
				}
			}
			for way, open := range ways {
				var err error
				var took time.Duration
				most := max(64<<20, 4*uint64(len(data)))
				for range 3 { // a busy machine may need several tries
					start := time.Now()
					n := allocated(func() {
						var c *loaders.Checkpoint
						if c, err = open(); err == nil {
							err = takeAll(t, c)
						}
					})
					if n > most {
						t.Errorf("%s: %d bytes allocated for a file of %d", way, n, len(data))
					}
					if took = time.Since(start); took < slowdown*time.Second {
						break
					}
				}
				if took > slowdown*time.Second {
					t.Errorf("%s: %v", way, took)
				}
				typed(t, err)
				if way == "inert" && c.Error != "none" {
					if c.Error != "GlobalError" && err == nil {
						t.Error("inert: no error, where no global is at fault")
					}
				} else if c.Error == "none" {
					if err != nil {
						t.Errorf("%s: a sound file: %v", way, err)
					}
				} else if got := nameOf(err); got != c.Error {
					t.Errorf("%s: %s, want %s: %v", way, got, c.Error, err)
				} else if !strings.Contains(err.Error(), c.Text) {
					t.Errorf("%s: %v, want %q", way, err, c.Text)
				}
				if err != nil && len(err.Error()) > 1500 {
					t.Errorf("%s: an error of %d bytes", way, len(err.Error()))
				}
				if err != nil && strings.Contains(err.Error(), "runtime error") {
					t.Errorf("%s: a panic was recovered: %v", way, err)
				}
			}
		})
	}
}

// nameOf returns the name of the type of an error of the package.
func nameOf(err error) string {
	var f *loaders.FormatError
	var g *loaders.GlobalError
	var l *loaders.LimitError
	var y *loaders.TypeError
	switch {
	case errors.As(err, &g):
		return "GlobalError"
	case errors.As(err, &l):
		return "LimitError"
	case errors.As(err, &y):
		return "TypeError"
	case errors.As(err, &f):
		return "FormatError"
	}
	return ""
}
