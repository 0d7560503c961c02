package bigquery

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"cloud.google.com/go/bigquery"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/argand-go/argand/beamio"
)

func init() {
	beam.RegisterDoFn(&insertFn{})
	register.Function1x3(named)
}

// Write inserts a collection of structs into a table, "project.dataset.table" or
// "project:dataset.table". The type of the structs is any that is registered with
// Beam, such as beamio.Row. The dataset must be there; a table that is not is made,
// with the schema that bigquery.InferSchema of Google's package infers from the
// type: columns are called after bigquery tags, or else the fields. A table that is
// there is left as it is, and must have the columns. An empty collection makes no
// table.
//
// Rows are streamed (tabledata.insertAll) from all workers, as bundles end. Errors
// that may pass, such as status 500, are retried for up to ten minutes, with the
// same rows and ids; a row that is inserted twice, in a request or by a bundle that
// the runner runs again, is one row if BigQuery sees that, as it does for at least
// a minute. A row that BigQuery refuses fails the job, with its text, the reason
// and the table. So does one of more than 9 MiB, since BigQuery takes no more than
// 10 MB in a request: masks make rows large, and a beamio.Detector with NoMasks or
// a higher Score small. Rows come as JSON, so that values that JSON cannot carry,
// such as NaN, fail the job.
//
// Credentials are Google's application default credentials on each worker. Write
// panics if the name is not that of a table, and if the type of the rows is no
// struct, is not registered, or has fields that BigQuery has no type for or that
// JSON leaves out.
func Write(s beam.Scope, table string, rows beam.PCollection) {
	s = s.Scope("bigquery.Write")
	to, err := parseName(table)
	var t reflect.Type
	if err == nil {
		t, err = beamio.RowType(rows, "bigquery")
	}
	if err == nil {
		_, err = schemaOf(t)
	}
	if err != nil {
		panic(fmt.Sprintf("bigquery.Write: %v", err))
	}
	// What is before a reshuffle is not run again when what is behind it is: rows keep their ids.
	ids := beam.Reshuffle(s, beam.ParDo(s, named, rows))
	beam.ParDo0(s, &insertFn{Table: to, Type: beam.EncodedType{T: t}}, ids)
}

// named gives a row, as JSON, an id.
func named(row beam.X) (id, text string, err error) {
	data, err := json.Marshal(row)
	if err != nil {
		return "", "", fmt.Errorf("bigquery.Write: %T as JSON: %w: %s", row, err, start(fmt.Appendf(nil, "%+v", row)))
	}
	return rand.Text(), string(data), nil
}

// schemaOf returns the columns of a type.
func schemaOf(t reflect.Type) (bigquery.Schema, error) {
	schema, err := bigquery.InferSchema(reflect.New(t).Interface())
	if err == nil && len(schema) == 0 {
		err = fmt.Errorf("%v has no columns", t)
	}
	return schema, err
}

// tableName names a table.
type tableName struct{ Project, Dataset, Table string }

// String returns the name as people write it.
func (n tableName) String() string { return n.Project + "." + n.Dataset + "." + n.Table }

// parseName reads "project.dataset.table" and "project:dataset.table". A project may be "example.com:project".
func parseName(name string) (tableName, error) {
	dot := strings.LastIndexByte(name, '.')
	before := name[:max(dot, 0)]
	cut := strings.LastIndexByte(before, '.')
	if colon := strings.LastIndexByte(before, ':'); colon > cut {
		cut = colon
	}
	if cut <= 0 || cut == len(before)-1 || dot == len(name)-1 || strings.ContainsAny(name, " /") {
		return tableName{}, fmt.Errorf("%q is not a table: want project.dataset.table", name)
	}
	return tableName{before[:cut], before[cut+1:], name[dot+1:]}, nil
}
