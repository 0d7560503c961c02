package loaders_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"unsafe"

	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/tensor"
)

// A stream is read into one aligned block, however it arrives.
func TestOpenReader(t *testing.T) {
	data := zipOf(t, func(h *zip.FileHeader) { h.Extra = make([]byte, 7) }, dict("w", floats("0", 1<<20)), map[string]int{"0": 4 << 20})

	for name, r := range map[string]io.Reader{
		"at once":     bytes.NewReader(data),
		"in halves":   iotest.HalfReader(bytes.NewReader(data)),
		"with an end": iotest.DataErrReader(bytes.NewReader(data)),
	} {
		c, err := loaders.OpenReader(r, "f")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		i, _ := c.Info("w")
		x := values(t, c, "w")
		if !bytes.Equal(x.Bytes(), data[i.Offset:i.Offset+i.Bytes]) {
			t.Errorf("%s: the tensor differs", name)
		}
		at := uintptr(unsafe.Pointer(unsafe.SliceData(x.Bytes()))) - uintptr(i.Offset)
		if at%tensor.Alignment != 0 {
			t.Errorf("%s: the block begins at %#x", name, at)
		}
		if again := values(t, c, "w"); &again.Bytes()[0] != &x.Bytes()[0] {
			t.Errorf("%s: the tensor was copied", name)
		}
	}

	// A broken connection is an error, also one that says that it ended too soon.
	for _, cause := range []error{errBroken, io.ErrUnexpectedEOF} {
		_, err := loaders.OpenReader(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(cause)), "f")
		if !errors.Is(err, cause) {
			t.Errorf("%v, want %v", err, cause)
		}
		typed(t, err)
	}
	_, err := loaders.OpenReader(idle{}, "f")
	if !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("a reader that gives nothing: %v", err)
	}
	if _, err := loaders.OpenReader(strings.NewReader(""), "f"); err == nil || !strings.Contains(err.Error(), "empty file") {
		t.Errorf("nothing: %v", err)
	}
}

type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestOpenFS(t *testing.T) {
	files := fstest.MapFS{"a/b.pth": {Data: file(t, "small.pth")}, "a/c": {Mode: fs.ModeDir}}
	c, err := loaders.OpenFS(files, "a/b.pth")
	if err != nil || c.Name() != "a/b.pth" || len(c.Keys()) == 0 {
		t.Errorf("%v, %v", c, err)
	}
	for _, fsys := range []fs.FS{files, os.DirFS("testdata")} {
		if _, err := loaders.OpenFS(fsys, "none"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no file: %v", err)
		}
		if c, err := loaders.OpenFS(fsys, "../loaders/testdata/small.pth"); err == nil {
			t.Errorf("a path outside: %v", c.Keys())
		}
	}
	for name, fsys := range map[string]fs.FS{"a/c": files, "testdata": os.DirFS(".")} {
		if _, err := loaders.OpenFS(fsys, name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("a directory: %v", err)
		}
	}
}

