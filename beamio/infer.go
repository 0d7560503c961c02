package beamio

import (
	"context"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

type (
	resultEmitter[E, P any]      = func(beam.EventTime, PredictionResult[E, P])
	failureEmitter[E any]        = func(beam.EventTime, Failure[E])
	keyedResultEmitter[E, P any] = func(beam.EventTime, beam.T, PredictionResult[E, P])
	keyedFailureEmitter[E any]   = func(beam.EventTime, beam.T, Failure[E])
)

// inferFn is the DoFn of [RunInference] for collections without keys. It and
// its twin only translate between Beam's signatures and [worker].
type inferFn[E, P any] struct {
	Spec string // inferSpec as JSON

	worker worker[E, P]
}

// StartBundle forgets what a bundle that failed has left behind.
func (f *inferFn[E, P]) StartBundle(_ context.Context, _ resultEmitter[E, P], _ failureEmitter[E]) error {
	return f.worker.start(f.Spec)
}

// ProcessElement takes an example in, and may run a batch.
func (f *inferFn[E, P]) ProcessElement(
	ctx context.Context, at beam.EventTime, e E, result resultEmitter[E, P], failure failureEmitter[E],
) error {
	return f.worker.add(ctx, &item[E, P]{at: at, example: e}, unkeyed(result, failure))
}

// FinishBundle runs what is left.
func (f *inferFn[E, P]) FinishBundle(ctx context.Context, result resultEmitter[E, P], failure failureEmitter[E]) error {
	return f.worker.finish(ctx, unkeyed(result, failure))
}

func unkeyed[E, P any](result resultEmitter[E, P], failure failureEmitter[E]) outputs[E, P] {
	return outputs[E, P]{
		result:  func(it *item[E, P], r PredictionResult[E, P]) { result(it.at, r) },
		failure: func(it *item[E, P], f Failure[E]) { failure(it.at, f) },
	}
}

// keyedInferFn is the DoFn of [RunInference] for keyed collections.
type keyedInferFn[E, P any] struct {
	Spec string // inferSpec as JSON

	worker worker[E, P]
}

// StartBundle forgets what a bundle that failed has left behind.
func (f *keyedInferFn[E, P]) StartBundle(
	_ context.Context, _ keyedResultEmitter[E, P], _ keyedFailureEmitter[E],
) error {
	return f.worker.start(f.Spec)
}

// ProcessElement takes an example in, and may run a batch.
func (f *keyedInferFn[E, P]) ProcessElement(
	ctx context.Context, at beam.EventTime, key beam.T, e E,
	result keyedResultEmitter[E, P], failure keyedFailureEmitter[E],
) error {
	return f.worker.add(ctx, &item[E, P]{at: at, key: key, example: e}, keyed(result, failure))
}

// FinishBundle runs what is left.
func (f *keyedInferFn[E, P]) FinishBundle(
	ctx context.Context, result keyedResultEmitter[E, P], failure keyedFailureEmitter[E],
) error {
	return f.worker.finish(ctx, keyed(result, failure))
}

func keyed[E, P any](result keyedResultEmitter[E, P], failure keyedFailureEmitter[E]) outputs[E, P] {
	return outputs[E, P]{
		result:  func(it *item[E, P], r PredictionResult[E, P]) { result(it.at, it.key, r) },
		failure: func(it *item[E, P], f Failure[E]) { failure(it.at, it.key, f) },
	}
}
