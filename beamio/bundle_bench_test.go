package beamio

import (
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// BenchmarkElement tells what RunInference costs for an element besides the
// model and the runner: elements of a bundle of 100,000 with the adaptive size of
// batches, which are small and many.
func BenchmarkElement(b *testing.B) {
	const elements = 100_000
	fn := newBundle(b, &scale{Name: b.Name()})
	discard := func(beam.EventTime, PredictionResult[int, int]) {}
	for b.Loop() {
		if err := fn.start(); err != nil {
			b.Fatal(err)
		}
		for i := range elements {
			if err := fn.fn.ProcessElement(fn.ctx, 0, i, discard, fn.failure); err != nil {
				b.Fatal(err)
			}
		}
		if err := fn.fn.FinishBundle(fn.ctx, discard, fn.failure); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/elements, "ns/element")
}
