package beamio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/argand-go/argand/cuda"
)

// batch is a batch on its way through the model, on a goroutine of its own.
type batch[E, P any] struct {
	set    *settings
	recipe *recipe[E, P]
	entry  *entry // released by run; nil if the model is to be acquired when it is run
	items  []*item[E, P]

	done   chan struct{} // closed when every item has a prediction or an error, or there is an err
	err    error         // why there is nothing, and the bundle fails
	report report
	told   atomic.Bool // whether a bundle has put the report into its metrics

	model Model[E, P] // a seat of the entry, while the batch has one
}

// report is what there is to tell of a batch, on a goroutine that may not count.
type report struct {
	calls         []measure
	failedBatches int64
	timeouts      int64
	hung          int64
	waited        time.Duration // for the model
	sat           bool          // whether it did
	entry         *entry
	update        bool // entry is an update
	failedUpdates int64
}

// measure is a call that went through.
type measure struct {
	n, failed int
	bytes     int64
	took      time.Duration
}

func newBatch[E, P any](set *settings, r *recipe[E, P], e *entry, items []*item[E, P]) *batch[E, P] {
	if e != nil {
		models.retain(e)
	}
	return &batch[E, P]{set: set, recipe: r, entry: e, items: items, done: make(chan struct{})}
}

// run makes predictions for all items. It ends with ctx.
func (b *batch[E, P]) run(ctx context.Context) {
	defer close(b.done)
	_, b.err = guarded(func() (any, error) { return nil, b.try(ctx) })
	if b.model != nil {
		b.entry.seats <- b.model
		b.model = nil
	}
	if b.entry != nil {
		b.report.entry, b.report.update = b.entry, b.recipe.update
		models.release(b.entry, false)
	}
}

func (b *batch[E, P]) try(ctx context.Context) error {
	if b.entry == nil {
		if err := b.acquire(ctx); err != nil {
			if !b.recipe.update || ctx.Err() != nil {
				return err
			}
			b.report.failedUpdates++
			for _, it := range b.items {
				it.stage, it.err = StageLoad, err
			}
			return nil
		}
	}
	good, err := b.prepared(ctx)
	if err != nil || len(good) == 0 {
		return err
	}
	return b.predict(ctx, good)
}

// acquire gets the model, or another if a call has hung.
func (b *batch[E, P]) acquire(ctx context.Context) error {
	next := &version[E, P]{recipe: b.recipe}
	var err error
	if w := b.recipe.watch; w != nil {
		next, err = w.take(ctx, false) // of another file by now, perhaps
	} else {
		next.entry, err = models.acquire(ctx, next.recipe.want(b.set, false))
	}
	if err != nil {
		return err
	}
	if b.entry != nil {
		models.release(b.entry, false)
	}
	b.recipe, b.entry = next.recipe, next.entry
	return nil
}

