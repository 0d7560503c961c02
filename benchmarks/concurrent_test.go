package benchmarks

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

// BenchmarkConcurrentResNet50 runs a network eight times from eight goroutines, and beside that eight times in a row.
// It reports the throughput of the former over that of the latter: 1 where sharing the cores costs nothing.
func BenchmarkConcurrentResNet50(b *testing.B) {
	const callers = 8
	src, err := procedural.ResNet(testdata, "resnet50")
	if err != nil {
		b.Fatal(err)
	}
	c, err := vision.NewClassifier(b.Context(), kernels.CPU(), src)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	numbers := make([]float32, 3*224*224)
	procedural.Fill(numbers, "input224", 2)
	x, err := tensor.Of(numbers, 1, 3, 224, 224)
	if err != nil {
		b.Fatal(err)
	}
	run := func() {
		if _, err := c.Logits(b.Context(), x); err != nil {
			b.Error(err)
		}
	}
	together := func() {
		var all sync.WaitGroup
		for range callers {
			all.Go(run)
		}
		all.Wait()
	}
	together() // plans, and touches the arenas of all callers for the first time
	var ratios []float64
	for b.Loop() {
		start := time.Now()
		for range callers {
			run()
		}
		row := time.Since(start)
		start = time.Now()
		together()
		ratios = append(ratios, float64(row)/float64(time.Since(start)))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "×throughput")
}
