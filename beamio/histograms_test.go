package beamio

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

// TestBuckets: buckets follow each other without a gap, are at most 10 % wide, and their names tell them.
func TestBuckets(t *testing.T) {
	for _, exact := range []int64{exactTimes, exactSizes} {
		metric := map[int64]string{exactTimes: nameBatchLatency, exactSizes: nameBatchSize}[exact]
		end := int64(-1)
		for n := 0; end < 1e18; n++ {
			above, upTo := bucketOf(end+1, exact)
			if above != end || upTo <= above || above > 0 && float64(upTo-above) > max(1, 0.1*float64(above)) {
				t.Fatalf("bucket %d: (%d, %d] after %d", n, above, upTo, end)
			}
			for _, v := range []int64{above + 1, (above + upTo + 1) / 2, upTo} {
				if a, u := bucketOf(v, exact); a != above || u != upTo {
					t.Fatalf("%d is in (%d, %d], not in (%d, %d]", v, a, u, above, upTo)
				}
			}
			name := fmt.Sprint(metric, bucketInfix, upTo)
			if m, a, u, ok := bucketNamed(name); !ok || m != metric || a != above || u != upTo {
				t.Fatalf("%s tells of %s (%d, %d], %v", name, m, a, u, ok)
			}
			end = upTo
			if n > 1000 {
				t.Fatalf("more than %d buckets", n)
			}
		}
	}
	for _, v := range []int64{math.MinInt64, -1, 0} {
		if above, upTo := bucketOf(v, exactTimes); above != -1 || upTo != 0 {
			t.Errorf("%d is in (%d, %d]", v, above, upTo)
		}
	}
	if _, upTo := bucketOf(math.MaxInt64, exactTimes); upTo != 1e18 {
		t.Errorf("the last bucket ends at %d", upTo)
	}
	for _, name := range []string{"", "num_inferences", nameBatchLatency + "_bucket_", nameBatchLatency + "_bucket_x",
		nameBatchLatency + "_bucket_-5", nameBatchLatency + "_bucket_121", nameBatchSize + "_bucket_101"} {
		if _, _, _, ok := bucketNamed(name); ok {
			t.Errorf("%q is a bucket", name)
		}
	}
}

// FuzzBucketNamed: a counter is a bucket only if it is called as its bucket is.
func FuzzBucketNamed(f *testing.F) {
	for _, seed := range []string{nameBatchLatency + "_bucket_130", nameBatchSize + "_bucket_64", "_bucket_-1", "_bucket_+1",
		"_bucket_01", "a_bucket_b_bucket_20", nameBatchLatency + "_bucket_9999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		metric, above, upTo, ok := bucketNamed(name)
		if ok && (name != fmt.Sprint(metric, bucketInfix, upTo) || above >= upTo) {
			t.Errorf("%q is %s (%d, %d]", name, metric, above, upTo)
		}
	})
}

// TestPercentile compares with percentiles of the values themselves: both are in the same bucket.
func TestPercentile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for trial := range 300 {
		values := make([]int64, 1+r.IntN(400))
		for i := range values {
			values[i] = int64(math.Exp(r.Float64() * float64(1+trial%20)))
		}
		var v Values
		for _, n := range values {
			v.merge(metrics.DistributionValue{Count: 1, Sum: n, Min: n, Max: n})
			above, upTo := bucketOf(n, exactTimes)
			v.Buckets = append(v.Buckets, Bucket{above, upTo, 1})
		}
		if trial%3 == 0 { // without the distribution it must do, too
			v = Values{Buckets: v.Buckets}
		}
		v.Buckets = merged(v.Buckets)
		slices.Sort(values)
		for _, p := range []float64{0, 1, 50, 95, 99, 99.9, 100} {
			exact := values[max(int(math.Ceil(p/100*float64(len(values)))), 1)-1]
			above, upTo := bucketOf(exact, exactTimes)
			got, ok := v.Percentile(p)
			if !ok || got <= float64(above) || got > float64(upTo) {
				t.Fatalf("%d values, p%v: %v, %v; want one in (%d, %d] with %d", len(values), p, got, ok, above, upTo, exact)
			}
			if upTo-above == 1 && got != float64(exact) {
				t.Errorf("p%v is %v, want %d", p, got, exact)
			}
		}
	}
	v := Values{Count: 1, Sum: 7, Min: 7, Max: 7}
	if p, ok := v.Percentile(50); ok {
		t.Errorf("a percentile %v of no buckets", p)
	}
	v.Buckets = []Bucket{{6, 7, 1}}
	for _, p := range []float64{-1, 101, math.NaN()} {
		if got, ok := v.Percentile(p); ok {
			t.Errorf("p%v is %v", p, got)
		}
	}
}