// prepared waits until the items are prepared, which it begins if nobody has,
// and returns those that can be.
func (b *batch[E, P]) prepared(ctx context.Context) ([]*item[E, P], error) {
	if steps, ok := b.entry.copies[0].(stepped[E, P]); ok {
		var working sync.WaitGroup
		for _, it := range b.items {
			if it.ready == nil {
				it.ready = make(chan struct{})
				loan := models.lend(b.entry)
				working.Go(func() { it.prepare(ctx, loan, steps, b.set.Timeout) })
			}
		}
		working.Wait()
	}
	good := make([]*item[E, P], 0, len(b.items))
	for _, it := range b.items {
		if it.ready != nil {
			select {
			case <-it.ready:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if it.err == nil {
			good = append(good, it)
		}
	}
	if n := b.entry.record.steps.n.Load(); n >= maxHungSteps {
		return nil, &HungError{b.recipe.id, int(n)}
	}
	return good, ctx.Err() // and not an error of the examples whose preparing it ended
}

// predict runs the model on a batch, and alone on its examples if that fails, or
// on its halves if it was too large for the device.
// Its error is one of the bundle; those of examples are in the items.
func (b *batch[E, P]) predict(ctx context.Context, good []*item[E, P]) error {
	fault, err := b.infer(ctx, good)
	if fault == nil || err != nil {
		return err
	}
	b.report.failedBatches++
	if len(good) == 1 {
		mark(good, ExampleErrors{fault})
		return nil
	}
	if isTooMuch(fault) {
		half := len(good) / 2
		b.recipe.sizes.shrink(half)
		if err := b.predict(ctx, good[:half]); err != nil {
			return err
		}
		return b.predict(ctx, good[half:])
	}
	// Somebody in the batch is at fault: alone, each answers for itself.
	for i := range good {
		fault, err := b.infer(ctx, good[i:i+1])
		if err != nil {
			return err
		}
		if fault != nil {
			mark(good[i:i+1], ExampleErrors{fault})
		}
	}
	return nil
}

// infer calls the model. The first result is what the batch failed with, the
// second what the bundle fails with.
func (b *batch[E, P]) infer(ctx context.Context, good []*item[E, P]) (fault, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := b.sit(ctx); err != nil {
		return nil, err
	}
	for _, it := range good {
		it.recipe = b.recipe // which may be another for the rest of the batch
	}
	f, bytes := b.input(good)
	start := time.Now()
	done, hangs := b.entry.record.calls.track()
	e := b.entry
	models.retain(e)
	predictions, fault := call(ctx, b.set.Timeout, func() { models.release(e, false); done() }, f)
	took := time.Since(start)
	if t, ok := fault.(*TimeoutError); ok {
		if b.report.timeouts++; t.Hung {
			hangs()
			b.report.hung++
			b.model = nil // and its seat is lost
			models.kill(e)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if errors.Is(fault, cuda.ErrContextLost) { // and with it the model, and all others there
		models.kill(e)
		return nil, fmt.Errorf("beamio: %s: %w; the model is loaded again for the next bundle", b.recipe.id, fault)
	}
	each, fault := perExample(len(good), len(predictions), fault)
	if fault != nil {
		return fault, nil
	}
	for i, it := range good {
		it.prediction = predictions[i]
	}
	mark(good, each)
	failed := len(each.Unwrap())
	b.recipe.sizes.observe(len(good), took)
	b.report.calls = append(b.report.calls, measure{len(good), failed, bytes, took})
	return nil, nil
}

// sit waits for a turn of the model, unless the batch has one.
func (b *batch[E, P]) sit(ctx context.Context) error {
	if b.model != nil {
		return nil
	}
	start := time.Now()
	defer func() { b.report.waited += time.Since(start); b.report.sat = true }()
	for {
		if b.entry.isDead() { // even if another copy has a seat
			if err := b.acquire(ctx); err != nil {
				return err
			}
		}
		var seat any
		select {
		case <-b.entry.dead:
			continue
		case seat = <-b.entry.seats:
		case <-ctx.Done():
			return ctx.Err()
		}
		m, ok := seat.(Model[E, P])
		if !ok {
			b.entry.seats <- seat
			return fmt.Errorf("beamio: the model %q is a %T, which does not fit", b.recipe.id, seat)
		}
		b.model = m
		return nil
	}
}

// input returns a call of the model for a batch, and the bytes of its input.
func (b *batch[E, P]) input(good []*item[E, P]) (func(context.Context) ([]P, error), int64) {
	model := b.model
	if steps, ok := model.(stepped[E, P]); ok {
		in := make([]any, len(good))
		for i, it := range good {
			in[i] = it.prepared
		}
		return func(ctx context.Context) ([]P, error) { return steps.predict(ctx, in) }, sizeOf(in)
	}
	in := make([]E, len(good))
	for i, it := range good {
		in[i] = it.example
	}
	return func(ctx context.Context) ([]P, error) { return model.Infer(ctx, in) }, sizeOf(in)
}

// mark notes the errors of a batch in its items.
func mark[E, P any](batch []*item[E, P], each ExampleErrors) {
	for i, err := range each {
		if err != nil {
			batch[i].stage, batch[i].err = stageOf(err, StageInference)
		}
	}
}
