//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/argand-go/argand/cuda/internal/driver"
)

// arenas are the memory of a model's runs: kept, lent, and limited.
type arenas struct {
	context *driver.Context
	limit   int64 // bytes of all arenas together, 0 for no limit
	memory  *memory

	mu      sync.Mutex
	bytes   int64   // of all arenas, lent and idle
	lent    int     // how many are lent
	idle    []*run  // those that are not
	waiting []*wish // runs that wait for memory, the first come first
}

// A wish is a run waiting for memory.
type wish struct {
	bytes   int64
	stream  *driver.Stream
	granted chan *run
}

// acquire lends an arena of at least the given size, for work that goes behind
// what a stream of the caller's has, or nil. If that would exceed the limit it
// waits for others to come back, for as long as ctx allows; a run that needs more
// than the limit goes when no other does.
func (a *arenas) acquire(ctx context.Context, bytes int64, s *driver.Stream) (*run, error) {
	a.mu.Lock()
	if len(a.waiting) == 0 {
		if r := a.take(bytes, s); r != nil {
			a.mu.Unlock()
			return a.prepare(ctx, r)
		}
	}
	w := &wish{bytes, s, make(chan *run, 1)}
	a.waiting = append(a.waiting, w)
	a.mu.Unlock()
	select {
	case r := <-w.granted:
		return a.prepare(ctx, r)
	case <-ctx.Done():
	}
	a.mu.Lock()
	if i := slices.Index(a.waiting, w); i >= 0 {
		a.waiting = slices.Delete(a.waiting, i, i+1)
		a.grant() // those behind may have waited for this one's turn only
		a.mu.Unlock()
		return nil, ctx.Err()
	}
	a.mu.Unlock()
	a.release(<-w.granted) // granted at the last moment
	return nil, ctx.Err()
}

// find returns the smallest idle arena that is large enough, −1 for none, nor for
// one that the device works with while there is room for another.
func (a *arenas) find(bytes int64, s *driver.Stream) int {
	best, bestFree := -1, false
	for i, r := range a.idle {
		if r.granted < bytes {
			continue
		}
		if a.limit > 0 && r.granted > a.limit && bytes <= a.limit {
			continue // of a run that went alone: it would keep all others waiting
		}
		free := r.free(s)
		if best >= 0 && (bestFree && !free || bestFree == free && r.granted > a.idle[best].granted) {
			continue
		}
		best, bestFree = i, free
	}
	if !bestFree && !a.full(bytes) {
		return -1
	}
	return best
}

// full reports whether a new arena would exceed the limit.
func (a *arenas) full(bytes int64) bool { return a.limit > 0 && a.bytes+bytes > a.limit }

// take lends an idle arena, or the place of a new one if the limit allows, or
// nil. Whoever gets it prepares it.
func (a *arenas) take(bytes int64, s *driver.Stream) *run {
	if best := a.find(bytes, s); best >= 0 {
		r := a.idle[best]
		a.idle = slices.Delete(a.idle, best, best+1)
		a.memory.lend(r)
		a.lent++
		return r
	}
	var old *run // gives its place and its stream to the new one
	for len(a.idle) > 0 && (old == nil || a.full(bytes)) {
		i := slices.IndexFunc(a.idle, func(r *run) bool { return r.free(s) })
		if i < 0 && !a.full(bytes) {
			break
		}
		if old != nil {
			_ = old.close() // an error that matters comes back with the next call
		}
		i = max(i, 0)
		old = a.idle[i]
		a.idle = slices.Delete(a.idle, i, i+1)
		a.bytes -= old.granted
	}
	if old == nil {
		old = &run{prepared: make(map[layout]*prepared)}
	}
	if a.full(bytes) && a.lent > 0 {
		_ = old.close()
		return nil
	}
	if old.granted = bytes; old.arena != nil {
		a.memory.lend(old)
	}
	a.bytes += bytes
	a.lent++
	return old
}

// prepare gives a run that was lent the memory that was granted.
func (a *arenas) prepare(ctx context.Context, r *run) (*run, error) {
	if err := a.allocate(ctx, r); err != nil {
		a.discard(r)
		return nil, err
	}
	return r, nil
}

func (a *arenas) allocate(ctx context.Context, r *run) (err error) {
	if r.arena != nil && r.arena.Size() >= r.granted {
		return nil
	}
	if r.stream == nil {
		if r.stream, err = a.context.NewStream(); err != nil {
			return err
		}
	}
	if old := r.arena; old != nil {
		r.arena = nil
		err = errors.Join(r.settle(), r.forget(), old.Close())
		if a.memory.giveBack(r); err != nil {
			return err
		}
	}
	return a.memory.try(ctx, r, func() (err error) {
		r.arena, err = a.context.Alloc(r.granted)
		return err
	})
}

// trim frees the idle arenas and returns how many there were.
func (a *arenas) trim() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := len(a.idle)
	_ = a.closeIdle() // an error that matters comes back with the next call
	return n
}

// release takes an arena back.
func (a *arenas) release(r *run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent--
	a.idle = append(a.idle, r)
	a.memory.giveBack(r)
	a.grant()
}

// discard takes an arena back to free it, after an error.
func (a *arenas) discard(r *run) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent--
	a.bytes -= r.granted
	_ = r.close() // there is an error to report that came before
	a.memory.giveBack(r)
	a.grant()
}

// grant serves those that wait, in order.
func (a *arenas) grant() {
	for len(a.waiting) > 0 {
		r := a.take(a.waiting[0].bytes, a.waiting[0].stream)
		if r == nil {
			return
		}
		a.waiting[0].granted <- r
		a.waiting = slices.Delete(a.waiting, 0, 1)
	}
}

// close frees the idle arenas.
func (a *arenas) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closeIdle()
}

// closeIdle is close under a.mu.
func (a *arenas) closeIdle() error {
	var errs []error
	for _, r := range a.idle {
		a.bytes -= r.granted
		errs = append(errs, r.close())
	}
	a.idle = nil
	return errors.Join(errs...)
}
