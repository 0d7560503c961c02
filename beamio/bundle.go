package beamio

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
)

// outputs are the emitters of a call; they are valid during that call only.
type outputs[E, P any] struct {
	result  func(*item[E, P], PredictionResult[E, P])
	failure func(*item[E, P], Failure[E])
}

// worker does the work of one DoFn instance. A runner uses an instance for one
// bundle at a time. Models work on goroutines of their own; but only the
// bundle's goroutine may emit and count, and it does everything else.
type worker[E, P any] struct {
	spec   string
	set    settings
	routes routes[E, P]
	meters meters

	bundle[E, P]
}

// bundle is the part of a worker that is made anew for every bundle.
type bundle[E, P any] struct {
	ctx     context.Context    // of all that is done for the bundle
	stop    context.CancelFunc // nil until the first element
	working sync.WaitGroup

	lanes  map[laneKey]*lane[E, P]
	order  []*lane[E, P]  // the same, the oldest first
	queued int            // examples in all lanes
	shares []*share[E, P] // of batches that are run or gathered, in order
	shared int            // examples in all shares
}

// share is a bundle's part of a batch.
type share[E, P any] struct {
	batch *batch[E, P]
	items []*item[E, P]
	leave func() // to be called when the bundle does not want it any more
}

// start prepares for a bundle. It does not load the model: a runner would take
// a slow start for a reason not to split the bundle.
func (w *worker[E, P]) start(spec string) error {
	w.abandon()
	if w.spec == spec {
		return nil
	}
	set, main, err := decodeSpec[E, P](spec)
	if err != nil {
		return err
	}
	w.set = set
	if w.routes, err = newRoutes(main, &w.set); err != nil {
		return err
	}
	w.meters, w.spec = newMeters(&w.set), spec
	return nil
}

// abandon stops what is being done for the bundle and forgets it.
func (w *worker[E, P]) abandon() {
	if w.stop == nil {
		return
	}
	w.stop()
	for _, s := range w.shares {
		s.leave()
	}
	w.working.Wait()
	for _, l := range w.order {
		l.letGo()
	}
	w.ctx, w.stop, w.lanes, w.order, w.shares = nil, nil, nil, nil, nil
	w.queued, w.shared = 0, 0
}

// add takes in an example, and has batches run for as long as there are enough
// examples.
func (w *worker[E, P]) add(ctx context.Context, it *item[E, P], out outputs[E, P]) error {
	return w.guard(func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.stop == nil {
			w.ctx, w.stop = context.WithCancel(ctx)
			w.lanes = make(map[laneKey]*lane[E, P])
		}
		it.bundle = w.ctx
		r, err := w.routes.route(ctx, it, &w.set)
		if err != nil {
			return err
		}
		if it.err != nil {
			return w.emit(ctx, r, it, out)
		}
		l, err := w.laneOf(ctx, r, it, out)
		if err != nil {
			return err
		}
		w.prepare(l, it)
		if w.set.Delay > 0 {
			w.gather(l, it)
		} else {
			l.queue = append(l.queue, it)
			w.queued++
			if err := w.pump(ctx, l, out); err != nil {
				return err
			}
		}
		most := l.recipe.high*w.set.seats() + l.ahead
		if w.set.Alone {
			most = 0
		}
		return w.collect(ctx, most, out)
	})
}

// finish has all that is left run, and ends the bundle.
func (w *worker[E, P]) finish(ctx context.Context, out outputs[E, P]) error {
	return w.guard(func() error {
		for _, l := range w.order {
			if err := w.flush(ctx, l, out); err != nil {
				return err
			}
		}
		if err := w.collect(ctx, 0, out); err != nil {
			return err
		}
		w.routes.tell(ctx, &w.meters)
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

// dispatch runs the first n examples of a lane, after waiting for earlier
// batches if the model has no turn for another.
func (w *worker[E, P]) dispatch(ctx context.Context, l *lane[E, P], n int, out outputs[E, P]) error {
	for len(w.shares) >= w.set.seats() {
		if err := w.collect(ctx, w.shared-1, out); err != nil {
			return err
		}
	}
	items := slices.Clone(l.queue[:n])
	clear(l.queue[:n]) // the queue's array must not keep pictures alive
	l.queue = l.queue[n:]
	w.queued -= n
	b := newBatch(&w.set, l.recipe, l.entry, items)
	w.share(b, func() {}).items = items
	w.shared += n
	run := w.ctx
	w.working.Go(func() { b.run(run) })
	return nil
}

// share appends a share of a batch.
func (w *worker[E, P]) share(b *batch[E, P], leave func()) *share[E, P] {
	s := &share[E, P]{batch: b, leave: leave}
	w.shares = append(w.shares, s)
	return s
}

// collect emits what is ready, in order, and waits while more than most examples
// are in batches.
func (w *worker[E, P]) collect(ctx context.Context, most int, out outputs[E, P]) error {
	for len(w.shares) > 0 {
		s := w.shares[0]
		select {
		case <-s.batch.done:
		default:
			if w.shared <= most {
				return nil
			}
			select {
			case <-s.batch.done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if err := w.ctx.Err(); err != nil { // a gathered batch leaves out what nobody wants
			return err
		}
		if s.batch.err != nil {
			return s.batch.err
		}
		if s.batch.told.CompareAndSwap(false, true) {
			w.meters.tell(ctx, s.batch.recipe.prefix, &s.batch.report)
		}
		for _, it := range s.items {
			if err := w.emit(ctx, s.batch.recipe, it, out); err != nil {
				return err
			}
		}
		s.leave()
		w.shares[0] = nil // the array must not keep pictures alive
		w.shares = w.shares[1:]
		w.shared -= len(s.items)
	}
	return nil
}

// emit emits what became of an example.
func (w *worker[E, P]) emit(ctx context.Context, r *recipe[E, P], it *item[E, P], out outputs[E, P]) error {
	if it.ready != nil {
		w.meters.prepared(ctx, it.took)
	}
	if it.recipe != nil {
		r = it.recipe
	}
	if it.err == nil {
		result := PredictionResult[E, P]{it.example, it.prediction, r.id}
		if w.set.NoExample {
			var none E
			result.Example = none
		}
		out.result(it, result)
		return nil
	}
	w.meters.failed(ctx, r.prefix, it.stage)
	name := nameOf(it.example)
	slog.InfoContext(ctx, "beamio: an example failed",
		"model", r.id, "example", name, "stage", it.stage, "error", it.err)
	if w.set.Strict {
		if name != "" {
			name += ": "
		}
		return fmt.Errorf("beamio: %s%s: %w", name, it.stage, it.err)
	}
	out.failure(it, Failure[E]{it.example, it.stage, it.err.Error(), r.id})
	return nil
}
