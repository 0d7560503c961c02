package beamio

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// models holds the models of this process. It is global because nothing else
// is shared by the instances of a DoFn, of which a runner makes as many as it
// runs bundles at once.
var models registry

// registry loads a model once for every key.
type registry struct {
	mu      sync.Mutex
	entries map[string]*entry
}

// entry is a model that is being loaded or, once ready is closed, is loaded.
type entry struct {
	ready chan struct{}
	err   error

	model    any           // a Model[E, P]
	bytes    int64         // what its weights take
	took     time.Duration // what loading took
	reported atomic.Bool   // whether a bundle has put these into its metrics

	turn    chan struct{} // held while a batch is run: a model uses all cores by itself
	prepare chan struct{} // as many at once are held as examples are prepared
	sizes   sizer
}

// acquire returns the model under key, after loading it if need be. Bundles
// that ask meanwhile wait. A failure is not kept: it is returned to those who
// waited for it, and whoever asks next loads again.
func (r *registry) acquire(ctx context.Context, key string, load func(context.Context) (any, error)) (*entry, error) {
	for {
		r.mu.Lock()
		e, found := r.entries[key]
		if !found {
			e = &entry{ready: make(chan struct{})}
			if r.entries == nil {
				r.entries = make(map[string]*entry)
			}
			r.entries[key] = e
		}
		r.mu.Unlock()
		if !found {
			r.load(ctx, key, e, load)
			return e, e.err
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// The loader's bundle may have been cancelled, which is no reason for
		// this one to fail.
		if e.err == nil || !isCancelled(e.err) || ctx.Err() != nil {
			return e, e.err
		}
	}
}

func (r *registry) load(ctx context.Context, key string, e *entry, load func(context.Context) (any, error)) {
	start := time.Now()
	model, err := guarded(func() (any, error) { return load(ctx) })
	if err == nil && model == nil {
		err = errors.New("Load returned neither a model nor an error")
	}
	if err != nil {
		e.err = fmt.Errorf("beamio: loading the model: %w", err)
		r.mu.Lock()
		delete(r.entries, key)
		r.mu.Unlock()
	} else {
		e.model, e.bytes, e.took = model, bytesOf(model), time.Since(start)
		e.turn = make(chan struct{}, 1)
		e.prepare = make(chan struct{}, runtime.GOMAXPROCS(0))
	}
	close(e.ready)
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
