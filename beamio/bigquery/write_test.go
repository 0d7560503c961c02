package bigquery

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	cloud "cloud.google.com/go/bigquery"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/bigqueryio"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/teststream"
	"github.com/argand-go/argand/beamio"
)

var google fake

func TestMain(m *testing.M) {
	switch runtime.GOOS {
	case "darwin", "ios", "windows":
		fmt.Println("NOT RUN: on " + runtime.GOOS + " programs cannot be told whom to trust by SSL_CERT_FILE")
		os.Exit(0)
	}
	stop, err := google.start()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	status := ptest.MainRetWithDefault(m, "prism")
	stop()
	os.Exit(status)
}

func init() {
	beam.RegisterType(reflect.TypeFor[measured]())
	beam.RegisterType(reflect.TypeFor[unknown]())
	register.Function2x0(noRow)
	register.Function2x1(failureOf)
}

func failureOf(_ context.Context, name string) beamio.FailureRow {
	return beamio.FailureRow{File: name}
}

func noRow([]byte, func(beamio.FailureRow)) {}

type (
	measured struct {
		Name  string `bigquery:"name" json:"n"`
		Value float64
		At    cloud.NullTimestamp
	}
	unknown struct{ A map[int]int }
)

// rowSchema is that of beamio.Row, and of the published example.
const rowSchema = "file STRING REQUIRED, object RECORD REPEATED (label STRING REQUIRED, score FLOAT REQUIRED, " +
	"box FLOAT REPEATED, mask RECORD (size INTEGER REPEATED, counts STRING REQUIRED))"

// rows returns rows of pictures without objects, and of objects without masks.
func rows(n int) []beamio.Row {
	var all []beamio.Row
	for i := range n {
		row := beamio.Row{File: fmt.Sprintf("%03d.jpg", i)}
		for j := range i % 3 {
			o := beamio.RowObject{Label: "cat", Score: 0.5, Box: []float32{0, 1, 2, float32(i)}}
			if j == 1 {
				o.Mask = &beamio.RowMask{Size: []int{3, 4}, Counts: "012"}
			}
			row.Object = append(row.Object, o)
		}
		all = append(all, row)
	}
	return all
}

