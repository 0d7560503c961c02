package beamio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

func init() {
	filesystem.Register("breaking", func(context.Context) filesystem.Interface { return &breaking })
	register.Function2x0(noString)
}

// breaking is a filesystem whose files cannot be written to the end.
var breaking breakingFS

type breakingFS struct {
	mu      sync.Mutex
	opened  []string
	removed []string
}

func (*breakingFS) Close() error                                   { return nil }
func (*breakingFS) List(context.Context, string) ([]string, error) { return nil, nil }
func (*breakingFS) OpenRead(context.Context, string) (io.ReadCloser, error) {
	return nil, os.ErrNotExist
}
func (*breakingFS) Size(context.Context, string) (int64, error)  { return 0, os.ErrNotExist }
func (*breakingFS) Rename(context.Context, string, string) error { return errors.New("renamed") }
func (b *breakingFS) OpenWrite(_ context.Context, name string) (io.WriteCloser, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.opened = append(b.opened, name)
	return &breakingWriter{full: strings.Contains(name, "full")}, nil
}

func (b *breakingFS) Remove(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.removed = append(b.removed, name)
	return nil
}

type breakingWriter struct{ full bool }

func (w *breakingWriter) Write(p []byte) (int, error) {
	if w.full {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func (w *breakingWriter) Close() error { return errors.New("connection lost") }

func TestWriteJSONL(t *testing.T) {
	dir := t.TempDir()
	for name, rows := range map[string][]string{"some": {"b", "a\n<&>", "c"}, "none": {}} {
		path := filepath.Join(dir, "new", name+".jsonl")
		p, s, col := ptest.CreateList(append(slices.Clone(rows), "x"))
		if len(rows) == 0 { // a list cannot be empty
			p, s = beam.NewPipelineWithRoot()
			col = beam.ParDo(s, noString, beam.Impulse(s))
		}
		col = beam.WindowInto(s, window.NewFixedWindows(time.Second), col)
		collect(s, name, WriteJSONL(s, path, col))
		run(t, p)
		want := ""
		if len(rows) > 0 {
			want = "\"a\\n\\u003c\\u0026\\u003e\"\n\"b\"\n\"c\"\n\"x\"\n"
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v, want %q", name, data, err, want)
		}
		if !slices.Equal(got(name), []string{path}) {
			t.Errorf("%s: emitted %q", name, got(name))
		}
	}
	if entries, err := os.ReadDir(filepath.Join(dir, "new")); err != nil || len(entries) != 2 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func noString([]byte, func(string)) {}

func TestNoHalfWrittenFile(t *testing.T) {
	for path, want := range map[string]string{"breaking://full": "disk full", "breaking://lost": "connection lost"} {
		err := WriteFile(t.Context(), path, writing(strings.Repeat("x", 10_000)))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	if slices.Contains(breaking.opened, "breaking://full") || !slices.Equal(breaking.opened, breaking.removed) {
		t.Errorf("opened %q, removed %q", breaking.opened, breaking.removed)
	}
	// A job that ends in time leaves what was there before.
	path := filepath.Join(t.TempDir(), "rows")
	write(t, filepath.Dir(path), "rows", []byte("old\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := WriteFile(ctx, path, writing("new")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a panic was swallowed")
			}
		}()
		_ = WriteFile(t.Context(), path, func(io.Writer) error { panic("a broken stream, as Beam's iterators tell") })
	}()
	if data, err := os.ReadFile(path); err != nil || string(data) != "old\n" {
		t.Errorf("the file holds %q, %v", data, err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left %v", entries)
	}
}

func writing(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
}

// TestShards wants every row once, in files whose names and content do not depend on the run.
func TestShards(t *testing.T) {
	dir := t.TempDir()
	var rows []string
	for i := range 100 {
		rows = append(rows, fmt.Sprint("row ", i))
	}
	contents := func(name string, opts ...SinkOption) []string {
		p, s, col := ptest.CreateList(rows)
		collect(s, name, WriteJSONL(s, filepath.Join(dir, name, "out.jsonl"), col, opts...))
		run(t, p)
		var out []string
		paths, err := filepath.Glob(filepath.Join(dir, name, "out-0000?-of-00004.jsonl"))
		files := NewShards(filepath.Join(dir, name, "out.jsonl"), opts...)
		if err != nil || !slices.Equal(files.Paths(), paths) || !slices.Equal(sorted(got(name)), paths) {
			t.Fatalf("%s: files %q, emitted %q, %v", name, paths, got(name), err)
		}
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil || strings.Count(string(data), "\n") < 10 {
				t.Errorf("%s: %v, %q", path, err, data)
			}
			out = append(out, string(data))
		}
		return out
	}
	first := contents("first", WithShards(4))
	if !slices.Equal(first, contents("second", WithShards(4))) {
		t.Error("another run wrote other files")
	}
	var all []string
	for i, data := range first {
		lines := strings.Fields(strings.ReplaceAll(data, "row ", ""))
		if !slices.IsSorted(lines) {
			t.Errorf("shard %d is not sorted: %q", i, lines)
		}
		all = append(all, lines...)
	}
	if slices.Sort(all); len(slices.Compact(all)) != 100 {
		t.Errorf("%d rows", len(all))
	}
	for i, data := range contents("unsorted", WithShards(4), Unsorted()) {
		lines := strings.SplitAfter(data, "\n")
		slices.Sort(lines)
		if strings.Join(lines, "") != first[i] {
			t.Errorf("shard %d differs without sorting", i)
		}
	}
	for path, want := range map[string]string{
		"gs://b.c/d": "gs://b.c/d-00002-of-00010", "a.b/c.jsonl": "a.b/c-00002-of-00010.jsonl", "x/.y": "x/.y-00002-of-00010",
		filepath.Join("a.b", "c"): filepath.Join("a.b", "c-00002-of-00010"),
	} {
		if got := shardName(path, 2, 10); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, n := range []int{0, -1, 100_001} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d shards do not panic", n)
				}
			}()
			WithShards(n)
		}()
	}
}

