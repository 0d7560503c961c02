package bigquery_test

import (
	"fmt"

	cloud "cloud.google.com/go/bigquery"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/beamio/bigquery"
)

// Rows of pictures into a table, which is made of their columns.
func ExampleWrite() {
	p, s, rows := ptest.CreateList([]beamio.Row{
		{File: "a.jpg", Object: []beamio.RowObject{{Label: "cat", Score: 0.75, Box: []float32{0, 0, 10, 20}}}},
	})
	bigquery.Write(s, "p.d.detections", rows)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	schema, err := cloud.InferSchema(beamio.Row{})
	if err != nil {
		fmt.Println(err)
	}
	for _, column := range schema {
		fmt.Println(column.Name, column.Type, column.Repeated)
	}
	// Output:
	// file STRING false
	// object RECORD true
}
