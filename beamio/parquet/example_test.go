package parquet_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/beamio/parquet"
	reader "github.com/parquet-go/parquet-go"
)

// Rows of pictures as a Parquet file, read again by another package.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "detections.parquet")
	p, s, rows := ptest.CreateList([]beamio.Row{
		{File: "b.jpg"},
		{File: "a.jpg", Object: []beamio.RowObject{{Label: "cat", Score: 0.75, Box: []float32{0, 0, 10, 20}}}},
	})
	parquet.Write(s, path, rows)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	all, err := reader.ReadFile[beamio.Row](path)
	if err != nil {
		fmt.Println(err)
	}
	for _, row := range all {
		fmt.Println(row.File, len(row.Object))
	}
	// Output:
	// a.jpg 1
	// b.jpg 0
}