// TestHistograms runs two transforms in two namespaces on a runner.
func TestHistograms(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 25))
	a := &double{Name: "histogram", Fail: []int{24}, Pause: 3 * time.Millisecond}
	RunInferenceDLQ(s, a, col, WithBatchSize(10, 10), WithHistograms())
	RunInferenceDLQ(s, &double{Name: "histogram", Blame: []int{3, 4}}, col, WithBatchSize(5, 5), WithNamespace("other"),
		WithHistograms())
	words := beam.CreateList(s, []string{"x", "four", "bad", "worse"})
	RunInferenceDLQ(s, &lengths{Name: "histogram"}, words, WithHistograms(), WithBatchSize(1, 1))
	res, err := ptest.RunWithMetrics(p)
	if err != nil {
		t.Fatal(err)
	}
	all, ok := StatsOf(res, nil)
	if !ok || all.Inferences != 24+23+2 || all.FailedExamples != 1+2+2 || all.FailedBatches != 1 {
		t.Errorf("%+v", all)
	}
	if fmt.Sprint(all.FailedAt) != "map[decode:1 inference:1 postprocess:2 preprocess:1]" {
		t.Errorf("failed at %v", all.FailedAt)
	}
	// 10, 10, 1 to 1 for the last batch, in which one fails; 5 × 5; 1, 1
	if want := []Bucket{{0, 1, 4 + 2}, {4, 5, 5}, {9, 10, 2}}; !slices.Equal(all.BatchSize.Buckets, want) {
		t.Errorf("sizes %v, want %v", all.BatchSize.Buckets, want)
	}
	sum := func(v Values) (n int64) {
		for _, b := range v.Buckets {
			n += b.Count
		}
		return n
	}
	if all.BatchSize.Count != sum(all.BatchSize) || all.Batch.Count != sum(all.Batch) || all.Batch.Count != 13 ||
		sum(all.Example) != 24+25+2 || all.Prepare.Count != 4 || sum(all.Prepare) != 4 {
		t.Errorf("%+v", all)
	}
	if share := all.PrepareShare(); share <= 0 || share >= 1 {
		t.Errorf("preparing took %v of the time", share)
	}
	one, ok := StatsOf(res, func(m beam.MetricResult) bool { return m.Namespace() == DefaultNamespace })
	if p50, known := one.Batch.Percentile(50); !ok || one.Inferences != 26 || !known || one.Load.Count != 2 {
		t.Errorf("%+v, p50 %v", one, p50)
	}
	if none, ok := StatsOf(res, func(beam.MetricResult) bool { return false }); ok {
		t.Errorf("%+v of no metrics", none)
	}
	text := all.Table("word", time.Second)
	for _, want := range []string{"speed ", "words a second", "failures    5: 1 at decode, 1 at preprocess, 1 at inference, 2 at postprocess\n",
		"batches     13 of 1 to 10 words, ", "            1 █ 6   5 ▆ 5   10 ▃ 2\n", " a batch\n", "decoding    p50 ", "faults      failed batches: 1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestHistogramsAreOff(t *testing.T) {
	b := newBundle(t, &scale{Name: t.Name(), Fail: []int{2}}).mustRun(t, 1, 2, 3)
	for _, c := range metrics.ResultsExtractor(b.ctx).AllMetrics().Counters() {
		if strings.Contains(c.Name(), bucketInfix) {
			t.Errorf("there is %s", c.Name())
		}
	}
}

// results is a job's result.
type results struct{ metrics *metrics.Results }

func (r results) Metrics() metrics.Results { return *r.metrics }
func (r results) JobID() string            { return "" }

