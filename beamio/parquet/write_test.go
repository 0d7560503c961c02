package parquet_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/beamio/parquet"
	file "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

func init() {
	for _, t := range []reflect.Type{
		reflect.TypeFor[every](), reflect.TypeFor[nested](), reflect.TypeFor[lost](), reflect.TypeFor[none](),
		reflect.TypeFor[badTag](),
	} {
		beam.RegisterType(t)
	}
	register.Function2x0(noRow)
}

func noRow([]byte, func(beamio.Row)) {}

func TestMain(m *testing.M) { os.Exit(ptest.MainRetWithDefault(m, "prism")) }

// every has a field of every kind that a row may have.
type every struct {
	Name   string `parquet:"name"`
	Bytes  []byte
	Yes    bool
	Small  int8
	Int    int
	Big    uint64
	Single float32
	Double float64
	At     time.Time
	Many   []float32 `json:"many,omitempty"`
	Below  nested
	Maybe  *nested
	All    []nested
	Hidden int `json:"-" parquet:"-"`
}

type nested struct {
	A int
	B []string
}

type (
	lost struct {
		A int `json:"-"`
	}
	none   struct{}
	badTag struct {
		A int `parquet:"a,wrong"`
	}
)

// rows returns what a detector may have found, with masks and without, and nothing.
func rows(n int) []beamio.Row {
	all := []beamio.Row{{File: "none.jpg"}}
	for i := range n - 1 {
		row := beamio.Row{File: fmt.Sprintf("in/%04d.jpg", i)}
		for j := range 1 + i%3 {
			o := beamio.RowObject{Label: "cat", Score: 1 / float32(i+j+1), Box: []float32{0, 1, 2.5, float32(j)}}
			if j != 1 {
				o.Mask = &beamio.RowMask{Size: []int{480, 640}, Counts: fmt.Sprintf("%d`é\\", i)}
			}
			row.Object = append(row.Object, o)
		}
		all = append(all, row)
	}
	return all
}

// run runs a pipeline that writes rows.
func run[T any](t *testing.T, path string, rows []T, opts ...beamio.SinkOption) {
	t.Helper()
	p, s, col := ptest.CreateList(rows)
	parquet.Write(s, path, beam.WindowInto(s, window.NewFixedWindows(time.Second), col), opts...)
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
}

