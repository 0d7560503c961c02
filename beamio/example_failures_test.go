package beamio_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
)

// Sleepy is a handler whose model never finishes with "zzz".
type Sleepy struct{}

// Load returns the model.
func (s *Sleepy) Load(context.Context) (beamio.Model[string, int], error) { return s, nil }

// Infer counts letters, until its time is over.
func (*Sleepy) Infer(ctx context.Context, words []string) ([]int, error) {
	out := make([]int, len(words))
	for i, w := range words {
		if out[i] = len(w); w == "zzz" {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	return out, nil
}

func init() { beamio.Register(&Sleepy{}) }

// Python's timeout of with_exception_handling. A batch that takes too long is
// run again one by one, and only those that are too slow alone are failures.
func ExampleWithTimeout() {
	p, s, words := ptest.CreateList([]string{"go", "zzz", "gopher"})
	results, failures := beamio.RunInferenceDLQ(s, &Sleepy{}, words, beamio.WithTimeout(200*time.Millisecond))
	beam.ParDo0(s, printResult, results)
	beam.ParDo0(s, printFailure, failures)
	if err := ptest.Run(p); err != nil {
		fmt.Println(err)
	}
	// Unordered output:
	// "go": 2
	// "gopher": 6
	// "zzz" failed at inference: not done after 200ms
}

// Python's threshold of with_exception_handling: a job of which too much fails is
// worth nothing.
func ExampleWithThreshold() {
	p, s, words := ptest.CreateList([]string{"go", "", "gopher", ""})
	_, failures := beamio.RunInferenceDLQ(s, &Counter{}, words, beamio.WithThreshold(0.25))
	beam.ParDo0(s, printFailure, failures)
	err := ptest.Run(p)
	fmt.Println("too many:", err != nil && strings.Contains(err.Error(), "2 of 4 examples failed"))
	// Unordered output:
	// "" failed at inference: an empty word
	// "" failed at inference: an empty word
	// too many: true
}
