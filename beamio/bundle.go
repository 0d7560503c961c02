package beamio

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// item is an example on its way through a bundle.
type item[E any] struct {
	at      beam.EventTime
	key     beam.T // nil without keys
	example E

	// What preparing has made of it, once ready is closed; ready is nil if
	// the model has no such step.
	ready    chan struct{}
	prepared any
	took     time.Duration

	err   error // why there is no prediction
	stage string
}

// outputs are the emitters of a call; they are valid during that call only.
type outputs[E, P any] struct {
	result  func(*item[E], PredictionResult[E, P])
	failure func(*item[E], Failure[E])
}

// worker does the work of one DoFn instance. A runner uses an instance for one
// bundle at a time. Everything but preparing happens on the bundle's goroutine,
// which alone may emit and count.
type worker[E, P any] struct {
	set     settings
	handler ModelHandler[E, P] // nil until start
	key     string
	meters  meters

	bundle[E, P]
}

// bundle is the part of a worker that is made anew for every bundle.
type bundle[E, P any] struct {
	entry *entry // nil until the first element
	model Model[E, P]
	steps stepped[E, P] // the model again, if it has two steps
	queue []*item[E]    // in order of arrival
	ahead int           // examples in the queue beyond a batch, for preparing

	preparing context.Context // of the goroutines that prepare
	stop      context.CancelFunc
	working   sync.WaitGroup
}

// start prepares for a bundle. It does not load the model: a runner would take
// a slow start for a reason not to split the bundle.
func (w *worker[E, P]) start(spec string) error {
	w.abandon()
	if w.handler != nil {
		return nil
	}
	var err error
	if w.set, w.handler, w.key, err = decodeSpec[E, P](spec); err != nil {
		return err
	}
	w.meters = newMeters(w.set.Namespace)
	return nil
}

// abandon stops what is being prepared and forgets the bundle.
func (w *worker[E, P]) abandon() {
	if w.stop != nil {
		w.stop()
	}
	w.working.Wait()
	w.entry, w.model, w.steps, w.queue, w.preparing, w.stop = nil, nil, nil, nil, nil, nil
}

// add takes in an example, and runs batches for as long as the queue is full.
func (w *worker[E, P]) add(ctx context.Context, it *item[E], out outputs[E, P]) error {
	return w.guard(func() error {
		if err := w.load(ctx); err != nil {
			return err
		}
		w.enqueue(ctx, it)
		for {
			n := w.batchSize()
			if len(w.queue) < n+w.ahead {
				return nil
			}
			if err := w.runBatch(ctx, n, out); err != nil {
				return err
			}
		}
	})
}

// finish runs all that is left in the queue and ends the bundle.
func (w *worker[E, P]) finish(ctx context.Context, out outputs[E, P]) error {
	return w.guard(func() error {
		for len(w.queue) > 0 {
			if err := w.runBatch(ctx, min(w.batchSize(), len(w.queue)), out); err != nil {
				return err
			}
		}
		if w.entry != nil && w.entry.reported.CompareAndSwap(false, true) {
			w.meters.loaded(ctx, w.entry)
		}
		w.abandon()
		return nil
	})
}

// guard abandons the bundle if f fails, or panics, as emitters do when
// something downstream fails.
func (w *worker[E, P]) guard(f func() error) error {
	ok := false
	defer func() {
		if !ok {
			w.abandon()
		}
	}()
	err := f()
	ok = err == nil
	return err
}

// load fetches the model on the bundle's first element.
func (w *worker[E, P]) load(ctx context.Context) error {
	if w.entry != nil {
		return nil
	}
	e, err := models.acquire(ctx, w.key, func(ctx context.Context) (any, error) { return w.handler.Load(ctx) })
	if err != nil {
		return err
	}
	model, ok := e.model.(Model[E, P])
	if !ok {
		return fmt.Errorf("beamio: the model %q is a %T, which does not fit", w.set.ModelID, e.model)
	}
	w.entry, w.model = e, model
	w.steps, _ = model.(stepped[E, P])
	if w.ahead = 0; w.steps != nil && !w.set.Alone {
		w.ahead = 2 * runtime.GOMAXPROCS(0)
	}
	return nil
}

func (w *worker[E, P]) batchSize() int {
	if w.set.Alone {
		return 1
	}
	return w.entry.sizes.next(w.set.MinBatch, w.set.MaxBatch)
}

