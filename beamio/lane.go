package beamio

import (
	"context"
	"runtime"
	"slices"
)

// A lane collects the examples of a bundle that may be in one batch.
type lane[E, P any] struct {
	recipe *recipe[E, P]
	bucket string
	entry  *entry        // held; nil if models have to make room, so that each batch acquires its own
	steps  stepped[E, P] // the model, if it prepares
	queue  []*item[E, P] // in order of arrival
	ahead  int           // examples in the queue beyond a batch, for preparing

	dropped runtime.Cleanup // lets the model go when the lane is garbage
}

// laneKey has the prefix because cohorts may share a model, but not their metrics.
type laneKey struct{ model, prefix, bucket string }

func (r *recipe[E, P]) lane(bucket string) laneKey { return laneKey{r.key, r.prefix, bucket} }

// maxLanes is how many lanes of a bundle can wait until they have full batches.
// The examples of more lanes are run in smaller ones, to bound memory.
const maxLanes = 8

// manyLanes is how many lanes a bundle has before it drops those that are empty:
// a stream's bundle may last for days, and have examples for ever new models.
const manyLanes = 64

// hold keeps the model until letGo. Beam drops the DoFns of a bundle that
// another DoFn fails, and tells nobody: what they hold goes with them.
func (l *lane[E, P]) hold(e *entry) {
	l.entry = e
	l.dropped = runtime.AddCleanup(l, func(e *entry) { go models.release(e, true) }, e)
}

// letGo lets the model go.
func (l *lane[E, P]) letGo() {
	if l.entry != nil {
		l.dropped.Stop()
		models.release(l.entry, true)
		l.entry = nil
		runtime.KeepAlive(l) // or else Stop might come too late
	}
}

// laneOf returns the lane of an example, after loading the model if it is the
// first there.
func (w *worker[E, P]) laneOf(
	ctx context.Context, r *recipe[E, P], it *item[E, P], out outputs[E, P],
) (*lane[E, P], error) {
	k := r.lane(it.bucket)
	l := w.lanes[k]
	if l != nil && l.entry != nil && l.entry.isDead() {
		l.letGo()
	}
	holds := w.routes.holds(&w.set)
	if l != nil && (l.entry != nil || !holds) {
		return l, nil
	}
	var e *entry
	if holds {
		var err error
		if r, e, err = w.routes.hold(ctx, r, &w.set); err != nil {
			return nil, err
		}
		k = r.lane(it.bucket)
	}
	if l = w.lanes[k]; l == nil {
		w.sweep()
		l = &lane[E, P]{recipe: r, bucket: it.bucket}
		w.lanes[k] = l
		w.order = append(w.order, l)
	}
	if l.letGo(); e != nil {
		l.hold(e)
		if l.steps, _ = e.copies[0].(stepped[E, P]); l.steps != nil && !w.set.Alone {
			l.ahead = 2 * runtime.GOMAXPROCS(0)
		}
	}
	return l, w.retire(ctx, r, out)
}

// sweep drops empty lanes if there are many.
func (w *worker[E, P]) sweep() {
	if len(w.order) < manyLanes {
		return
	}
	w.order = slices.DeleteFunc(w.order, func(l *lane[E, P]) bool {
		if len(l.queue) > 0 {
			return false
		}
		l.letGo()
		delete(w.lanes, l.recipe.lane(l.bucket))
		return true
	})
}

// retire ends the lanes of models that r replaces.
func (w *worker[E, P]) retire(ctx context.Context, r *recipe[E, P], out outputs[E, P]) error {
	if w.routes.watch == nil {
		return nil
	}
	kept := w.order[:0]
	for _, l := range w.order {
		if l.recipe.key == r.key {
			kept = append(kept, l)
			continue
		}
		if err := w.flush(ctx, l, out); err != nil {
			return err
		}
		l.letGo() // its batches use the model for as long as they need it
		delete(w.lanes, l.recipe.lane(l.bucket))
	}
	w.order = kept
	return nil
}

// prepare begins to prepare an example. There are never more goroutines than
// examples; entry.prepare limits how many work.
func (w *worker[E, P]) prepare(l *lane[E, P], it *item[E, P]) {
	if l.entry == nil || l.steps == nil {
		return
	}
	it.ready = make(chan struct{})
	ctx, steps, limit := w.ctx, l.steps, w.set.Timeout
	loan := models.lend(l.entry) // now: by the time it has its turn the lane may have another
	w.working.Go(func() { it.prepare(ctx, loan, steps, limit) })
}

// pump runs batches of the lane that has got an example, and of the fullest if
// there are too many examples altogether.
func (w *worker[E, P]) pump(ctx context.Context, l *lane[E, P], out outputs[E, P]) error {
	for {
		n, full := w.cut(l)
		if !full || len(l.queue) < n+l.ahead {
			break
		}
		if len(w.shares) >= w.set.seats() { // what that batch takes says how large this one should be
			if err := w.collect(ctx, w.shared-1, out); err != nil {
				return err
			}
			continue
		}
		if err := w.dispatch(ctx, l, n, out); err != nil {
			return err
		}
	}
	for w.queued >= l.recipe.high*min(len(w.order), maxLanes)+l.ahead {
		fullest := l
		for _, other := range w.order {
			if len(other.queue) > len(fullest.queue) {
				fullest = other
			}
		}
		n, _ := w.cut(fullest)
		if err := w.dispatch(ctx, fullest, n, out); err != nil {
			return err
		}
	}
	return nil
}

// flush runs all that is left in a lane.
func (w *worker[E, P]) flush(ctx context.Context, l *lane[E, P], out outputs[E, P]) error {
	for len(l.queue) > 0 {
		n, _ := w.cut(l)
		if err := w.dispatch(ctx, l, n, out); err != nil {
			return err
		}
	}
	return nil
}

// cut returns how many examples of a lane make the next batch, and whether it
// would not take another.
func (w *worker[E, P]) cut(l *lane[E, P]) (n int, full bool) {
	size, weight := w.size(l), 0
	if w.set.MaxWeight == 0 { // which is asked for every example
		n = min(size, len(l.queue))
		return n, n == size
	}
	for n < size && n < len(l.queue) {
		weight += l.queue[n].weight
		if n > 0 && weight > w.limit() {
			return n, true
		}
		n++
	}
	return n, n == size || weight >= w.limit()
}

// size returns how many examples a batch of a lane should have.
func (w *worker[E, P]) size(l *lane[E, P]) int {
	if w.set.Alone && w.set.Delay == 0 {
		return 1
	}
	return l.recipe.sizes.next(l.recipe.low, l.recipe.high)
}

// limit returns what the examples of a batch may weigh.
func (w *worker[E, P]) limit() int {
	if w.set.MaxWeight == 0 {
		return int(^uint(0) >> 1)
	}
	return w.set.MaxWeight
}
