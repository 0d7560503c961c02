package beamio

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() { register.Function1x1(nameOfPicture) }

func nameOfPicture(p Picture) string { return p.Name }

// writeMem writes a file of memfs, which the pipelines of this process read.
func writeMem(t *testing.T, path, content string) {
	fs, err := filesystem.New(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := filesystem.Write(t.Context(), fs, path, []byte(content)); err != nil {
		t.Fatal(err)
	}
}

// TestListImages reads a list as editors write it, locally and from memory.
func TestListImages(t *testing.T) {
	const content = "\uFEFFa.jpg\r\n\r\ngs://b/c d#e.png\n\n é.png \nlast"
	dir := t.TempDir()
	write(t, dir, "list.txt", []byte(content))
	writeMem(t, "memfs://lists/list.txt", content)
	for name, list := range map[string]string{"local": filepath.Join(dir, "list.txt"), "mem": "memfs://lists/list.txt"} {
		p, s := beam.NewPipelineWithRoot()
		collect(s, "list "+name, beam.ParDo(s, nameOfPicture, ListImages(s, list)))
		run(t, p)
		equal(t, name, sorted(got("list "+name)), sorted([]string{"a.jpg", "gs://b/c d#e.png", " é.png ", "last"}))
	}
}

func TestListImagesFails(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "bytes.txt", []byte("a\nb\xff\n"))
	write(t, dir, "long.txt", []byte("a\n"+strings.Repeat("x", maxListedName+1)))
	for name, want := range map[string]string{"bytes.txt": "line 2 is not UTF-8", "long.txt": "line 2", "none.txt": "no such file"} {
		err := listedPictures(t.Context(), filepath.Join(dir, name), func(Picture) {})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := listedPictures(ctx, filepath.Join(dir, "bytes.txt"), func(Picture) { t.Error("emitted") }); err == nil {
		t.Error("read on after the end of the context")
	}
}