// The checksum is compared before anything else is, from every source.
func TestChecksum(t *testing.T) {
	data := file(t, "small.pth")
	sum := sha256.Sum256(data)
	good := hex.EncodeToString(sum[:])
	bad := "0" + good[1:]
	if bad == good {
		bad = "1" + good[1:]
	}
	dir := t.TempDir()
	named := func(digits string) string {
		path := filepath.Join(dir, "small-"+digits+".pth")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		path string
		opts []loaders.Option
		want string // part of the error, empty for none
	}{
		{named(good[:8]), []loaders.Option{loaders.WithNameChecksum()}, ""},
		{named(good), []loaders.Option{loaders.WithNameChecksum()}, ""},
		{named(good[:8]), []loaders.Option{loaders.WithSHA256(strings.ToUpper(good)), loaders.WithNameChecksum()}, ""},
		{named("x"), []loaders.Option{loaders.WithSHA256(good), loaders.WithCopy()}, ""},
		{named(bad[:8]), []loaders.Option{loaders.WithNameChecksum()}, "SHA-256 is " + good + ", want " + bad[:8]},
		{named("x"), []loaders.Option{loaders.WithSHA256(bad)}, "want " + bad},
		{named(bad[:8]), []loaders.Option{loaders.WithNameChecksum(), loaders.WithSHA256(good)}, "not the one that was given"},
		{named("x"), []loaders.Option{loaders.WithNameChecksum()}, "the name has no checksum"},
		{named(good[:7]), []loaders.Option{loaders.WithNameChecksum()}, "the name has no checksum"},
		{named("x"), []loaders.Option{loaders.WithSHA256(good[:63])}, "not a SHA-256 of 64 digits"},
		{named("x"), []loaders.Option{loaders.WithSHA256("")}, "not a SHA-256 of 64 digits"},
	} {
		for way, open := range map[string]func() (*loaders.Checkpoint, error){
			"mapped":   func() (*loaders.Checkpoint, error) { return loaders.Open(c.path, c.opts...) },
			"embedded": func() (*loaders.Checkpoint, error) { return loaders.OpenBytes(data, c.path, c.opts...) },
			"streamed": func() (*loaders.Checkpoint, error) {
				return loaders.OpenReader(bytes.NewReader(data), c.path, c.opts...)
			},
			"read": func() (*loaders.Checkpoint, error) {
				return loaders.OpenReaderAt(bytes.NewReader(data), int64(len(data)), c.path, c.opts...)
			},
		} {
			got, err := open()
			if c.want == "" {
				if err != nil {
					t.Errorf("%s, %s: %v", filepath.Base(c.path), way, err)
				}
				continue
			}
			var e *loaders.ChecksumError
			if got != nil || !errors.As(err, &e) || e.Name != c.path || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: %v, want a ChecksumError with %q", filepath.Base(c.path), way, err, c.want)
			}
		}
	}
	// A hostile file with a wrong checksum is not looked at.
	_, err := loaders.Open("testdata/evil.pth", loaders.WithSHA256(bad))
	if e := (*loaders.ChecksumError)(nil); !errors.As(err, &e) {
		t.Errorf("%v, want a ChecksumError", err)
	}
	// What was compared is what is used, even if a reader gives something else later.
	r := &breaking{Reader: bytes.NewReader(data)}
	c, err := loaders.OpenReaderAt(r, int64(len(data)), "f", loaders.WithSHA256(good))
	if err != nil {
		t.Fatal(err)
	}
	r.broken = true
	values(t, c, "scalar")
	if _, err := loaders.Open("testdata/model.safetensors.index.json", loaders.WithSHA256(good)); err == nil {
		t.Error("an index with the checksum of something else was opened")
	}
}

