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
	inferences    beam.Counter      // predictions made
	failedBatches beam.Counter      // batches that failed as a whole
	batchSize     beam.Distribution // examples given to the model at once
	batchBytes    beam.Distribution // memory of these, once prepared
	batchLatency  beam.Distribution // µs in Infer
	loadLatency   beam.Distribution // ms in Load, once in a process
	modelBytes    beam.Distribution // memory of the weights, once in a process

	failedExamples beam.Counter      // examples without a prediction
	prepareLatency beam.Distribution // µs of preparing one example
	queueWait      beam.Distribution // µs that a batch waited for the model
}

func newMeters(namespace string) meters {
	count := func(name string) beam.Counter { return beam.NewCounter(namespace, name) }
	dist := func(name string) beam.Distribution { return beam.NewDistribution(namespace, name) }
	return meters{
		inferences:    count("num_inferences"),
		failedBatches: count("failed_batches_counter"),
		batchSize:     dist("inference_request_batch_size"),
		batchBytes:    dist("inference_request_batch_byte_size"),
		batchLatency:  dist("inference_batch_latency_micro_secs"),
		loadLatency:   dist("load_model_latency_milli_secs"),
		modelBytes:    dist("model_byte_size"),

		failedExamples: count("failed_examples"),
		prepareLatency: dist("decode_latency_micro_secs"),
		queueWait:      dist("queue_wait_micro_secs"),
	}
}

// inferred records a batch that went through, with failed of its n examples
// at fault.
func (m *meters) inferred(ctx context.Context, n, failed int, bytes int64, took time.Duration) {
	m.inferences.Inc(ctx, int64(n-failed))
	m.batchSize.Update(ctx, int64(n))
	m.batchBytes.Update(ctx, bytes)
	m.batchLatency.Update(ctx, took.Microseconds())
}

func (m *meters) prepared(ctx context.Context, took time.Duration) {
	m.prepareLatency.Update(ctx, took.Microseconds())
}

func (m *meters) waited(ctx context.Context, took time.Duration) {
	m.queueWait.Update(ctx, took.Microseconds())
}

func (m *meters) loaded(ctx context.Context, e *entry) {
	m.loadLatency.Update(ctx, e.took.Milliseconds())
	m.modelBytes.Update(ctx, e.bytes)
}
