package beamio

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
)

// Stats are the metrics of a job's [RunInference]s, those of Python's included,
// summed over transforms and namespaces. docs/beam.md has their names.
type Stats struct {
	Inferences     int64            `json:"inferences"`                // predictions made
	FailedExamples int64            `json:"failed_examples"`           // examples without a prediction
	FailedAt       map[string]int64 `json:"failed_at,omitempty"`       // of these, by stage, ours or "other"
	FailedBatches  int64            `json:"failed_batches,omitempty"`  // batches that failed as a whole
	TimedOut       int64            `json:"timed_out_calls,omitempty"` // calls of a model that took too long
	Hung           int64            `json:"hung_calls,omitempty"`      // of these, calls that did not return
	Updates        int64            `json:"updates,omitempty"`         // models that replaced another
	FailedUpdates  int64            `json:"failed_updates,omitempty"`  // models that could not

	BatchSize  Values `json:"batch_size,omitzero"`     // examples given to a model at once
	BatchBytes Values `json:"batch_bytes,omitzero"`    // memory of these, once prepared
	Batch      Values `json:"batch_micros,omitzero"`   // µs that a model took for a batch
	Example    Values `json:"example_micros,omitzero"` // the same by example, in equal parts: Buckets alone
	Prepare    Values `json:"prepare_micros,omitzero"` // µs of reading, decoding and preprocessing an example
	Wait       Values `json:"wait_micros,omitzero"`    // µs that a batch waited for its model to be free
	Load       Values `json:"load_millis,omitzero"`    // ms that loading a model took, in each process
	ModelBytes Values `json:"model_bytes,omitzero"`    // memory of the weights of each model loaded
}

// Values is what a metric tells of values: a distribution, and with
// [WithHistograms] how many there were in which bucket.
type Values struct {
	Count, Sum, Min, Max int64
	Buckets              []Bucket // ascending; none if nobody counted
}

// A Bucket is a number of values v, Above < v ≤ UpTo. Values are whole numbers.
type Bucket struct {
	Above int64 `json:"above"`
	UpTo  int64 `json:"up_to"`
	Count int64 `json:"count"`
}

// IsZero reports whether nothing is known of the values.
func (v Values) IsZero() bool { return v.Count == 0 && len(v.Buckets) == 0 }

// MarshalJSON makes an object of the fields, the mean, and the 50th, 95th and
// 99th percentile, as far as they are known.
func (v Values) MarshalJSON() ([]byte, error) {
	m := make(map[string]any)
	if v.Count > 0 {
		m["count"], m["sum"], m["min"], m["max"], m["mean"] = v.Count, v.Sum, v.Min, v.Max, v.Mean()
	}
	if len(v.Buckets) > 0 {
		m["buckets"] = v.Buckets
	}
	for _, p := range tablePercentiles() {
		if value, ok := v.Percentile(p); ok {
			m[fmt.Sprintf("p%v", p)] = value
		}
	}
	return json.Marshal(m)
}

// Mean returns the mean value, 0 without any.
func (v *Values) Mean() float64 {
	if v.Count == 0 {
		return 0
	}
	return float64(v.Sum) / float64(v.Count)
}

// Percentile returns the value that p per cent of the values do not exceed,
// interpolated in its bucket, so that it is wrong by less than 10 %. It returns
// false without buckets.
func (v *Values) Percentile(p float64) (value float64, ok bool) {
	var n int64
	for _, b := range v.Buckets {
		n += b.Count
	}
	if n == 0 || !(p >= 0 && p <= 100) {
		return 0, false
	}
	rank := max(int64(math.Ceil(p/100*float64(n))), 1)
	for _, b := range v.Buckets {
		if rank > b.Count {
			rank -= b.Count
			continue
		}
		first := float64(b.Above + 1)
		value = first + (float64(b.UpTo)-first)*(float64(rank)-0.5)/float64(b.Count)
		break
	}
	if v.Count > 0 { // the outermost values are known
		value = min(max(value, float64(v.Min)), float64(v.Max))
	}
	return value, true
}

