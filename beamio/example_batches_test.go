package beamio_test

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

// Together is a handler whose model says of each word how many are in its batch.
type Together struct{}

// Load returns the model.
func (t *Together) Load(context.Context) (beamio.Model[string, int], error) { return t, nil }

// Infer counts the batch.
func (*Together) Infer(_ context.Context, words []string) ([]int, error) {
	out := make([]int, len(words))
	for i := range out {
		out[i] = len(words)
	}
	return out, nil
}

// Weight returns what a word weighs.
func (*Together) Weight(word string) int { return len(word) }

func init() { beamio.Register(&Together{}) }

// Python's min_batch_size and max_batch_size. The last batch of a bundle may be
// smaller. Here the model says how many words were in the batch of each.
func ExampleWithBatchSize() {
	p, s, words := ptest.CreateList([]string{"ant", "bee", "cat", "dog", "elk"})
	beam.ParDo0(s, printResult, beamio.RunInference(s, &Together{}, words, beamio.WithBatchSize(2, 2)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "ant": 2
	// "bee": 2
	// "cat": 2
	// "dog": 2
	// "elk": 1
}

// Python's max_batch_weight and element_size_fn: the handler's method Weight says
// what a word weighs, here its length.
func ExampleWithBatchWeight() {
	p, s, words := ptest.CreateList([]string{"elephant", "ant", "bee", "hippopotamus", "cat"})
	beam.ParDo0(s, printResult, beamio.RunInference(s, &Together{}, words,
		beamio.WithBatchSize(8, 8), beamio.WithBatchWeight(10)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "elephant": 1
	// "ant": 2
	// "bee": 2
	// "hippopotamus": 1
	// "cat": 1
}

// Python's max_batch_duration_secs: examples of all bundles that come within the
// time are one batch. It is for streams; here there is one bundle, whose last
// word waits for others.
func ExampleWithBatchDelay() {
	p, s, words := ptest.CreateList([]string{"ant", "bee", "cat"})
	beam.ParDo0(s, printResult, beamio.RunInference(s, &Together{}, words,
		beamio.WithBatchSize(2, 2), beamio.WithBatchDelay(100*time.Millisecond)))
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "ant": 2
	// "bee": 2
	// "cat": 1
}
