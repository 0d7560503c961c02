package beamio

import (
	"context"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// meters are the metrics of a transform. The first seven have the names and
// the meaning of Python's RunInference; the others are ours. They may only be
// touched on the bundle's goroutine, with the bundle's context, and not in
// Setup.
type meters struct {
	namespace string
	all       metersOf
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

func newMeters(namespace string) meters {
	return meters{namespace, newMetersOf(namespace, ""), make(map[string]*metersOf)}
}

func newMetersOf(namespace, prefix string) metersOf {
	count := func(name string) beam.Counter { return beam.NewCounter(namespace, prefix+name) }
	dist := func(name string) beam.Distribution { return beam.NewDistribution(namespace, prefix+name) }
	return metersOf{
		inferences:    count("num_inferences"),
		failedBatches: count("failed_batches_counter"),
		batchSize:     dist("inference_request_batch_size"),
		batchBytes:    dist("inference_request_batch_byte_size"),
		batchLatency:  dist("inference_batch_latency_micro_secs"),
		loadLatency:   dist("load_model_latency_milli_secs"),
		modelBytes:    dist("model_byte_size"),

		failedExamples: count("failed_examples"),
		timeouts:       count("timed_out_calls"),
		hung:           count("hung_calls"),
		prepareLatency: dist("decode_latency_micro_secs"),
		queueWait:      dist("queue_wait_micro_secs"),
		updates:        count("model_updates"),
		failedUpdates:  count("model_update_failures"),
	}
}

// each calls f for the totals and for the metrics with a prefix, if there is one.
func (m *meters) each(prefix string, f func(*metersOf)) {
	f(&m.all)
	if prefix == "" {
		return
	}
	p, ok := m.prefixed[prefix]
	if !ok {
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
	loaded := r.entry != nil && r.entry.reported.CompareAndSwap(false, true)
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

func (m *meters) failed(ctx context.Context, prefix string) {
	m.each(prefix, func(m *metersOf) { m.failedExamples.Inc(ctx, 1) })
}

func (m *meters) prepared(ctx context.Context, took time.Duration) {
	m.all.prepareLatency.Update(ctx, took.Microseconds())
}

func (m *meters) updated(ctx context.Context, n, failed int64) {
	add(ctx, m.all.updates, n)
	add(ctx, m.all.failedUpdates, failed)
}
