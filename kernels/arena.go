package kernels

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"
)

// arenas are the memory of a model's runs: kept, lent, and limited.
type arenas struct {
	limit  int64 // bytes of all arenas together, 0 for no limit
	memory *memory

	mu      sync.Mutex
	bytes   int64   // of all arenas, lent and idle
	lent    int     // how many are lent
	idle    []*run  // those that are not
	waiting []*wish // runs that wait for memory, the first come first
	poison  bool    // tests: fill arenas with NaN before they are lent
	zeros   int     // which begin with so many zeros
}

// A wish is a run waiting for memory.
type wish struct {
	floats  int
	granted chan *run
}

// acquire lends an arena of at least the given size. If that would exceed the
// limit it waits for others to come back, for as long as ctx allows; a run
// that needs more than the limit goes when no other does.
func (a *arenas) acquire(ctx context.Context, floats int) (*run, error) {
	a.mu.Lock()
	if len(a.waiting) == 0 {
		if r := a.take(floats); r != nil {
			a.mu.Unlock()
			return r.prepare(a), nil
		}
	}
	w := &wish{floats, make(chan *run, 1)}
	a.waiting = append(a.waiting, w)
	a.mu.Unlock()
	select {
	case r := <-w.granted:
		return r.prepare(a), nil
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

// take lends the smallest idle arena that is large enough, of equal ones that
// used last, which is in the caches and may have its helpers still, or a new
// one if the limit allows, or nil.
func (a *arenas) take(floats int) *run {
	bytes := 4 * int64(floats)
	best := -1
	for i, r := range a.idle {
		if len(r.mem) < floats || best >= 0 && len(r.mem) > len(a.idle[best].mem) {
			continue
		}
		if a.limit > 0 && 4*int64(len(r.mem)) > a.limit && bytes <= a.limit {
			continue // of a run that went alone: it would keep all others waiting
		}
		best = i
	}
	if best >= 0 {
		r := a.idle[best]
		a.idle = slices.Delete(a.idle, best, best+1)
		a.lent++
		return r
	}
	var old *run // gives its place and its lanes to the new one
	for len(a.idle) > 0 && (old == nil || a.limit > 0 && a.bytes+bytes > a.limit) {
		old = a.idle[0]
		a.idle = slices.Delete(a.idle, 0, 1)
		a.bytes -= 4 * int64(len(old.mem))
		a.memory.free(old.mem)
		old.mem = nil
	}
	if a.limit > 0 && a.bytes+bytes > a.limit && a.lent > 0 {
		return nil
	}
	if old == nil {
		old = newRun()
	}
	old.mem = a.memory.floats(floats)
	a.bytes += bytes
	a.lent++
	return old
}

// release takes an arena back.
func (a *arenas) release(r *run) {
	r.in, r.out, r.kernel = nil, nil, nil
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lent--
	a.idle = append(a.idle, r)
	a.grant()
}

// grant serves those that wait, in order.
func (a *arenas) grant() {
	for len(a.waiting) > 0 {
		r := a.take(a.waiting[0].floats)
		if r == nil {
			return
		}
		a.waiting[0].granted <- r
		a.waiting = slices.Delete(a.waiting, 0, 1)
	}
}

// clear forgets the idle arenas.
func (a *arenas) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.idle {
		a.bytes -= 4 * int64(len(r.mem))
		a.memory.free(r.mem)
	}
	a.idle = nil
}

// prepare returns r, or if Go runs more threads at once than when it was made
// another run with its memory: helpers that are late may still look at the lanes
// of r. It poisons the arena if that is asked for.
func (r *run) prepare(a *arenas) *run {
	if len(r.lanes) < runtime.GOMAXPROCS(0) {
		mem := r.mem
		r = newRun()
		r.mem = mem
	}
	if a.poison {
		for i := a.zeros; i < len(r.mem); i++ {
			r.mem[i] = float32(math.NaN())
		}
	}
	return r
}
