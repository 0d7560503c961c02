package beamio_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

// Counter is a handler whose model counts the letters of words.
type Counter struct{ Extra int }

// Load returns the model.
func (c *Counter) Load(context.Context) (beamio.Model[string, int], error) { return c, nil }

// Infer counts, and says which examples are at fault.
func (c *Counter) Infer(_ context.Context, words []string) ([]int, error) {
	out, errs := make([]int, len(words)), make(beamio.ExampleErrors, len(words))
	for i, w := range words {
		if out[i] = len(w) + c.Extra; w == "" {
			errs[i] = fmt.Errorf("an empty word")
		}
	}
	return out, errs
}

// Trim is a step before the model.
type Trim struct{}

// Do takes the blanks around a word away.
func (Trim) Do(_ context.Context, s string) (string, error) { return strings.TrimSpace(s), nil }

func init() {
	beamio.Register(&Counter{})
	beamio.Register(&beamio.Preprocess[string, string, int]{})
	beamio.Register(&beamio.PerKey[string, string, int]{})
	beamio.RegisterStep(&Trim{})
	register.Function1x0(printResult)
	register.Function1x0(printFailure)
	register.Function2x0(printKeyed)
	register.Function1x2(byLanguage)
}

func printResult(r beamio.PredictionResult[string, int]) {
	fmt.Printf("%q: %d\n", r.Example, r.Inference)
}

func printFailure(f beamio.Failure[string]) {
	fmt.Printf("%q failed at %s: %s\n", f.Example, f.Stage, f.Error)
}

func printKeyed(k string, r beamio.PredictionResult[string, int]) {
	fmt.Println(k, r.Example, r.Inference)
}

func byLanguage(s string) (string, string) {
	language, word, _ := strings.Cut(s, ":")
	return language, word
}

// A handler of one's own, with dead letters, a time-out and batches of up to 8.
func ExampleRunInferenceDLQ() {
	p, s, words := ptest.CreateList([]string{"gopher", ""})
	results, failures := beamio.RunInferenceDLQ(s, &Counter{}, words,
		beamio.WithBatchSize(1, 8), beamio.WithTimeout(time.Minute))
	beam.ParDo0(s, printResult, results)
	beam.ParDo0(s, printFailure, failures)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "gopher": 6
	// "" failed at inference: an empty word
}

// Code before the model runs in the model's stage, ahead on goroutines.
func ExamplePreprocess() {
	p, s, words := ptest.CreateList([]string{"  gopher ", "go"})
	h := &beamio.Preprocess[string, string, int]{Fn: &Trim{}, Handler: &Counter{}}
	beam.ParDo0(s, printResult, beamio.RunInference(s, h, words))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "  gopher ": 6
	// "go": 2
}

// A model for each key, of which at most four stay in memory.
func ExamplePerKey() {
	p, s, lines := ptest.CreateList([]string{"en:one", "de:eins", "fr:un"})
	h := &beamio.PerKey[string, string, int]{
		Cohorts: []beamio.Cohort[string, string, int]{{Keys: []string{"de", "nl"}, Handler: &Counter{Extra: 100}}},
		Default: &Counter{},
	}
	words := beam.ParDo(s, byLanguage, lines)
	beam.ParDo0(s, printKeyed, beamio.RunInference(s, h, words, beamio.WithMaxModels(4)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// en one 3
	// de eins 104
	// fr un 2
}
