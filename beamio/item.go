package beamio

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// item is an example on its way through a bundle.
type item[E, P any] struct {
	at      beam.EventTime
	key     beam.T // nil without keys
	path    string // of the checkpoint it asks for, if any
	example E
	bundle  context.Context // without which nobody wants the prediction
	bucket  string          // examples of one batch are of one
	weight  int

	// What preparing has made of it, once ready is closed; ready is nil if
	// nobody prepares it.
	ready    chan struct{}
	prepared any
	took     time.Duration

	recipe     *recipe[E, P] // of the model that was asked; nil for the batch's
	prediction P
	err        error // why there is no prediction
	stage      string
}

// prepare does the first step of the model that is lent to it. entry.prepare
// limits how many do.
func (it *item[E, P]) prepare(ctx context.Context, loan *loan, steps stepped[E, P], limit time.Duration) {
	defer close(it.ready)
	e := loan.e
	select {
	case e.prepare <- struct{}{}:
		defer func() { <-e.prepare }()
	case <-ctx.Done():
		loan.end()
		it.err = ctx.Err()
		return
	}
	start := time.Now()
	done, hangs := e.record.steps.track()
	var err error
	it.prepared, err = call(ctx, limit, func() { loan.end(); done() }, func(ctx context.Context) (any, error) {
		return steps.prepare(ctx, it.example)
	})
	it.took = time.Since(start)
	if err != nil {
		it.stage, it.err = stageOf(err, StagePreprocess)
	}
	if t, ok := err.(*TimeoutError); ok && t.Hung {
		loan.hangs()
		hangs()
	}
}

// fail notes why an example has no prediction.
func (it *item[E, P]) fail(stage string, err error) {
	it.stage, it.err = stageOf(err, stage)
}

// nameOf returns the example's own name, if it has one.
func nameOf(example any) string {
	if s, ok := example.(fmt.Stringer); ok {
		return s.String()
	}
	return ""
}
