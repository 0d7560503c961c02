package bigquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"cloud.google.com/go/bigquery"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"google.golang.org/api/googleapi"
)

const (
	maxRows    = 500              // of a request; Google's advice
	maxRequest = 9 << 20          // bytes of a request, of which BigQuery takes 10 MB
	rowExtra   = 64               // bytes of a row besides its values: its id and what is around it
	maxTime    = 10 * time.Minute // that a request and its retries may take
	maxUnknown = 2 * time.Minute  // that a table may be unknown to BigQuery after it was made
)

// insertFn inserts rows when there is a request full of them, and at the end of a bundle.
type insertFn struct {
	Table tableName
	Type  beam.EncodedType

	table  *bigquery.Table // nil until the first request
	schema bigquery.Schema
	rows   []*savedRow
	bytes  int
}

// A savedRow is a row of a request.
type savedRow struct {
	id     string
	values map[string]bigquery.Value
	text   []byte // the values as JSON
}

// Save implements bigquery.ValueSaver.
func (r *savedRow) Save() (map[string]bigquery.Value, string, error) { return r.values, r.id, nil }

// StartBundle forgets what a bundle that failed has left.
func (f *insertFn) StartBundle(context.Context) { f.rows, f.bytes = nil, 0 }

// ProcessElement takes one row.
func (f *insertFn) ProcessElement(ctx context.Context, id, text string) error {
	row, err := f.save(id, text)
	if err != nil {
		return f.fail(err)
	}
	n := len(row.text) + rowExtra
	if n > maxRequest {
		return f.fail(fmt.Errorf("a row of %d bytes, BigQuery takes 10 MB: %s", n, start(row.text)))
	}
	if len(f.rows) == maxRows || f.bytes+n > maxRequest {
		if err := f.insert(ctx); err != nil {
			return err
		}
	}
	f.rows = append(f.rows, row)
	f.bytes += n
	return nil
}

// FinishBundle inserts the rows that are left.
func (f *insertFn) FinishBundle(ctx context.Context) error { return f.insert(ctx) }

// save makes BigQuery's values of a row.
func (f *insertFn) save(id, text string) (*savedRow, error) {
	if f.schema == nil {
		var err error
		if f.schema, err = schemaOf(f.Type.T); err != nil {
			return nil, err
		}
	}
	v := reflect.New(f.Type.T).Interface()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return nil, fmt.Errorf("%v from JSON: %w", f.Type.T, err)
	}
	values, _, err := (&bigquery.StructSaver{Schema: f.schema, Struct: v}).Save()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(values)
	return &savedRow{id, values, data}, err
}

// insert sends the rows.
func (f *insertFn) insert(ctx context.Context) error {
	rows := f.rows
	if len(rows) == 0 {
		return nil
	}
	f.rows, f.bytes = nil, 0
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if f.table == nil {
		table, err := f.open(ctx)
		if err != nil {
			return f.fail(err)
		}
		f.table = table
	}
	pause := time.Second
	for begin := time.Now(); ; pause *= 2 {
		err := f.table.Inserter().Put(ctx, rows)
		if !is(err, http.StatusNotFound) || time.Since(begin) > maxUnknown {
			return f.fail(refusal(err, rows))
		}
		select { // the table was seen, but not by all of BigQuery
		case <-ctx.Done():
			return f.fail(err)
		case <-time.After(pause):
		}
	}
}

// open finds the table, or makes it. Its client is not closed, as Beam does not say when nobody wants it any more; it
// has no more than idle connections.
func (f *insertFn) open(ctx context.Context) (*bigquery.Table, error) {
	client, err := bigquery.NewClient(context.WithoutCancel(ctx), f.Table.Project) // it outlives the bundle
	if err != nil {
		return nil, err
	}
	table := client.Dataset(f.Table.Dataset).Table(f.Table.Table)
	_, err = table.Metadata(ctx)
	if is(err, http.StatusNotFound) {
		err = table.Create(ctx, &bigquery.TableMetadata{Schema: f.schema})
		if is(err, http.StatusConflict) { // another worker was quicker
			err = nil
		}
	}
	if err != nil {
		_ = client.Close() // err tells more
		return nil, err
	}
	return table, nil
}

// fail names the table in an error.
func (f *insertFn) fail(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("bigquery.Write: %v: %w", f.Table, err)
}

// is reports whether an error is a status of HTTP.
func is(err error, status int) bool {
	e, ok := errors.AsType[*googleapi.Error](err)
	return ok && e.Code == status
}

// refusal says of an error that BigQuery has with rows which row it is, and why. The others of a request are not
// inserted because of it, and are told as "stopped".
func refusal(err error, rows []*savedRow) error {
	refused, ok := errors.AsType[bigquery.PutMultiError](err)
	if !ok {
		return err
	}
	n, first := 0, refused[0]
	for _, r := range refused {
		if !stopped(r) {
			if n == 0 {
				first = r
			}
			n++
		}
	}
	return fmt.Errorf("%d of %d rows were refused, the first for %w: %s",
		n, len(rows), first.Errors, start(rows[first.RowIndex].text))
}

// stopped reports whether a row was not inserted because of others.
func stopped(r bigquery.RowInsertionError) bool {
	for _, err := range r.Errors {
		if e, ok := errors.AsType[*bigquery.Error](err); !ok || e.Reason != "stopped" {
			return false
		}
	}
	return true
}

// start returns how a row begins, for people to know it.
func start(text []byte) string {
	const most = 200
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most]) + "…"
}