// read reads the rows of a file.
func read[T any](t *testing.T, path string) []T {
	t.Helper()
	all, err := file.ReadFile[T](path)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRows writes rows and reads them again, sorted by file, and looks at the columns.
func TestRows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "rows.parquet")
	want := rows(50)
	run(t, path, want)
	slices.SortFunc(want, func(a, b beamio.Row) int { return strings.Compare(a.File, b.File) })
	got := read[beamio.Row](t, path)
	for i := range got {
		if len(got[i].Object) == 0 {
			got[i].Object = nil
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	const schema = `message Row {
	required binary file (STRING);
	repeated group object {
		required binary label (STRING);
		required float score;
		repeated float box;
		optional group mask {
			repeated int64 size (INT(64,true));
			required binary counts (STRING);
		}
	}
}`
	f := open(t, path)
	if got := f.Schema().String(); got != schema {
		t.Errorf("schema %s\nwant %s", got, schema)
	}
	for _, g := range f.Metadata().RowGroups {
		for _, c := range g.Columns {
			if c.MetaData.Codec != format.Zstd {
				t.Errorf("%v is compressed by %v", c.MetaData.PathInSchema, c.MetaData.Codec)
			}
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

func open(t *testing.T, path string) *file.File {
	t.Helper()
	r, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	info, err := r.Stat()
	if err != nil {
		t.Fatal(err)
	}
	f, err := file.OpenFile(r, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEveryKind writes fields of every kind, zero and not.
func TestEveryKind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kinds.parquet")
	want := []every{{At: time.Unix(0, 0)}, {
		Name: "a\n\"é", Bytes: []byte{0, 255}, Yes: true, Small: -128, Int: -1 << 63, Big: 1<<64 - 1, Single: 0.1, Double: 0.1,
		At: time.Date(2026, 11, 24, 12, 0, 0, 123456789, time.UTC), Many: []float32{1, 0, -1}, Below: nested{1, []string{"", "x"}},
		Maybe: &nested{A: 2}, All: []nested{{}, {B: []string{"y"}}},
	}}
	run(t, path, want)
	got := read[every](t, path)
	if len(got) != 2 || got[0].Name != "" || got[0].Maybe != nil || !got[0].At.Equal(want[0].At) {
		t.Fatalf("got %+v", got)
	}
	g, w := got[1], want[1]
	if !g.At.Equal(w.At) {
		t.Errorf("time %v, want %v", g.At, w.At)
	}
	g.At = w.At
	if got, want := text(t, g), text(t, w); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// text returns a value as JSON, whose empty slices are nil ones: in a file they are the same.
func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(data), "[]", "null")
}

// TestShards wants every row once, in the shards that JSON lines have, and the same bytes from a second run.
func TestShards(t *testing.T) {
	dir := t.TempDir()
	all := rows(100)
	lines := filepath.Join(dir, "rows.jsonl")
	p, s, col := ptest.CreateList(all)
	beamio.WriteJSONL(s, lines, col, beamio.WithShards(3))
	for _, name := range []string{"one", "two"} {
		parquet.Write(s, filepath.Join(dir, name, "rows.parquet"), col, beamio.WithShards(3))
		slices.Reverse(all)
	}
	parquet.Write(s, filepath.Join(dir, "any", "rows.parquet"), col, beamio.WithShards(3), beamio.Unsorted())
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
	n := 0
	for shard := range 3 {
		name := fmt.Sprintf("rows-%05d-of-00003", shard)
		text, err := os.ReadFile(filepath.Join(dir, name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		one, err1 := os.ReadFile(filepath.Join(dir, "one", name+".parquet"))
		two, err2 := os.ReadFile(filepath.Join(dir, "two", name+".parquet"))
		if err1 != nil || err2 != nil || !slices.Equal(one, two) {
			t.Errorf("%s: two runs differ: %d and %d bytes, %v, %v", name, len(one), len(two), err1, err2)
		}
		got := read[beamio.Row](t, filepath.Join(dir, "one", name+".parquet"))
		unsorted := read[beamio.Row](t, filepath.Join(dir, "any", name+".parquet"))
		for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
			if i >= len(got) || !strings.Contains(line, `{"file":"`+got[i].File+`",`) {
				t.Fatalf("%s: row %d is not that of %s", name, i, line)
			}
			n++
		}
		if n < 10 || len(unsorted) != len(got) {
			t.Errorf("%s: %d rows so far, %d of this file unsorted", name, n, len(unsorted))
		}
	}
	if n != len(all) {
		t.Errorf("%d rows, want %d", n, len(all))
	}
}

// TestEmpty wants a file with columns and no rows.
func TestEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.parquet")
	p, s := beam.NewPipelineWithRoot()
	parquet.Write(s, path, beam.ParDo(s, noRow, beam.Impulse(s)))
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
	if f := open(t, path); f.NumRows() != 0 || len(f.Schema().Columns()) != 6 {
		t.Errorf("%d rows, columns %v", f.NumRows(), f.Schema().Columns())
	}
}

// TestNoFile has a job fail while it writes: there is no file, and nothing of one.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "taken.parquet", "by"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, s, col := ptest.CreateList(rows(10))
	parquet.Write(s, filepath.Join(dir, "taken.parquet"), col)
	if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), "taken.parquet") {
		t.Errorf("error %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
}

// TestTypes wants types that cannot be written told when the pipeline is built.
func TestTypes(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	row := beam.Create(s, beamio.Row{})
	for want, rows := range map[string]beam.PCollection{
		"want structs without a key": beam.AddFixedKey(s, row),
		"holds string":               beam.Create(s, "row"),
		`its json tag is "-"`:        beam.Create(s, lost{A: 1}),
		"has no columns":             beam.Create(s, none{}),
		"wrong":                      beam.Create(s, badTag{}),
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.HasPrefix(r, "parquet.Write: ") || !strings.Contains(r, want) {
					t.Errorf("panic %v, want %q", r, want)
				}
			}()
			parquet.Write(s, "rows.parquet", rows)
		}()
	}
	for _, path := range []string{"", "nowhere://a"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q does not panic", path)
				}
			}()
			parquet.Write(s, path, row)
		}()
	}
}