// TestStatsOf reads metrics as runners tell them: attempted, committed, or not at all.
func TestStatsOf(t *testing.T) {
	for _, r := range []beam.PipelineResult{nil, (*results)(nil), results{}, results{metrics.NewResults(nil, nil, nil, nil, nil)}} {
		if s, ok := StatsOf(r, nil); ok || s == nil {
			t.Errorf("%#v: %+v", r, s)
		}
	}
	key := func(step, namespace, name string) metrics.StepKey {
		return metrics.StepKey{Step: step, Namespace: namespace, Name: name}
	}
	s, ok := StatsOf(results{metrics.NewResults([]metrics.CounterResult{
		{Attempted: 3, Key: key("a", "x", nameInferences)},
		{Attempted: 9, Committed: 4, Key: key("b", "y", nameInferences)},
		{Committed: 50, Key: key("a", "x", "cohort-"+nameInferences)},
		{Committed: 60, Key: key("a", "x", "model_"+nameFailedExamples)},
		{Committed: 2, Key: key("a", "x", nameFailedAt+StageRead)},
		{Committed: 1, Key: key("a", "x", nameFailedAt+"some reason of another")},
		{Committed: 5, Key: key("a", "x", nameBatchLatency+"_bucket_130")},
		{Committed: 2, Key: key("b", "y", nameBatchLatency+"_bucket_130")},
		{Attempted: 1, Key: key("b", "y", nameBatchLatency+"_bucket_22")},
		{Committed: 7, Key: key("b", "y", "model_"+nameBatchLatency+"_bucket_22")},
		{Committed: 7, Key: key("b", "y", "my_bucket_22")},
	}, []metrics.DistributionResult{
		{Committed: metrics.DistributionValue{Count: 5, Sum: 640, Min: 125, Max: 129}, Key: key("a", "x", nameBatchLatency)},
		{Attempted: metrics.DistributionValue{Count: 3, Sum: 281, Min: 21, Max: 130}, Key: key("b", "y", nameBatchLatency)},
		{Key: key("c", "y", nameBatchLatency)},
		{Committed: metrics.DistributionValue{Count: 5, Sum: 640, Min: 125, Max: 129}, Key: key("a", "x", "m_"+nameBatchLatency)},
	}, nil, nil, nil)}, nil)
	want := Stats{Inferences: 7, FailedAt: map[string]int64{StageRead: 2}, Batch: Values{
		Count: 8, Sum: 921, Min: 21, Max: 130, Buckets: []Bucket{{20, 22, 1}, {120, 130, 7}}}}
	if !ok || fmt.Sprintf("%+v", *s) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", *s, want)
	}
	if p, ok := s.Batch.Percentile(0); !ok || p != 21.5 {
		t.Errorf("least %v", p)
	}
}

func TestTable(t *testing.T) {
	const ms = 1000
	s := Stats{
		Inferences: 97, FailedExamples: 3, FailedAt: map[string]int64{StageRead: 2, StageDecode: 1}, Updates: 2, FailedUpdates: 1,
		BatchSize: Values{Count: 10, Sum: 97, Min: 1, Max: 16, Buckets: []Bucket{{0, 1, 1}, {1, 2, 1}, {3, 4, 2}, {9, 10, 1}, {15, 16, 5}}},
		Batch:     Values{Count: 10, Sum: 2000 * ms, Min: 100 * ms, Max: 333 * ms, Buckets: []Bucket{{95 * ms, 100 * ms, 5}, {300 * ms, 350 * ms, 5}}},
		Example:   Values{Buckets: []Bucket{{9 * ms, 10 * ms, 97}}},
		Prepare:   Values{Count: 100, Sum: 500 * ms, Min: 1 * ms, Max: 10 * ms, Buckets: []Bucket{{900, 1000, 50}, {9.5 * ms, 10 * ms, 50}}},
		Wait:      Values{Count: 10, Sum: 10 * 2 * ms, Min: 0, Max: 4 * ms},
		Load:      Values{Count: 2, Sum: 3000, Min: 1000, Max: 2000}, ModelBytes: Values{Count: 2, Sum: 24.6e6, Min: 12.3e6, Max: 12.3e6},
	}
	const want = `speed       8.33 pictures a second, 10.0 without loading the model
failures    3: 2 at read, 1 at decode
batches     10 of 1 to 16 pictures, 9.70 on average
            1 ▂ 1   2 ▂ 1   4 ▃ 2   10–16 █ 6
inference   p50  100 ms   p95  333 ms   p99  333 ms   a batch
            p50 9.50 ms   p95 9.95 ms   p99 9.99 ms   a picture
decoding    p50 1.00 ms   p95 9.95 ms   p99 9.99 ms   a picture, 20.0 % of the work
waiting     2.00 ms on average (0 µs to 4.00 ms) a batch, for the model to be free
model       12.3 MB, loaded 2 times, in 1.50 s on average (1.00 s to 2.00 s) and changed 2 times
faults      failed updates: 1
`
	if got := s.Table("picture", 12*time.Second); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := (&Stats{}).Table("picture", time.Second); got != "" {
		t.Errorf("of nothing it tells\n%s", got)
	}
	s = Stats{Inferences: 3, BatchSize: Values{Count: 3, Sum: 3, Min: 1, Max: 1}, Batch: Values{Count: 3, Sum: 3, Min: 1, Max: 1}}
	if got := s.Table("picture", 0); got != "batches     3 of 1 picture\ninference   1.00 µs a picture\n" {
		t.Errorf("got\n%s", got)
	}
}
