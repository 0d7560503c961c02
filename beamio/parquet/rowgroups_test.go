package parquet

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/beamio"
	"github.com/parquet-go/parquet-go"
)

// TestRowGroups writes more than a row group holds.
func TestRowGroups(t *testing.T) {
	const n = 150
	long := strings.Repeat("x", 1000)
	var b bytes.Buffer
	err := encode(&b, reflect.TypeFor[beamio.FailureRow](), func(yield func(string) bool) {
		for i := range n {
			if !yield(fmt.Sprintf(`{"file":"%d","stage":"read","error":%q}`, i, long)) {
				return
			}
		}
	}, 60*1030)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if groups := f.RowGroups(); len(groups) != 3 || f.NumRows() != n || groups[0].NumRows() < 59 || groups[0].NumRows() > 60 {
		t.Errorf("%d row groups, %d rows, %d in the first", len(groups), f.NumRows(), groups[0].NumRows())
	}
	if b.Len() > 10_000 {
		t.Errorf("%d bytes", b.Len())
	}
}

// TestBadRow wants an error and no panic for text that is no row.
func TestBadRow(t *testing.T) {
	for _, text := range []string{"{", `{"file":1}`, "null "} {
		err := encode(new(bytes.Buffer), reflect.TypeFor[beamio.FailureRow](), func(yield func(string) bool) { yield(text) }, 1)
		if (err == nil) != strings.HasPrefix(text, "null") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

type stamped struct {
	At    time.Time
	Later *time.Time
	Micro time.Time   `parquet:",timestamp(microsecond)"`
	Many  []time.Time `parquet:"many"`
}

// TestTimes wants no other time in the file than that of the row.
func TestTimes(t *testing.T) {
	for text, want := range map[string]string{
		`{"At":"1970-01-01T00:00:00Z","Micro":"0001-01-01T00:00:00Z","Many":["2262-04-11T23:47:16Z"]}`: "",
		`{"At":"0001-01-01T00:00:00Z"}`: "At: 0001-01-01 ",
		`{"At":"1970-01-01T00:00:00Z","Micro":"2000-01-01T00:00:00Z","Later":"2262-04-11T23:47:17Z"}`: "Later: 2262-04-11 ",
		`{"At":"1970-01-01T00:00:00Z","Many":["1970-01-01T00:00:00Z","1677-09-21T00:12:43Z"]}`:        "Many: 1677-09-21 ",
	} {
		var b bytes.Buffer
		err := encode(&b, reflect.TypeFor[stamped](), func(yield func(string) bool) { yield(text) }, 1)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		rows, err := parquet.Read[struct { // parquet-go makes another time of what is there
			At    time.Time
			Micro int64       `parquet:"Micro,timestamp(microsecond)"`
			Many  []time.Time `parquet:"many"`
		}](bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil || len(rows) != 1 || rows[0].Micro != (time.Time{}).UnixMicro() || rows[0].Many[0].Year() != 2262 ||
			!rows[0].At.Equal(time.Unix(0, 0)) {
			t.Errorf("got %v, %v", rows, err)
		}
	}
}
