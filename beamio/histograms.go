package beamio

import (
	"context"
	"strconv"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// WithHistograms counts the sizes of batches and the latencies in buckets,
// besides, so that [StatsOf] tells their percentiles: Beam's distributions only
// know count, sum, least and most. A bucket is a counter, and only those that
// occur come into being, some dozens for a job. By default there are none, as in
// Python.
//
// Latencies are counted in µs, that of a batch as
// inference_batch_latency_micro_secs_bucket_130 if it took more than 120 and at
// most 130 µs. Times up to 20 have buckets of their own; those of others end
// at 22, 24 … 50, 55, 60 … 100, 110 … 200, 220 and so on, and are at most 10 %
// wide. inference_example_latency_micro_secs counts every example with its share
// of its batch's time, and decode_latency_micro_secs the preparing of each;
// inference_request_batch_size is exact up to 100.
func WithHistograms() Option { return func(s *settings) { s.Histograms = true } }

// histograms are the buckets of a transform; nil without [WithHistograms].
type histograms struct {
	batchSize, batchLatency, exampleLatency, prepareLatency histogram
}

// So large values have buckets of their own.
const (
	exactSizes = 100
	exactTimes = 10 // buckets of width 1 follow, up to 20
)

func newHistograms(namespace string) *histograms {
	of := func(name string, exact int64) histogram {
		return histogram{namespace, name + bucketInfix, exact, make(map[int64]beam.Counter)}
	}
	return &histograms{
		batchSize:      of(nameBatchSize, exactSizes),
		batchLatency:   of(nameBatchLatency, exactTimes),
		exampleLatency: of(nameExampleLatency, exactTimes),
		prepareLatency: of(namePrepareLatency, exactTimes),
	}
}

// called counts a call of the model.
func (h *histograms) called(ctx context.Context, c measure) {
	if h == nil {
		return
	}
	h.batchSize.add(ctx, int64(c.n), 1)
	h.batchLatency.add(ctx, c.took.Microseconds(), 1)
	h.exampleLatency.add(ctx, c.took.Microseconds()/int64(c.n), int64(c.n))
}

// histogram counts values in buckets.
type histogram struct {
	namespace, prefix string
	exact             int64
	buckets           map[int64]beam.Counter // by the largest value in it
}

// add counts a value n times.
func (h *histogram) add(ctx context.Context, v, n int64) {
	_, upTo := bucketOf(v, h.exact)
	c, ok := h.buckets[upTo]
	if !ok {
		c = beam.NewCounter(h.namespace, h.prefix+strconv.FormatInt(upTo, 10))
		h.buckets[upTo] = c
	}
	c.Inc(ctx, n)
}

// bucketOf returns the bucket of a value, above < v ≤ upTo. Buckets are of width
// 1 up to exact, 10 or a power of it, and then of 10, 20 or 50 times less than a
// power of ten, so that their bounds are short numbers.
func bucketOf(v, exact int64) (above, upTo int64) {
	const most = 1e18 // years of µs
	v = min(max(v, 0), most)
	if v <= exact {
		return v - 1, v
	}
	unit := int64(1)
	for v > 100*unit {
		unit *= 10
	}
	tens := (v + unit - 1) / unit // from 11 to 100
	step := int64(5)
	switch {
	case tens <= 20:
		step = 1
	case tens <= 50:
		step = 2
	}
	tens = (tens + step - 1) / step * step
	return (tens - step) * unit, tens * unit
}

// bucketInfix stands between the name of a metric and the end of a bucket.
const bucketInfix = "_bucket_"

// bucketNamed returns the metric and the bucket that a counter's name tells, or
// false for a counter that is none.
func bucketNamed(counter string) (metric string, above, upTo int64, ok bool) {
	metric, digits, ok := strings.Cut(counter, bucketInfix)
	if !ok {
		return "", 0, 0, false
	}
	exact := int64(exactTimes)
	if metric == nameBatchSize {
		exact = exactSizes
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	above, upTo = bucketOf(n, exact)
	return metric, above, upTo, err == nil && upTo == n && strconv.FormatInt(n, 10) == digits
}