// want compares the rows of the table with others, as JSON, in any order.
func want[T any](t *testing.T, rows []T) {
	t.Helper()
	google.mu.Lock()
	defer google.mu.Unlock()
	var got, all []string
	filled := func(row any) string { // which columns that hold nothing do not matter for
		var columns map[string]any
		if err := json.Unmarshal([]byte(text(t, row)), &columns); err != nil {
			t.Fatal(err)
		}
		maps.DeleteFunc(columns, func(_ string, v any) bool { return v == nil })
		return text(t, columns)
	}
	for _, row := range google.rows {
		got = append(got, filled(row))
	}
	for _, row := range rows {
		all = append(all, filled(row))
	}
	slices.Sort(got)
	slices.Sort(all)
	if !slices.Equal(got, all) {
		t.Errorf("the table holds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(all, "\n"))
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// run runs a pipeline that writes rows in windows.
func run[T any](rows []T) error {
	p, s, col := ptest.CreateList(rows)
	Write(s, "p:d.t", beam.WindowInto(s, window.NewFixedWindows(time.Second), col))
	return ptest.Run(p)
}

// TestWrite makes a table of the schema of the published example and inserts every row once, though BigQuery takes
// rows first and answers 500 all the same, and then does not know the table that it has made.
func TestWrite(t *testing.T) {
	google.reset(map[string][]int{"POST " + insertPath: {-500, 404}})
	all := rows(30)
	if err := run(all); err != nil {
		t.Fatal(err)
	}
	if got := google.tables["t"].String(); got != rowSchema {
		t.Errorf("schema %s\nwant %s", got, rowSchema)
	}
	want(t, all)
	if google.asked["POST "+tablesPath] != 1 || google.asked["POST "+insertPath] < 3 {
		t.Errorf("asked %v", google.asked)
	}
	// A table that is there is left alone.
	if err := run([]beamio.Row{{File: "more.jpg"}}); err != nil {
		t.Fatal(err)
	}
	want(t, append(all, beamio.Row{File: "more.jpg"}))
	if google.asked["POST "+tablesPath] != 1 {
		t.Error("the table was made twice")
	}
}

// TestBeamsWrite gives the rows to Beam's own sink.
func TestBeamsWrite(t *testing.T) {
	google.reset(map[string][]int{"POST " + insertPath: {500}})
	all := rows(5)
	p, s, col := ptest.CreateList(all)
	bigqueryio.Write(s, "p", "p:d.t", col)
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
	if got := google.tables["t"].String(); got != rowSchema {
		t.Errorf("schema %s\nwant %s", got, rowSchema)
	}
	want(t, all)
}

// TestOtherRows writes dead letters, and a type of the user's own, whose columns are called otherwise than in JSON.
func TestOtherRows(t *testing.T) {
	google.reset(nil)
	failures := []beamio.FailureRow{{File: "a.jpg", Stage: beamio.StageDecode, Error: "no\nimage"}, {}}
	if err := run(failures); err != nil {
		t.Fatal(err)
	}
	want(t, failures)
	google.reset(nil)
	letters := []beamio.DeadLetter{{Key: "k", Example: "[1,2]", Stage: "load", Error: "gone", ModelID: "m"}}
	if err := run(letters); err != nil {
		t.Fatal(err)
	}
	want(t, letters)

	google.reset(nil)
	if err := run([]measured{{Name: "a", Value: 0.1}}); err != nil {
		t.Fatal(err)
	}
	if got := google.tables["t"].String(); got != "name STRING REQUIRED, Value FLOAT REQUIRED, At TIMESTAMP" {
		t.Errorf("schema %s", got)
	}
	want(t, []map[string]any{{"name": "a", "Value": 0.1}})

	google.reset(nil)
	p, s := beam.NewPipelineWithRoot()
	Write(s, "p.d.t", beam.ParDo(s, noRow, beam.Impulse(s)))
	if err := ptest.Run(p); err != nil || len(google.asked) != 0 {
		t.Errorf("for no rows: %v, asked %v", err, google.asked)
	}
}

// TestStream inserts rows of a stream, whose windows are closed one after the other.
func TestStream(t *testing.T) {
	google.reset(nil)
	stream := teststream.NewConfig()
	var all []beamio.FailureRow
	for i := range 5 {
		all = append(all, beamio.FailureRow{File: fmt.Sprint(i)})
		if err := stream.AddElements(int64(i)*1000, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		stream.AdvanceWatermark(int64(i+1) * 1000)
	}
	stream.AdvanceWatermarkToInfinity()
	p, s := beam.NewPipelineWithRoot()
	names := beam.WindowInto(s, window.NewFixedWindows(time.Second), teststream.Create(s, stream))
	Write(s, "p.d.t", beam.ParDo(s, failureOf, names))
	if err := ptest.Run(p); err != nil {
		t.Fatal(err)
	}
	want(t, all)
	if len(google.sent) < 2 {
		t.Errorf("%d requests: the rows of all windows were gathered", len(google.sent))
	}
}

// TestErrors wants the table named, and the row and the reason.
func TestErrors(t *testing.T) {
	refused := append(rows(3), beamio.Row{File: "refuse me"})
	for _, c := range []struct {
		name   string
		rows   []beamio.Row
		faults map[string][]int
		want   []string
	}{
		{"row", refused, nil, []string{"p.d.t: 1 of ", "a value that is refused", `{"file":"refuse me"}`}},
		{"insert", rows(1), map[string][]int{"POST " + insertPath: {403}}, []string{"p.d.t: ", "403"}},
		{"look", rows(1), map[string][]int{"GET " + tablePath: {403}}, []string{"p.d.t: ", "403"}},
		{"create", rows(1), map[string][]int{"POST " + tablesPath: {403}}, []string{"p.d.t: ", "403"}},
	} {
		google.reset(c.faults)
		err := run(c.rows)
		if err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		for _, want := range append(c.want, "bigquery.Write: ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v\nwant %q", c.name, err, want)
			}
		}
		if len(google.rows) > 0 && c.name != "row" {
			t.Errorf("%s: %d rows", c.name, len(google.rows))
		}
	}
	google.reset(nil)
	p, s, col := ptest.CreateList(rows(1))
	Write(s, "p.nowhere.t", col)
	if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), "p.nowhere.t: ") || !strings.Contains(err.Error(), "Not found: Dataset") {
		t.Errorf("no dataset: %v", err)
	}
}

// bundle inserts rows as a worker does: with ids that they had before.
func bundle(f *insertFn, ids string, rows []beamio.FailureRow) error {
	f.StartBundle(context.Background())
	for i, row := range rows {
		data, err := json.Marshal(row)
		if err == nil {
			err = f.ProcessElement(context.Background(), fmt.Sprint(ids, i), string(data))
		}
		if err != nil {
			return err
		}
	}
	return f.FinishBundle(context.Background())
}

