package beamio

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// TimeoutError reports a call that took longer than [WithTimeout] allows.
type TimeoutError struct {
	After time.Duration // the limit
	Hung  bool          // the call did not return either when its context ended
}

// Error returns "not done after 5s", say.
func (e *TimeoutError) Error() string {
	if e.Hung {
		return fmt.Sprintf("not done after %v, and deaf to the end of its context", e.After)
	}
	return fmt.Sprintf("not done after %v", e.After)
}

// Timeout returns true, as the errors of the standard library do.
func (e *TimeoutError) Timeout() bool { return true }

// Unwrap returns context.DeadlineExceeded.
func (e *TimeoutError) Unwrap() error { return context.DeadlineExceeded }

// HungError reports that so many calls of a model hang that it is not tried
// again in this process before one of them returns. See [WithTimeout].
type HungError struct {
	ModelID string
	Calls   int
}

// Error returns "the model m hangs: 4 calls have not returned", say.
func (e *HungError) Error() string {
	return fmt.Sprintf("beamio: the model %s hangs: %d calls have not returned", e.ModelID, e.Calls)
}

// grace returns how long a call may take after its context has ended.
func grace(limit time.Duration) time.Duration {
	return min(max(limit, 100*time.Millisecond), 2*time.Second)
}

// call runs f, which is code of a handler, and turns a panic into an error.
//
// With a limit f's context ends after that time. If f returns no result then,
// the error is a [*TimeoutError]; it has Hung set if f did not return at all,
// in which case it is left to itself. The same happens to an f that does not
// return when ctx ends. done runs when f has returned, however late.
func call[R any](ctx context.Context, limit time.Duration, done func(), f func(context.Context) (R, error)) (R, error) {
	if limit == 0 {
		defer done()
		return guarded(func() (R, error) { return f(ctx) })
	}
	type outcome struct {
		r   R
		err error
	}
	inner, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	returned := make(chan outcome, 1)
	go func() {
		defer done()
		r, err := guarded(func() (R, error) { return f(inner) })
		returned <- outcome{r, err}
	}()
	end := func(o outcome) (R, error) {
		if o.err != nil && ctx.Err() == nil && inner.Err() != nil {
			return o.r, &TimeoutError{After: limit}
		}
		return o.r, o.err
	}
	select {
	case o := <-returned:
		return end(o)
	case <-inner.Done():
	}
	last := time.NewTimer(grace(limit))
	defer last.Stop()
	select {
	case o := <-returned:
		return end(o)
	case <-last.C:
		var zero R
		return zero, &TimeoutError{limit, true}
	}
}

// guarded calls f and turns a panic into a [*PanicError].
func guarded[R any](f func() (R, error)) (r R, err error) {
	defer func() {
		if v := recover(); v != nil {
			var zero R
			r, err = zero, &PanicError{v, debug.Stack()}
		}
	}()
	return f()
}

// late counts calls that hang.
type late struct{ n atomic.Int64 }

// track returns the done of a [call] and what to do when it hangs: until then
// the call is not counted, and once it has returned it is no more.
func (l *late) track() (done, hangs func()) {
	var state atomic.Int32 // 1 returned, 2 hung
	done = func() {
		if !state.CompareAndSwap(0, 1) {
			l.n.Add(-1)
		}
	}
	hangs = func() {
		l.n.Add(1)
		if !state.CompareAndSwap(0, 2) {
			l.n.Add(-1)
		}
	}
	return done, hangs
}
