package loaders_test

import (
	"archive/zip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argand-go/argand/loaders"
)

// small keeps the fuzzers to inputs that end soon.
var small = loaders.WithLimits(loaders.Limits{PickleOps: 20000, PickleMemory: 16 << 20, Entries: 20000,
	Inflated: 4 << 20, Gathered: 4 << 20, PickleBytes: 1 << 20})

// fuzzed opens data and fails on a recovered panic, but for the one that
// gopickle's dictionaries raise for unhashable keys.
func fuzzed(t *testing.T, data []byte) {
	err := touch(t, data, small)
	if err != nil && strings.Contains(err.Error(), "runtime error") && !strings.Contains(err.Error(), "unhashable") {
		t.Errorf("a panic was recovered: %v", err)
	}
}

func FuzzZip(f *testing.F) {
	names, err := filepath.Glob("testdata/*.pth")
	if err != nil || len(names) < 20 {
		f.Fatal(err, names)
	}
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(fuzzed)
}

func FuzzPickle(f *testing.F) {
	f.Add(dict("w", floats("0", 6)))
	f.Add(global("collections", "OrderedDict") + ")R}" + str("_metadata") + "}sb")
	f.Add(global("builtins", "set") + "(](K\x01K\x02etR")
	f.Add("]q\x00h\x00a")
	for _, name := range []string{"plain.pth", "nested.pth", "views.pth", "types.pth", "protocol4.pth", "protocol1.pth"} {
		z, err := zip.OpenReader("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range z.File {
			if strings.HasSuffix(m.Name, "/data.pkl") {
				r, err := m.Open()
				if err != nil {
					f.Fatal(err)
				}
				b := make([]byte, m.UncompressedSize64)
				if _, err := r.Read(b); err != nil && err.Error() != "EOF" {
					f.Fatal(err)
				}
				f.Add(strings.TrimSuffix(string(b), "."))
			}
		}
		z.Close()
	}
	sizes := map[string]int{"0": 24, "1": 432, "2": 16, "3": 480, "4": 8}
	f.Fuzz(func(t *testing.T, body string) { fuzzed(t, zipOf(t, nil, body, sizes)) })
}

func FuzzSafetensors(f *testing.F) {
	f.Add(string(file(f, "plain.safetensors")[8:]), uint8(0))
	f.Add("{"+tensorHeader("a", "F32", "[2]", 0, 8)+"}", uint8(8))
	f.Add(`{"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}} `, uint8(1))
	f.Fuzz(func(t *testing.T, header string, n uint8) {
		fuzzed(t, safetensorsOf(header, int(n)))
		fuzzed(t, append([]byte("\x80\x00\x00\x00\x00\x00\x00\x00"), header...))
	})
}