// PrepareShare returns which part of the time for preparing and for inference
// preparing took, from 0 to 1: 0 if nothing was prepared. Examples are prepared
// on other cores while a model works.
func (s *Stats) PrepareShare() float64 {
	if s.Prepare.Sum <= 0 {
		return 0
	}
	return float64(s.Prepare.Sum) / float64(s.Prepare.Sum+s.Batch.Sum)
}

// StatsOf sums up the metrics of a job, the result of beamx.RunWithMetrics or
// ptest.RunWithMetrics. keep, unless nil, says which metrics to look at: those of
// a transform or a namespace. Metrics that are told besides the totals, of
// cohorts and updated models, are left out.
//
// It returns false if there are none: runners do not tell them of jobs that they
// only submit or describe, and some never do.
func StatsOf(result beam.PipelineResult, keep func(beam.MetricResult) bool) (*Stats, bool) {
	s := &Stats{FailedAt: make(map[string]int64)}
	counts := map[string]*int64{
		nameInferences: &s.Inferences, nameFailedExamples: &s.FailedExamples, nameFailedBatches: &s.FailedBatches,
		nameTimeouts: &s.TimedOut, nameHung: &s.Hung, nameUpdates: &s.Updates, nameFailedUpdates: &s.FailedUpdates,
	}
	values := map[string]*Values{
		nameBatchSize: &s.BatchSize, nameBatchBytes: &s.BatchBytes, nameBatchLatency: &s.Batch,
		nameExampleLatency: &s.Example, namePrepareLatency: &s.Prepare, nameQueueWait: &s.Wait,
		nameLoadLatency: &s.Load, nameModelBytes: &s.ModelBytes,
	}
	found := false
	all := metricsOf(result)
	for _, c := range all.Counters() {
		if keep != nil && !keep(c) {
			continue
		}
		name, n := c.Name(), c.Result()
		metric, above, upTo, isBucket := bucketNamed(name)
		stage, isStage := strings.CutPrefix(name, nameFailedAt)
		switch {
		case counts[name] != nil:
			*counts[name] += n
		case isBucket && values[metric] != nil:
			values[metric].Buckets = append(values[metric].Buckets, Bucket{above, upTo, n})
		case isStage && (stage == otherStage || slices.Contains(stages(), stage)):
			s.FailedAt[stage] += n
		default:
			continue
		}
		found = true
	}
	for _, d := range all.Distributions() {
		if v := values[d.Name()]; v != nil && (keep == nil || keep(d)) {
			v.merge(d.Result())
			found = true
		}
	}
	for _, v := range values {
		v.Buckets = merged(v.Buckets)
	}
	return s, found
}

// metricsOf returns what a runner tells of a job. Some of their results have
// nothing to tell it from, and panic when they are asked.
func metricsOf(result beam.PipelineResult) metrics.QueryResults {
	all, _ := guarded(func() (metrics.QueryResults, error) { return result.Metrics().AllMetrics(), nil })
	return all
}

// merge adds the values of a distribution.
func (v *Values) merge(d metrics.DistributionValue) {
	switch {
	case d.Count == 0:
		return
	case v.Count == 0:
		v.Min, v.Max = d.Min, d.Max
	}
	v.Count, v.Sum = v.Count+d.Count, v.Sum+d.Sum
	v.Min, v.Max = min(v.Min, d.Min), max(v.Max, d.Max)
}

// merged sorts buckets and adds up equal ones.
func merged(buckets []Bucket) []Bucket {
	slices.SortFunc(buckets, func(a, b Bucket) int { return cmp.Compare(a.UpTo, b.UpTo) })
	out := buckets[:0]
	for _, b := range buckets {
		if n := len(out); n > 0 && out[n-1].UpTo == b.UpTo {
			out[n-1].Count += b.Count
		} else {
			out = append(out, b)
		}
	}
	return out
}
