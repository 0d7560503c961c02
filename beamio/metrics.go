package beamio

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// The names of the metrics. The first seven are those of Python's RunInference,
// and have their meaning.
const (
	nameInferences    = "num_inferences"
	nameFailedBatches = "failed_batches_counter"
	nameBatchSize     = "inference_request_batch_size"
	nameBatchBytes    = "inference_request_batch_byte_size"
	nameBatchLatency  = "inference_batch_latency_micro_secs"
	nameLoadLatency   = "load_model_latency_milli_secs"
	nameModelBytes    = "model_byte_size"

	nameFailedExamples = "failed_examples"
	nameTimeouts       = "timed_out_calls"
	nameHung           = "hung_calls"
	namePrepareLatency = "decode_latency_micro_secs"
	nameQueueWait      = "queue_wait_micro_secs"
	nameUpdates        = "model_updates"
	nameFailedUpdates  = "model_update_failures"

	nameFailedAt       = nameFailedExamples + "_"               // and a stage
	nameLoadedOn       = "models_loaded_on_"                    // and a device
	nameExampleLatency = "inference_example_latency_micro_secs" // in buckets alone
)

// meters are the metrics of a transform. They may only be touched on the
// bundle's goroutine, with the bundle's context, and not in Setup.
type meters struct {
	namespace string
	all       metersOf
	failedAt  map[string]beam.Counter // by stage
	buckets   *histograms
	prefixed  map[string]*metersOf // of cohorts and updated models, besides
}

// metersOf are the metrics with one prefix.
type metersOf struct {
	inferences    beam.Counter      // predictions made
	failedBatches beam.Counter      // batches that failed as a whole
	batchSize     beam.Distribution // examples given to the model at once
	batchBytes    beam.Distribution // memory of these, once prepared
	batchLatency  beam.Distribution // µs in Infer
	loadLatency   beam.Distribution // ms in Load, once in a process
	modelBytes    beam.Distribution // memory of the weights, once in a process

	failedExamples beam.Counter      // examples without a prediction
	timeouts       beam.Counter      // calls of Infer that took too long
	hung           beam.Counter      // of these, calls that did not return
	prepareLatency beam.Distribution // µs of preparing one example
	queueWait      beam.Distribution // µs that a batch waited for the model
	updates        beam.Counter      // models that replaced another
	failedUpdates  beam.Counter      // models that could not
}

func newMeters(set *settings) meters {
	m := meters{
		namespace: set.Namespace,
		all:       newMetersOf(set.Namespace, ""),
		failedAt:  make(map[string]beam.Counter),
		prefixed:  make(map[string]*metersOf),
	}
	if set.Histograms {
		m.buckets = newHistograms(set.Namespace)
	}
	return m
}

func newMetersOf(namespace, prefix string) metersOf {
	count := func(name string) beam.Counter { return beam.NewCounter(namespace, prefix+name) }
	dist := func(name string) beam.Distribution { return beam.NewDistribution(namespace, prefix+name) }
	return metersOf{
		inferences:    count(nameInferences),
		failedBatches: count(nameFailedBatches),
		batchSize:     dist(nameBatchSize),
		batchBytes:    dist(nameBatchBytes),
		batchLatency:  dist(nameBatchLatency),
		loadLatency:   dist(nameLoadLatency),
		modelBytes:    dist(nameModelBytes),

		failedExamples: count(nameFailedExamples),
		timeouts:       count(nameTimeouts),
		hung:           count(nameHung),
		prepareLatency: dist(namePrepareLatency),
		queueWait:      dist(nameQueueWait),
		updates:        count(nameUpdates),
		failedUpdates:  count(nameFailedUpdates),
	}
}

// maxPrefixes is how many cohorts and updated models an instance keeps metrics
// of. Those of others are made again: they are only names.
const maxPrefixes = 256

// each calls f for the totals and for the metrics with a prefix, if there is one.
func (m *meters) each(prefix string, f func(*metersOf)) {
	f(&m.all)
	if prefix == "" {
		return
	}
	p, ok := m.prefixed[prefix]
	if !ok {
		for other := range m.prefixed { // any
			if len(m.prefixed) < maxPrefixes {
				break
			}
			delete(m.prefixed, other)
		}
		made := newMetersOf(m.namespace, prefix)
		p = &made
		m.prefixed[prefix] = p
	}
	f(p)
}

// tell records a batch.
func (m *meters) tell(ctx context.Context, prefix string, r *report) {
	if r.entry != nil {
		m.throttled(ctx, r.entry)
	}
	for _, c := range r.calls {
		m.buckets.called(ctx, c)
	}
	loaded := r.entry != nil && r.entry.reported.CompareAndSwap(false, true)
	if loaded && r.entry.device != "" {
		kind, _, _ := strings.Cut(r.entry.device, "/") // "cpu", and not the kernels chosen for it
		beam.NewCounter(m.namespace, nameLoadedOn+kind).Inc(ctx, 1)
	}
	m.each(prefix, func(m *metersOf) {
		for _, c := range r.calls {
			m.inferences.Inc(ctx, int64(c.n-c.failed))
			m.batchSize.Update(ctx, int64(c.n))
			m.batchBytes.Update(ctx, c.bytes)
			m.batchLatency.Update(ctx, c.took.Microseconds())
		}
		add(ctx, m.failedBatches, r.failedBatches)
		add(ctx, m.timeouts, r.timeouts)
		add(ctx, m.hung, r.hung)
		add(ctx, m.failedUpdates, r.failedUpdates)
		if r.sat {
			m.queueWait.Update(ctx, r.waited.Microseconds())
		}
		if loaded {
			m.loadLatency.Update(ctx, r.entry.took.Milliseconds())
			m.modelBytes.Update(ctx, r.entry.bytes)
			if r.update {
				m.updates.Inc(ctx, 1)
			}
		}
	})
}

// add increments a counter, which is not there before it is.
func add(ctx context.Context, c beam.Counter, n int64) {
	if n != 0 {
		c.Inc(ctx, n)
	}
}

// failed counts an example that failed at a stage.
func (m *meters) failed(ctx context.Context, prefix, stage string) {
	m.each(prefix, func(m *metersOf) { m.failedExamples.Inc(ctx, 1) })
	if !slices.Contains(stages(), stage) { // a handler may call its stages as it likes, one for each example even
		stage = otherStage
	}
	c, ok := m.failedAt[stage]
	if !ok {
		c = beam.NewCounter(m.namespace, nameFailedAt+stage)
		m.failedAt[stage] = c
	}
	c.Inc(ctx, 1)
}

// otherStage is what metrics call stages that are none of [stages].
const otherStage = "other"

// stages returns the stages in the order in which an example goes through them.
func stages() []string {
	return []string{StageRoute, StageLoad, StageRead, StageDecode, StagePreprocess, StageInference, StagePostprocess}
}

// prepared records the preparing of an example.
func (m *meters) prepared(ctx context.Context, took time.Duration) {
	m.all.prepareLatency.Update(ctx, took.Microseconds())
	if m.buckets != nil {
		m.buckets.prepareLatency.add(ctx, took.Microseconds(), 1)
	}
}

func (m *meters) updated(ctx context.Context, n, failed int64) {
	add(ctx, m.all.updates, n)
	add(ctx, m.all.failedUpdates, failed)
}
