package loaders

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// HostileSeeds returns the files of testdata/hostile.zip in these directories,
// in the order of the archive, for fuzzers to start from. The large ones are
// left out: they would make a fuzzer slow.
func HostileSeeds(t testing.TB, dirs ...string) [][]byte {
	t.Helper()
	z, err := zip.OpenReader("testdata/hostile.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var seeds [][]byte
	for _, m := range z.File {
		dir, _, _ := strings.Cut(m.Name, "/")
		if slices.Contains(dirs, dir) && m.UncompressedSize64 <= 8<<10 {
			seeds = append(seeds, entryOf(t, &z.Reader, m.Name))
		}
	}
	if len(seeds) < 10 {
		t.Fatalf("%d seeds in %q", len(seeds), dirs)
	}
	return seeds
}

// HostilePickles returns the pickles of these files in directories pickle and
// tensor, all of which are archives.
func HostilePickles(t testing.TB) [][]byte {
	t.Helper()
	var seeds [][]byte
	for _, data := range HostileSeeds(t, "pickle", "tensor") {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		seeds = append(seeds, entryOf(t, z, "a/data.pkl"))
	}
	return seeds
}

func entryOf(t testing.TB, z fs.FS, name string) []byte {
	t.Helper()
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
