package beamio_test

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

// Pair is a handler whose model answers two batches at once, and never one.
type Pair struct{}

// Load returns the model.
func (p *Pair) Load(context.Context) (beamio.Model[string, int], error) { return p, nil }

var meeting = make(chan struct{})

// Infer waits for another call.
func (*Pair) Infer(ctx context.Context, words []string) ([]int, error) {
	select {
	case meeting <- struct{}{}:
	case <-meeting:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return make([]int, len(words)), nil
}

func init() { beamio.Register(&Pair{}) }

// Two batches are in the one model at once, for models that wait for something;
// Python would need two processes. Here they wait for each other.
func ExampleWithConcurrency() {
	p, s, words := ptest.CreateList([]string{"go", "gopher"})
	beam.ParDo0(s, printResult, beamio.RunInference(s, &Pair{}, words,
		beamio.WithBatchSize(1, 1), beamio.WithConcurrency(2)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "go": 0
	// "gopher": 0
}

// Python's model_copies: the model is loaded twice, and batches take turns.
func ExampleWithModelCopies() {
	p, s, words := ptest.CreateList([]string{"go", "gopher"})
	beam.ParDo0(s, printResult, beamio.RunInference(s, &Counter{}, words,
		beamio.WithBatchSize(1, 1), beamio.WithModelCopies(2)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "go": 2
	// "gopher": 6
}

// Python's metrics_namespace, and how metrics are asked for. [DefaultNamespace] is
// the default.
func ExampleWithNamespace() {
	p, s, words := ptest.CreateList([]string{"go", "gopher"})
	beamio.RunInference(s, &Counter{}, words, beamio.WithNamespace("words"))
	res, err := ptest.RunWithMetrics(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	found := res.Metrics().Query(func(m beam.MetricResult) bool {
		return m.Namespace() == "words" && m.Name() == "num_inferences"
	})
	for _, c := range found.Counters() {
		fmt.Println(c.Name(), c.Result())
	}
	// Output: num_inferences 2
}

// How large batches were and how long they took, in buckets; Python counts no
// such thing. [StatsOf] reads all metrics at once.
func ExampleWithHistograms() {
	p, s, words := ptest.CreateList([]string{"ant", "bee", "cat", "dog", "elk"})
	beamio.RunInference(s, &Counter{}, words, beamio.WithBatchSize(2, 2), beamio.WithHistograms())
	res, err := ptest.RunWithMetrics(p)
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, _ := beamio.StatsOf(res, nil)
	for _, b := range stats.BatchSize.Buckets {
		fmt.Println(b.Count, "of", b.UpTo)
	}
	// Output:
	// 1 of 1
	// 2 of 2
}

// Python's model_identifier: what results call the model, and who shares it. A
// handler's own name for it is the default, or its type's.
func ExampleWithModelID() {
	p, s, words := ptest.CreateList([]string{"gopher"})
	beam.ParDo0(s, printModel, beamio.RunInference(s, &Counter{}, words))
	beam.ParDo0(s, printModel, beamio.RunInference(s, &Counter{}, words, beamio.WithModelID("letters v2")))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "gopher": 6 by counter
	// "gopher": 6 by letters v2
}

// Results without their examples, for large ones; Python's always have them.
func ExampleWithoutExample() {
	p, s, words := ptest.CreateList([]string{"gopher"})
	beam.ParDo0(s, printResult, beamio.RunInference(s, &Counter{}, words, beamio.WithoutExample()))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output: "": 6
}

// Python's watch_model_pattern: the newest file is the model, from the next batch
// on. In this short job it is the one that was there at the start.
func ExampleWithModelWatch() {
	p, s, words := ptest.CreateList([]string{"gopher"})
	beam.ParDo0(s, printModel, beamio.RunInference(s, &Counter{}, words,
		beamio.WithModelWatch("testdata/examples/plus2*.txt", time.Minute)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output: "gopher": 26 by plus20.txt
}

// Python's model_metadata_pcoll: a collection says which file is the model.
func ExampleWithModelUpdates() {
	p, s, words := ptest.CreateList([]string{"gopher"})
	paths := beam.Create(s, "testdata/examples/plus10.txt")
	beam.ParDo0(s, printModel, beamio.RunInference(s, &Counter{}, words, beamio.WithModelUpdates(paths)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Output: "gopher": 16 by plus10.txt
}

// Python's max_models_per_worker_hint: of the models of all languages only the one
// that is used stays in memory.
func ExampleWithMaxModels() {
	p, s, lines := ptest.CreateList([]string{"en:one", "de:eins"})
	h := &beamio.PerKey[string, string, int]{Cohorts: []beamio.Cohort[string, string, int]{
		{Keys: []string{"en"}, Handler: &Counter{Path: "testdata/examples/plus10.txt"}},
		{Keys: []string{"de"}, Handler: &Counter{Path: "testdata/examples/plus20.txt"}},
	}}
	words := beam.ParDo(s, byLanguage, lines)
	beam.ParDo0(s, printKeyed, beamio.RunInference(s, h, words, beamio.WithMaxModels(1)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// en one 13
	// de eins 24
}

// Python's use_model_manager: models stay in memory while they take no more than
// so many bytes, by what they say in their method Bytes.
func ExampleWithModelBudget() {
	p, s, lines := ptest.CreateList([]string{"en:one", "de:eins"})
	h := &beamio.PerKey[string, string, int]{
		Cohorts: []beamio.Cohort[string, string, int]{{Keys: []string{"de"}, Handler: &Counter{Extra: 20}}},
		Default: &Counter{},
	}
	words := beam.ParDo(s, byLanguage, lines)
	beam.ParDo0(s, printKeyed, beamio.RunInference(s, h, words, beamio.WithModelBudget(1500)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// en one 3
	// de eins 24
}
