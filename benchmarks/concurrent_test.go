package benchmarks

import (
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
	src, err := procedural.Classifier(testdata, "resnet50")
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
	b.ReportMetric(median(ratios), "×throughput")
}

// BenchmarkThreads runs a network on one thread and on all, in turns. It
// reports the medians of both times and of the ratio of all to one.
func BenchmarkThreads(b *testing.B) {
	for _, network := range []string{"resnet50", "maskrcnn"} {
		b.Run(network, func(b *testing.B) {
			path := checkpoint(b, network, false)
			var networks [2]*loaded
			for i := range networks {
				n, err := load(b.Context(), path, vision.WithThreads(1-i)) // 0 are all
				if err != nil {
					b.Fatal(err)
				}
				defer n.close()
				networks[i] = n
			}
			run := func(n *loaded) time.Duration {
				start := time.Now()
				if _, err := n.run(b.Context()); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			var times [2][]time.Duration
			var ratios []float64
			for b.Loop() {
				for i, n := range networks {
					run(n) // caches as this one leaves them
					times[i] = append(times[i], run(n))
				}
				last := len(ratios)
				ratios = append(ratios, times[1][last].Seconds()/times[0][last].Seconds())
			}
			b.ReportMetric(median(times[0]).Seconds()*1e3, "ms_one")
			b.ReportMetric(median(times[1]).Seconds()*1e3, "ms_all")
			b.ReportMetric(median(ratios), "×one")
			b.ReportMetric(0, "ns/op")
		})
	}
}
