package vision

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls f for 0 … n-1 on as many goroutines as the program may use cores:
// resizing a photo takes as long as a small network does to look at it. It
// returns the error of the first number that has one, or ctx's. If f panics, as a
// picture of a caller's own type may, so does each.
func each(ctx context.Context, n int, f func(i int) error) error {
	errs := make([]error, n)
	var next atomic.Int64
	var group sync.WaitGroup
	var panicked atomic.Pointer[any]
	work := func() {
		defer func() {
			if r := recover(); r != nil {
				panicked.Store(&r)
			}
		}()
		for i := int(next.Add(1) - 1); i < n; i = int(next.Add(1) - 1) {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = f(i)
			}
		}
	}
	for range min(runtime.GOMAXPROCS(0), n) - 1 {
		group.Go(work)
	}
	work()
	group.Wait()
	if r := panicked.Load(); r != nil {
		panic(*r)
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
