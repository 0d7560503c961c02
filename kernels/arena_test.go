package kernels

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"
)

func TestArenasHonourTheLimit(t *testing.T) {
	a := &arenas{limit: 400, memory: new(memory)}
	one := must(a.acquire(t.Context(), 60))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := a.acquire(ctx, 60); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("240 + 240 of 400 bytes: got %v, want to wait", err)
	}
	if len(a.waiting) != 0 {
		t.Error("a run that gave up still waits")
	}
	small := must(a.acquire(t.Context(), 40))

	got := make(chan *run)
	for _, floats := range []int{1000, 10} { // the first must go alone, the second not overtake it
		go func() {
			r, err := a.acquire(context.Background(), floats)
			if err != nil {
				t.Error(err)
			}
			got <- r
		}()
		for waiting := 0; waiting == 0 || floats == 10 && waiting < 2; time.Sleep(time.Millisecond) {
			a.mu.Lock()
			waiting = len(a.waiting)
			a.mu.Unlock()
		}
	}
	a.release(one)
	select {
	case <-got:
		t.Fatal("a run of more than the limit did not go alone")
	case <-time.After(10 * time.Millisecond):
	}
	a.release(small)
	huge := <-got
	if len(huge.mem) != 1000 {
		t.Fatalf("a run of 10 overtook one of 1000")
	}
	a.release(huge)
	last := <-got
	if len(last.mem) != 10 {
		t.Errorf("%d floats for a run of 10: it would keep all others waiting", len(last.mem))
	}
	a.release(last)
	if a.lent != 0 || a.bytes > a.limit {
		t.Errorf("at the end %d are lent and %d bytes kept", a.lent, a.bytes)
	}
}

func TestArenasAreReused(t *testing.T) {
	a := &arenas{memory: new(memory)}
	big, small := must(a.acquire(t.Context(), 100)), must(a.acquire(t.Context(), 50))
	a.release(big)
	a.release(small)
	if got := must(a.acquire(t.Context(), 40)); got != small {
		t.Error("the smallest that fits was not taken")
	}
	if got := must(a.acquire(t.Context(), 120)); got != big || len(got.mem) != 120 || a.bytes != 4*(120+50) {
		t.Errorf("a larger arena should take the place of an idle one; %d bytes are kept", a.bytes)
	}
}

// TestArenaUsedLastIsTaken: callers one after another, after some at once, do
// not go from arena to arena.
func TestArenaUsedLastIsTaken(t *testing.T) {
	a := &arenas{memory: new(memory)}
	one, two := must(a.acquire(t.Context(), 50)), must(a.acquire(t.Context(), 50))
	a.release(one)
	a.release(two)
	for range 3 {
		got := must(a.acquire(t.Context(), 50))
		if got != two {
			t.Error("of two that fit alike the one used last was not taken")
		}
		a.release(got)
	}
}

// TestRunsHaveALaneForEachThread: also when Go runs more threads than when they
// were made.
func TestRunsHaveALaneForEachThread(t *testing.T) {
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	a := &arenas{memory: new(memory)}
	r := must(a.acquire(t.Context(), 50))
	mem := &r.mem[0]
	a.release(r)
	for _, c := range []struct{ threads, lanes int }{{5, 5}, {1, 5}, {5, 5}} {
		runtime.GOMAXPROCS(c.threads)
		r := must(a.acquire(t.Context(), 50))
		if len(r.lanes) != c.lanes || &r.mem[0] != mem || a.bytes != 4*50 {
			t.Errorf("%d threads: %d lanes, want %d, and %d bytes", c.threads, len(r.lanes), c.lanes, a.bytes)
		}
		a.release(r)
	}
}