func TestRows(t *testing.T) {
	d := Detections{
		Width: 4, Height: 3, Boxes: []float32{0, 1, 2, 3, 1, 1, 2, 2}, Labels: []int{1, 2}, Names: []string{"cat", "dog"},
		Scores: []float32{0.9, 0.5}, Masks: []string{"012", "34"},
	}
	want := `{"file":"f.jpg","object":[` +
		`{"label":"cat","score":0.9,"box":[0,1,2,3],"mask":{"size":[3,4],"counts":"012"}},` +
		`{"label":"dog","score":0.5,"box":[1,1,2,2],"mask":{"size":[3,4],"counts":"34"}}]}`
	if got := mustJSON(t, NewRow("f.jpg", &d)); got != want {
		t.Errorf("got %s", got)
	}
	d.Masks = nil
	if got := mustJSON(t, NewRow("f.jpg", &d)); strings.Contains(got, "mask") {
		t.Errorf("got %s", got)
	}
	d = Detections{Boxes: []float32{0, 1, 2, 3}, Scores: []float32{0.5}} // as a step of one's own may make them
	if got := mustJSON(t, NewRow("f.jpg", &d)); got != `{"file":"f.jpg","object":[{"label":"","score":0.5,"box":[0,1,2,3]}]}` {
		t.Errorf("got %s", got)
	}
	if got := mustJSON(t, NewClassRow("f.jpg", &Classes{Scores: []float32{0.5}})); got !=
		`{"file":"f.jpg","class":[{"label":"","score":0.5}]}` {
		t.Errorf("got %s", got)
	}
	if got := mustJSON(t, NewRow("f.jpg", &Detections{})); got != `{"file":"f.jpg","object":[]}` {
		t.Errorf("got %s", got)
	}
}

// TestNoJSON wants the row named that JSON has no numbers for, and a collection that is none of rows refused.
func TestNoJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	p, s, col := ptest.CreateList([]RowObject{{Label: "cat"}, {Label: "the wrong one", Score: float32(math.NaN())}})
	WriteJSONL(s, path, col)
	if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), "the wrong one") {
		t.Errorf("error %v", err)
	}
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, "rows.jsonl holds KV<") || !strings.Contains(r, "without a key") {
			t.Errorf("panic %v", r)
		}
	}()
	WriteJSONL(s, path, beam.AddFixedKey(s, col))
}

// TestNoFileSystemPanics wants mistakes told where the pipeline is built.
func TestNoFileSystemPanics(t *testing.T) {
	for _, path := range []string{"", " ", "nowhere://a/b"} {
		for name, f := range map[string]func(s beam.Scope){
			"WriteJSONL":  func(s beam.Scope) { WriteJSONL(s, path, beam.Create(s, "row")) },
			"MatchImages": func(s beam.Scope) { MatchImages(s, path) },
			"ListImages":  func(s beam.Scope) { ListImages(s, path) },
			"WriteOverlays": func(s beam.Scope) {
				WriteOverlays(s, Overlays{Dir: path}, beam.Create(s, PredictionResult[Picture, Detections]{}))
			},
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s(%q) does not panic", name, path)
					}
				}()
				f(beam.NewPipeline().Root())
			}()
		}
	}
}
