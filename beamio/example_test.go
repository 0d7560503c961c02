package beamio_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

// Counter is a handler whose model counts the letters of words, and adds Extra.
// It is Python's ModelHandler, with load_model and run_inference.
type Counter struct {
	Extra int
	Path  string // of a file with another Extra
}

// ModelID returns what results call the model.
func (c *Counter) ModelID() string {
	if c.Path == "" {
		return "counter"
	}
	return filepath.Base(c.Path)
}

// WithPath returns a copy for another file.
func (c *Counter) WithPath(path string) beamio.ModelHandler[string, int] {
	return &Counter{c.Extra, path}
}

// Weight returns what a word weighs in a batch.
func (c *Counter) Weight(word string) int { return len(word) }

// Load returns the model.
func (c *Counter) Load(context.Context) (beamio.Model[string, int], error) {
	if c.Path == "" {
		return &counter{c.Extra}, nil
	}
	data, err := os.ReadFile(c.Path)
	if err != nil {
		return nil, err
	}
	extra, err := strconv.Atoi(string(data))
	return &counter{extra}, err
}

type counter struct{ extra int }

// Bytes returns the memory that the model takes.
func (c *counter) Bytes() int64 { return 1000 }

// Infer counts, and says which examples are at fault.
func (c *counter) Infer(_ context.Context, words []string) ([]int, error) {
	out, errs := make([]int, len(words)), make(beamio.ExampleErrors, len(words))
	for i, w := range words {
		if out[i] = len(w) + c.extra; w == "" {
			errs[i] = errors.New("an empty word")
		}
	}
	return out, errs
}

// Trim is a step before the model.
type Trim struct{}

// Do takes the blanks around a word away.
func (Trim) Do(_ context.Context, s string) (string, error) { return strings.TrimSpace(s), nil }

// Spell is a step after the model.
type Spell struct{ Words []string }

// Do makes a word of a number.
func (s *Spell) Do(_ context.Context, n int) (string, error) {
	if n >= len(s.Words) {
		return "", fmt.Errorf("no word for %d", n)
	}
	return s.Words[n], nil
}

func init() {
	beamio.Register(&Counter{})
	beamio.Register(&beamio.Preprocess[string, string, int]{})
	beamio.Register(&beamio.Postprocess[string, int, string]{})
	beamio.Register(&beamio.PerKey[string, string, int]{})
	beamio.Register(&beamio.Detector{})
	beamio.RegisterStep(&Trim{})
	beamio.RegisterStep(&Spell{})
	register.Function1x0(printResult)
	register.Function1x0(printModel)
	register.Function1x0(printFailure)
	register.Function1x0(printSpelt)
	register.Function1x0(printObjects)
	register.Function1x0(printBroken)
	register.Function2x0(printKeyed)
	register.Function1x2(byLanguage)
}

func printResult(r beamio.PredictionResult[string, int]) {
	fmt.Printf("%q: %d\n", r.Example, r.Inference)
}

func printModel(r beamio.PredictionResult[string, int]) {
	fmt.Printf("%q: %d by %s\n", r.Example, r.Inference, r.ModelID)
}

func printFailure(f beamio.Failure[string]) {
	fmt.Printf("%q failed at %s: %s\n", f.Example, f.Stage, f.Error)
}

func printSpelt(r beamio.PredictionResult[string, string]) {
	fmt.Printf("%q: %s\n", r.Example, r.Inference)
}

func printKeyed(k string, r beamio.PredictionResult[string, int]) {
	fmt.Println(k, r.Example, r.Inference)
}

func printObjects(r beamio.PredictionResult[beamio.Picture, beamio.Detections]) {
	fmt.Println(filepath.Base(r.Example.Name), r.Inference.Names)
}

func printBroken(f beamio.Failure[beamio.Picture]) {
	fmt.Println(filepath.Base(f.Example.Name), "failed at", f.Stage)
}

func byLanguage(s string) (string, string) {
	language, word, _ := strings.Cut(s, ":")
	return language, word
}

// Pictures in, objects out, and what failed besides. A program of its own
// registers its handlers in init, calls beam.Init, and runs the pipeline with
// beamx.Run:
//
//	func init() { beamio.Register(&beamio.Detector{}) }
func Example() {
	p, s := beam.NewPipelineWithRoot()
	pictures := beamio.MatchImages(s, "../testdata/shapes/s*.png")
	detector := &beamio.Detector{
		Model: "../testdata/shapes/model.pth", Labels: "testdata/examples/shapes.txt",
		MinSize: 192, MaxSize: 270, Score: 0.9,
	}
	found, failed := beamio.RunInferenceDLQ(s, detector, pictures)
	beam.ParDo0(s, printObjects, found)
	beam.ParDo0(s, printBroken, failed)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// s192.png [circle star circle circle triangle triangle]
	// s256up.png [star]
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

// The keys of a collection stay with the results: Python's KeyedModelHandler.
func ExampleRunInference_keyed() {
	p, s, lines := ptest.CreateList([]string{"en:one", "de:eins"})
	words := beam.ParDo(s, byLanguage, lines)
	beam.ParDo0(s, printKeyed, beamio.RunInference(s, &Counter{}, words))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// en one 3
	// de eins 4
}

// Code before the model runs in the model's stage, ahead on goroutines: Python's
// with_preprocess_fn.
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

// Code after the model runs in its stage, too: Python's with_postprocess_fn.
// What it cannot do is a failure at a stage of its own.
func ExamplePostprocess() {
	p, s, words := ptest.CreateList([]string{"go", "gopher"})
	h := &beamio.Postprocess[string, int, string]{
		Fn: &Spell{Words: []string{"none", "one", "two"}}, Handler: &Counter{},
	}
	results, failures := beamio.RunInferenceDLQ(s, h, words)
	beam.ParDo0(s, printSpelt, results)
	beam.ParDo0(s, printFailure, failures)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "go": two
	// "gopher" failed at postprocess: no word for 6
}

// A model for each key, of which at most four stay in memory: Python's
// KeyModelMapping.
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