// enqueue appends an example and begins to prepare it. There are never more
// goroutines than the queue is long; entry.prepare limits how many work.
func (w *worker[E, P]) enqueue(ctx context.Context, it *item[E]) {
	w.queue = append(w.queue, it)
	if w.steps == nil {
		return
	}
	if w.stop == nil {
		w.preparing, w.stop = context.WithCancel(ctx)
	}
	it.ready = make(chan struct{})
	steps, slots, ctx := w.steps, w.entry.prepare, w.preparing
	w.working.Go(func() {
		defer close(it.ready)
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		case <-ctx.Done():
			it.err = ctx.Err()
			return
		}
		start := time.Now()
		var err error
		it.prepared, err = guarded(func() (any, error) { return steps.prepare(ctx, it.example) })
		it.took = time.Since(start)
		if err != nil {
			it.stage, it.err = stageOf(err, StagePreprocess)
		}
	})
}

// runBatch runs the first n examples of the queue and emits what became of
// them, in order.
func (w *worker[E, P]) runBatch(ctx context.Context, n int, out outputs[E, P]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	batch := w.queue[:n]
	good := make([]*item[E], 0, n)
	for _, it := range batch {
		if it.ready != nil {
			select {
			case <-it.ready:
			case <-ctx.Done():
				return ctx.Err()
			}
			w.meters.prepared(ctx, it.took)
		}
		if it.err == nil {
			good = append(good, it)
		}
	}
	if err := ctx.Err(); err != nil {
		return err // and not an error of the examples whose preparing it ended
	}
	predictions, err := w.predict(ctx, good)
	if err != nil {
		return err
	}
	for i, it := range batch {
		batch[i] = nil // the queue's array must not keep pictures alive
		var p P
		if len(good) > 0 && good[0] == it {
			p, good, predictions = predictions[0], good[1:], predictions[1:]
		}
		if it.err == nil {
			out.result(it, PredictionResult[E, P]{it.example, p, w.set.ModelID})
			continue
		}
		w.meters.failedExamples.Inc(ctx, 1)
		if w.set.Strict {
			return fmt.Errorf("beamio: %s%s: %w", nameOf(it.example), it.stage, it.err)
		}
		out.failure(it, Failure[E]{it.example, it.stage, it.err.Error(), w.set.ModelID})
	}
	w.queue = w.queue[n:]
	return nil
}

// predict runs the model on a batch and returns one prediction for each
// example, which is of no use where the item's err says that it failed.
func (w *worker[E, P]) predict(ctx context.Context, batch []*item[E]) ([]P, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	start := time.Now()
	select {
	case w.entry.turn <- struct{}{}:
		defer func() { <-w.entry.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w.meters.waited(ctx, time.Since(start))
	predictions, each, err := w.infer(ctx, batch)
	if err == nil {
		mark(batch, each)
		return predictions, ctx.Err()
	}
	w.meters.failedBatches.Inc(ctx, 1)
	if len(batch) == 1 {
		mark(batch, ExampleErrors{err})
		return make([]P, 1), ctx.Err()
	}
	// Somebody in the batch is at fault: alone, each answers for itself.
	predictions = make([]P, len(batch))
	for i := range batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, each, err := w.infer(ctx, batch[i:i+1])
		if err != nil {
			each = ExampleErrors{err}
		} else {
			predictions[i] = one[0]
		}
		mark(batch[i:i+1], each)
	}
	return predictions, ctx.Err()
}

// infer calls the model. It returns a prediction for each example, with an
// error for each if some failed, or an error for the batch as a whole.
func (w *worker[E, P]) infer(ctx context.Context, batch []*item[E]) ([]P, ExampleErrors, error) {
	var call func() ([]P, error)
	var bytes int64
	if w.steps != nil {
		in := make([]any, len(batch))
		for i, it := range batch {
			in[i] = it.prepared
		}
		bytes = sizeOf(in)
		call = func() ([]P, error) { return w.steps.predict(ctx, in) }
	} else {
		in := make([]E, len(batch))
		for i, it := range batch {
			in[i] = it.example
		}
		bytes = sizeOf(in)
		call = func() ([]P, error) { return w.model.Infer(ctx, in) }
	}
	start := time.Now()
	predictions, err := guarded(call)
	took := time.Since(start)
	each, err := perExample(len(batch), len(predictions), err)
	if err != nil {
		return nil, nil, err
	}
	w.entry.sizes.observe(len(batch), took)
	w.meters.inferred(ctx, len(batch), len(each.Unwrap()), bytes, took)
	return predictions, each, nil
}

// mark notes the errors of a batch in its items.
func mark[E any](batch []*item[E], each ExampleErrors) {
	for i, err := range each {
		if err != nil {
			batch[i].stage, batch[i].err = stageOf(err, StageInference)
		}
	}
}

// nameOf returns the example's own name, followed by a colon, if it has one.
func nameOf(example any) string {
	if s, ok := example.(fmt.Stringer); ok {
		return s.String() + ": "
	}
	return ""
}