// An index names plain files beside it, each with the tensors that it says.
func TestIndex(t *testing.T) {
	shard := file(t, "model-00001-of-00002.safetensors") // has a.weight and b
	index := func(text string) fstest.MapFS {
		return fstest.MapFS{"m/i.json": {Data: []byte(text)}, "m/s": {Data: shard}, "m/bad": {Data: []byte("GGUF")},
			"m/again": {Data: shard}, "s": {Data: shard}}
	}
	both := `"a.weight": "s", "b": "s"`
	c, err := loaders.OpenFS(index(`{"weight_map": {`+both+`}}`), "m/i.json")
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := c.Sub("a").Info("weight"); !ok || i.Key != "weight" || i.Shard != "m/s" {
		t.Errorf("%+v", i)
	}
	values(t, c, "b")
	if _, err := c.Tensor("weight"); err == nil || !strings.Contains(err.Error(), `Sub("a")`) {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]string{
		`{"weight_map": {"a.weight": "s"}}`:                        `tensor "b": shard "s" has it, but not according to the index`,
		`{"weight_map": {"a.weight": "s", "b": "again"}}`:          "not according to the index",
		`{"weight_map": {` + both + `, "c": "s"}}`:                 `tensor "c": shard "s" does not have it`,
		`{"weight_map": {` + both + `, "c": "none"}}`:              "file does not exist",
		`{"weight_map": {` + both + `, "c": "bad"}}`:               "GGUF",
		`{"weight_map": {` + both + `, "c": "i.json"}}`:            "a text of JSON",
		`{"weight_map": {"a.weight": "../s"}}`:                     `shard "../s" is not the plain name of a file`,
		`{"weight_map": {"a.weight": ".."}}`:                       "not the plain name",
		`{"weight_map": {"a.weight": "."}}`:                        "not the plain name",
		`{"weight_map": {"a.weight": ""}}`:                         "not the plain name",
		`{"weight_map": {"a.weight": "/m/s"}}`:                     "not the plain name",
		`{"weight_map": {"a.weight": "m\\s"}}`:                     "not the plain name",
		`{"weight_map": {"a.weight": "C:s"}}`:                      "not the plain name",
		`{"weight_map": {"a.weight": "s\u0000"}}`:                  "not the plain name",
		`{"weight_map": {"a.weight": 1}}`:                          "where a string should be",
		`{"weight_map": {"b": "s", "b": "s"}}`:                     `"b" occurs twice`,
		`{"weight_map": {` + both + `}, "weight_map": {"b": "s"}}`: `"weight_map" occurs twice`,
		`{"weight_map": ["s"]}`:                                    "where { should be",
		`{"weight_map": {}}`:                                       "no weight_map",
		`{"metadata": {"total_size": 1}}`:                          "no weight_map",
		`{"weight_map": {` + both + `}} {}`:                        "text after the last brace",
		`{"weight_map": {` + both:                                  "unexpected EOF",
		`{"metadata": {`:                                           "unexpected EOF",
		`{"a": [[[[` + strings.Repeat("[", 20000):                  "damaged index",
		`{"weight_map": {"a.weight": "s"}, "x": "` + "\xff" + `"}`: "not UTF-8",
	} {
		_, err := loaders.OpenFS(index(text), "m/i.json")
		typed(t, err)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "m/i.json") {
			t.Errorf("%.100s: %v, want %q", text, err, want)
		}
	}
	_, err = loaders.OpenFS(index(`{"weight_map": {`+both+`}}`), "m/i.json", loaders.WithLimits(loaders.Limits{HeaderBytes: 10}))
	if l := (*loaders.LimitError)(nil); !errors.As(err, &l) || l.Limit != "HeaderBytes" {
		t.Errorf("%v", err)
	}
}

// Two shards of one key are refused, whichever the index names.
func TestShardsOfOneKey(t *testing.T) {
	shard := safetensorsOf("{"+tensorHeader("a", "U8", "[1]", 0, 1)+"}", 1)
	other := safetensorsOf("{"+tensorHeader("a", "U8", "[1]", 0, 1)+","+tensorHeader("b", "U8", "[1]", 1, 2)+"}", 2)
	files := fstest.MapFS{"i": {Data: []byte(`{"weight_map":{"a":"s","b":"o"}}`)}, "s": {Data: shard}, "o": {Data: other}}
	if _, err := loaders.OpenFS(files, "i"); err == nil || !strings.Contains(err.Error(), "not according to the index") {
		t.Errorf("%v", err)
	}
}

// What a filesystem or the caller says of the length of a stream keeps its
// memory from being made twice.
func TestStreamMemory(t *testing.T) {
	data := zipOf(t, nil, dict("w", floats("0", 4<<20)), map[string]int{"0": 16 << 20})
	files := fstest.MapFS{"w.pth": {Data: data}}
	for name, c := range map[string]struct {
		most float64 // times the file
		open func() (*loaders.Checkpoint, error)
	}{
		"a filesystem":      {1.5, func() (*loaders.Checkpoint, error) { return loaders.OpenFS(files, "w.pth") }},
		"an unknown length": {2.6, func() (*loaders.Checkpoint, error) { return loaders.OpenReader(bytes.NewReader(data), "w") }},
		"WithSize": {1.5, func() (*loaders.Checkpoint, error) {
			return loaders.OpenReader(bytes.NewReader(data), "w", loaders.WithSize(int64(len(data))))
		}},
		"a wrong WithSize": {2.6, func() (*loaders.Checkpoint, error) {
			return loaders.OpenReader(bytes.NewReader(data), "w", loaders.WithSize(1<<50))
		}},
	} {
		n := allocated(func() {
			c, err := c.open()
			if err != nil {
				t.Fatal(err)
			}
			if x := values(t, c, "w"); x.Len() != 4<<20 {
				t.Errorf("%s: %v", name, x)
			}
		})
		if times := float64(n) / float64(len(data)); times > c.most {
			t.Errorf("%s: %.2f times the file was allocated, want at most %.1f", name, times, c.most)
		}
	}
}
