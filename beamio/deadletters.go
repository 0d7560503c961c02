package beamio

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
)

// DeadLetter is a [Failure] of any handler as a row. A [FailureRow] is one of a
// picture, in fewer columns.
type DeadLetter struct {
	Key     string `json:"key" bigquery:"key" parquet:"key"`             // as text, "" for want of one
	Example string `json:"example" bigquery:"example" parquet:"example"` // as text, the first 64 KiB
	Stage   string `json:"stage" bigquery:"stage" parquet:"stage"`
	Error   string `json:"error" bigquery:"error" parquet:"error"`
	ModelID string `json:"model_id" bigquery:"model_id" parquet:"model_id"`
}

// maxExampleText is how many bytes of an example's text a dead letter has.
const maxExampleText = 64 << 10

// DeadLetters makes a PCollection<[DeadLetter]> of the failures of any handler,
// keyed or not. The text of a key or an example is itself if it is a string, what
// its String method returns, such as the name of a [Picture], and otherwise its
// JSON. It panics if the collection holds no failures.
func DeadLetters(s beam.Scope, failures beam.PCollection) beam.PCollection {
	s = s.Scope("beamio.DeadLetters")
	t, of := failures.Type(), any(deadLetterOf)
	if typex.IsKV(t) {
		t, of = t.Components()[1], keyedDeadLetterOf
	}
	if !t.Type().Implements(reflect.TypeFor[failure]()) {
		panic(fmt.Sprintf("beamio.DeadLetters: the collection holds %v; want Failure or KV<K, Failure>", failures.Type()))
	}
	return beam.ParDo(s, of, failures)
}

// failure is any [Failure].
type failure interface{ deadLetter() DeadLetter }

func (f Failure[E]) deadLetter() DeadLetter {
	text := textOf(f.Example)
	if len(text) > maxExampleText {
		text = strings.ToValidUTF8(text[:maxExampleText], "")
	}
	return DeadLetter{Example: text, Stage: f.Stage, Error: f.Error, ModelID: f.ModelID}
}

func deadLetterOf(_ context.Context, f beam.X) DeadLetter { return f.(failure).deadLetter() }

func keyedDeadLetterOf(_ context.Context, key beam.T, f beam.X) DeadLetter {
	d := f.(failure).deadLetter()
	d.Key = textOf(key)
	return d
}

// textOf returns a key or an example as text.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case fmt.Stringer:
		return v.String()
	}
	data, err := json.Marshal(v)
	if err != nil { // NaN, for instance
		return fmt.Sprint(v)
	}
	return string(data)
}