func inserter() *insertFn {
	return &insertFn{Table: tableName{"p", "d", "t"}, Type: beam.EncodedType{T: reflect.TypeFor[beamio.FailureRow]()}}
}

// TestAgain has a bundle run again after a request that BigQuery took, by another worker and by the same.
func TestAgain(t *testing.T) {
	google.reset(map[string][]int{"GET " + tablePath: {0, 404}, "POST " + tablesPath: {0, 409}})
	var all []beamio.FailureRow
	for i := range maxRows + 10 { // rows that are alike, too
		all = append(all, beamio.FailureRow{File: fmt.Sprint(i / 2)})
	}
	first := inserter()
	for _, f := range []*insertFn{first, inserter(), first} {
		if err := bundle(f, "a", all); err != nil {
			t.Fatal(err)
		}
	}
	want(t, all)
	if len(google.sent) != 6 {
		t.Errorf("%d requests, want 2 for each bundle", len(google.sent))
	}
	// What a bundle that failed has left is not inserted with the next.
	google.faults = map[string][]int{"POST " + insertPath: {403}}
	if err := bundle(first, "b", all[:2]); err == nil {
		t.Error("no error")
	}
	if err := first.ProcessElement(t.Context(), "c", `{"file":"left"}`); err != nil {
		t.Fatal(err)
	}
	if err := bundle(first, "d", all[:1]); err != nil {
		t.Fatal(err)
	}
	want(t, append(all, all[0]))
}

// TestLargeRows wants requests that BigQuery takes.
func TestLargeRows(t *testing.T) {
	google.reset(nil)
	var all []beamio.FailureRow
	for range 25 {
		all = append(all, beamio.FailureRow{File: "large", Error: strings.Repeat("é", 500_000)})
	}
	if err := bundle(inserter(), "a", all); err != nil {
		t.Fatal(err)
	}
	if len(google.rows) != 25 || len(google.sent) != 3 || slices.Max(google.sent) > 10_000_000 {
		t.Errorf("%d rows by requests of %d bytes", len(google.rows), google.sent)
	}
	err := bundle(inserter(), "b", []beamio.FailureRow{{File: "too large", Error: strings.Repeat("x", 10_000_000)}})
	if err == nil || !strings.Contains(err.Error(), "p.d.t: a row of 10000") || len(err.Error()) > 400 {
		t.Errorf("%.500v", err)
	}
	if err := inserter().ProcessElement(t.Context(), "c", "{"); err == nil || !strings.Contains(err.Error(), "p.d.t: ") {
		t.Errorf("text that is no row: %v", err)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"p.d.t": "p|d|t", "p:d.t": "p|d|t", "example.com:p.d.t": "example.com:p|d|t", "example.com:p:d.t": "example.com:p|d|t",
		"p-1.d_1.t$20261124": "p-1|d_1|t$20261124", "": "", "t": "", "d.t": "", ":d.t": "", "p:.t": "", "p:d.": "", "p:d": "",
		".d.t": "", "p..t": "", "p.d.t/x": "", "p.d. t": "",
	} {
		n, err := parseName(name)
		got := strings.Join([]string{n.Project, n.Dataset, n.Table}, "|")
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// FuzzNames wants every name that is taken to have three parts, and its own text to name it.
func FuzzNames(f *testing.F) {
	f.Add("p.d.t")
	f.Add("example.com:p:d.t")
	f.Add("p:.d.t")
	f.Fuzz(func(t *testing.T, name string) {
		n, err := parseName(name)
		if err != nil {
			return
		}
		if again, err := parseName(n.String()); err != nil || again != n || n.Project == "" || n.Dataset == "" || n.Table == "" {
			t.Errorf("%q: %+v, then %+v, %v", name, n, again, err)
		}
	})
}

// TestBuild wants mistakes told when the pipeline is built.
func TestBuild(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	row := beam.Create(s, beamio.Row{})
	for want, build := range map[string]func(){
		"want project.dataset.table":   func() { Write(s, "d.t", row) },
		"want structs without a key":   func() { Write(s, "p.d.t", beam.AddFixedKey(s, row)) },
		"holds string":                 func() { Write(s, "p.d.t", beam.Create(s, "row")) },
		"map[int]int is not supported": func() { Write(s, "p.d.t", beam.Create(s, unknown{})) },
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.HasPrefix(r, "bigquery.Write: ") || !strings.Contains(r, want) {
					t.Errorf("panic %v, want %q", r, want)
				}
			}()
			build()
		}()
	}
}
