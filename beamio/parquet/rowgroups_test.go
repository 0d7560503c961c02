package parquet

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

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
