package beamio

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

func init() {
	register.Function2x2(keyOfFailure)
	register.Function2x1(showLetter)
	register.Function2x1(showKeyedRow)
	beam.RegisterType(reflect.TypeFor[hidden]())
}

func keyOfFailure(_ context.Context, f Failure[int]) (float64, Failure[int]) { return 1.5, f }
func showLetter(_ context.Context, d DeadLetter) string {
	return strings.Join([]string{d.Key, d.Example, d.Stage, d.Error, d.ModelID}, "|")
}
func showKeyedRow(_ context.Context, r KeyedRow) string {
	return r.Key + "|" + r.File + "|" + r.Object[0].Label + "|" + r.Object[0].Mask.Counts
}

// TestDeadLetters takes failures of a handler that is not for pictures, with and without keys, to rows.
func TestDeadLetters(t *testing.T) {
	p, s, col := ptest.CreateList([]Failure[int]{{Example: 7, Stage: StageLoad, Error: "gone", ModelID: "m"}})
	collect(s, "letters", beam.ParDo(s, showLetter, DeadLetters(s, col)))
	collect(s, "keyed letters", beam.ParDo(s, showLetter, DeadLetters(s, beam.ParDo(s, keyOfFailure, col))))
	run(t, p)
	if all := [][]string{got("letters"), got("keyed letters")}; !reflect.DeepEqual(all,
		[][]string{{"|7|load|gone|m"}, {"1.5|7|load|gone|m"}}) {
		t.Errorf("got %q", all)
	}
	for want, build := range map[string]func(){
		"want Failure":    func() { DeadLetters(s, beam.Create(s, "no failure")) },
		"see DeadLetters": func() { FailureRows(s, beam.ParDo(s, keyOfFailure, col)) },
	} {
		func() {
			defer func() {
				if r, ok := recover().(string); !ok || !strings.Contains(r, want) {
					t.Errorf("panic %v, want %q", r, want)
				}
			}()
			build()
		}()
	}
}

func TestExampleText(t *testing.T) {
	for _, c := range []struct {
		f    failure
		want string
	}{
		{Failure[string]{Example: "a\nb"}, "a\nb"},
		{Failure[Picture]{Example: Picture{Name: "a.png", Data: []byte("secret")}}, "a.png"},
		{Failure[[]float32]{Example: []float32{0.1, 2}}, "[0.1,2]"},
		{Failure[[]float64]{Example: []float64{math.NaN()}}, "[NaN]"},
		{Failure[struct{ A int }]{}, `{"A":0}`},
		{Failure[string]{Example: strings.Repeat("é", 40_000)}, strings.Repeat("é", maxExampleText/2)},
		{Failure[string]{Example: "x" + strings.Repeat("é", 40_000)}, "x" + strings.Repeat("é", maxExampleText/2-1)},
	} {
		if got := c.f.deadLetter().Example; got != c.want {
			t.Errorf("%T: %.40q of %d bytes, want %.40q", c.f, got, len(got), c.want)
		}
	}
}

// TestKeyedRows keeps the keys of pictures.
func TestKeyedRows(t *testing.T) {
	r := seen(t, "a.png", nil)
	p, s, col := ptest.CreateList([]PredictionResult[Picture, Detections]{r})
	collect(s, "keyed rows", beam.ParDo(s, showKeyedRow, Rows(s, beam.ParDo(s, keyByName, col))))
	run(t, p)
	if want := "key of a.png|a.png|cat|" + r.Inference.Masks[0]; !slices.Equal(got("keyed rows"), []string{want}) {
		t.Errorf("got %q, want %q", got("keyed rows"), want)
	}
}

// TestClassRows takes the results of a classifier to rows, with and without keys.
func TestClassRows(t *testing.T) {
	cat := PredictionResult[Picture, Classes]{Example: Picture{Name: "a.png"}, ModelID: "m",
		Inference: Classes{Labels: []int{2, 1}, Names: []string{"cat", "dog"}, Scores: []float32{0.75, 0.25}}}
	none := PredictionResult[Picture, Classes]{Example: Picture{Name: "b.png"}}
	p, s, col := ptest.CreateList([]PredictionResult[Picture, Classes]{cat, none})
	const rows, keyed = "memfs://classes/rows", "memfs://classes/keyed"
	WriteJSONL(s, rows, ClassRows(s, col))
	WriteJSONL(s, keyed, ClassRows(s, beam.AddFixedKey(s, col)))
	run(t, p)
	for path, want := range map[string]string{
		rows: `{"file":"a.png","class":[{"label":"cat","score":0.75},{"label":"dog","score":0.25}]}` + "\n" +
			`{"file":"b.png","class":[]}` + "\n",
		keyed: `{"key":"0","file":"a.png","class":[{"label":"cat","score":0.75},{"label":"dog","score":0.25}]}` + "\n" +
			`{"key":"0","file":"b.png","class":[]}` + "\n",
	} {
		if data, err := ReadFile(t.Context(), path, 1<<20); err != nil || string(data) != want {
			t.Errorf("%s: %s, %v, want %s", path, data, err, want)
		}
	}
}

type (
	unregistered struct{ A int }
	hidden       struct {
		A int `json:"-"`
		B int
	}
	recursive struct{ Below []recursive }
	anything  struct{ A any }
)

type oneWay struct{}

func (oneWay) MarshalText() ([]byte, error) { return nil, nil }

func TestRowType(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	row := beam.Create(s, Row{})
	for want, rows := range map[string]beam.PCollection{
		"without a key": beam.AddFixedKey(s, row), "holds int": beam.Create(s, 1), "not registered": beam.Create(s, unregistered{}),
		`hidden: field A: its json tag is "-"`: beam.Create(s, hidden{}), "holds struct": beam.Create(s, struct{ A int }{}),
	} {
		if _, err := RowType(rows, "parquet"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if got, err := RowType(row, "parquet"); err != nil || got != reflect.TypeFor[Row]() {
		t.Errorf("%v, %v", got, err)
	}
	for want, row := range map[string]any{
		"oneWay makes JSON of itself": struct{ A []oneWay }{}, "has values of its own type": recursive{}, "field A: a interface {} cannot be in a row": anything{},
	} {
		if err := carried(reflect.TypeOf(row), "parquet", nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := carried(reflect.TypeFor[struct {
		A any `json:"-" parquet:"-"`
	}](), "parquet", nil); err != nil {
		t.Error(err)
	}
}
