package parquet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/beamio"
	"github.com/parquet-go/parquet-go"
)

func init() { beam.RegisterDoFn(&writeFn{}) }

// rowGroup is how much JSON of rows makes a row group, which is held in memory, compressed, until it is written.
const rowGroup = 32 << 20

// Write writes a bounded collection of structs to one Parquet file, in the order
// of their JSON, and returns a PCollection<string> with its path once the file is
// there. The type of the structs is any that is registered with Beam, such as
// beamio.Row; options and guarantees are those of beamio.WriteJSONL. An empty
// collection makes a file with columns and no rows.
//
// Columns are called after the fields' parquet tags, or else the fields: see
// parquet.SchemaOf of parquet-go. A slice is a repeated column and not a LIST, so
// that BigQuery loads beamio.Row in the schema that package bigquery gives it; a
// pointer is an optional column, a nested struct a group. A time.Time is a
// timestamp in nanoseconds, from the years 1678 to 2262, unless its tag has
// timestamp(microsecond); one outside, such as the zero Time, fails the job. Pages
// are compressed with Zstandard. Rows come as JSON, so that values that JSON
// cannot carry, such as NaN, fail the job.
//
// A worker holds the JSON of all rows of a file in memory to sort them, unless
// they are beamio.Unsorted, and a row group, of 32 MiB of JSON before it is
// compressed. Write panics as beamio.WriteJSONL does, and if the type of the rows
// is no struct, is not registered, or has fields that have no column or that JSON
// leaves out.
func Write(s beam.Scope, path string, rows beam.PCollection, opts ...beamio.SinkOption) beam.PCollection {
	s = s.Scope("parquet.Write")
	t, err := beamio.RowType(rows, "parquet")
	if err == nil {
		_, err = schemaOf(t)
	}
	if err != nil {
		panic(fmt.Sprintf("parquet.Write: %v", err))
	}
	files := beamio.NewShards(path, opts...)
	return beam.ParDo(s, &writeFn{files, beam.EncodedType{T: t}}, files.Group(s, rows))
}

// schemaOf returns the columns of a type. Parquet-go panics for types that have none.
func schemaOf(t reflect.Type) (schema *parquet.Schema, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v: %v", t, p)
		}
	}()
	schema = parquet.SchemaOf(reflect.New(t).Interface())
	if len(schema.Columns()) == 0 {
		return nil, fmt.Errorf("%v has no columns", t)
	}
	return schema, nil
}

// writeFn writes a shard.
type writeFn struct {
	Files beamio.Shards
	Type  beam.EncodedType
}

// ProcessElement writes a shard to a file of its own and emits its path.
func (f *writeFn) ProcessElement(
	ctx context.Context, shard int, next func(*string) bool, emit func(string),
) error {
	path, err := f.Files.Write(ctx, shard, next, func(w io.Writer, rows iter.Seq[string]) error {
		return encode(w, f.Type.T, rows, rowGroup)
	})
	if err != nil {
		return fmt.Errorf("parquet.Write: %w", err)
	}
	emit(path)
	return nil
}

// encode makes a Parquet file of rows of a type, which are JSON, with row groups of so many bytes of it.
func encode(w io.Writer, t reflect.Type, rows iter.Seq[string], group int) error {
	schema, err := schemaOf(t)
	if err != nil {
		return err
	}
	// Statistics in the header of a page repeat its least and its greatest value in full, which may be most of the page.
	// The index of pages has what readers need to skip them.
	file := parquet.NewWriter(w, schema, parquet.Compression(&parquet.Zstd), parquet.DataPageStatistics(false))
	size, timed := 0, holdsTimes(t)
	for text := range rows {
		row := reflect.New(t).Interface()
		if err := json.Unmarshal([]byte(text), row); err != nil {
			return fmt.Errorf("%v from JSON: %w", t, err)
		}
		if timed {
			if err := checkTimes(reflect.ValueOf(row)); err != nil {
				return err
			}
		}
		if err := file.Write(row); err != nil {
			return err
		}
		if size += len(text); size >= group {
			if err := file.Flush(); err != nil {
				return err
			}
			size = 0
		}
	}
	return file.Close()
}
