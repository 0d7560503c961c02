package kernels

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argand-go/argand/nn/op"
)

func TestCoresAreNotLentTwice(t *testing.T) {
	old := runtime.GOMAXPROCS(4)
	defer runtime.GOMAXPROCS(old)
	var b budget
	b.enter()
	for i := range 3 {
		if !b.lend() {
			t.Errorf("helper %d of 3 has no core", i)
		}
	}
	if b.lend() {
		t.Error("a caller and 3 helpers have 4 cores, and a fifth was lent")
	}
	if b.recall() {
		t.Error("a helper was called back though nobody wants its core")
	}
	b.enter()
	if !b.recall() || b.recall() {
		t.Error("a second caller wants one core: one helper of 3 is to go")
	}
	b.leave()
	if !b.lend() || b.lend() {
		t.Error("the second caller left: its core, and no more, is free again")
	}
}

// A task is a kernel for tests: any function of a lane and an item.
type task struct {
	n int
	f func(l *lane, i int)
}

func (k *task) items(int) int          { return k.n }
func (k *task) do(l *lane, _, i int)   { k.f(l, i) }
func (k *task) step() *step            { return &step{kernel: k} }
func (k *task) on(r *run, threads int) { r.do(k.step(), threads) }

// idle waits until helpers have given their cores back, and only callers, if
// any, have some.
func idle(t *testing.T, callers int64) {
	t.Helper()
	for start := time.Now(); cores.busy.Load() != callers; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d cores are still lent", cores.busy.Load())
		}
	}
}

// await waits for something that must happen, or fails.
func await(t *testing.T, c <-chan struct{}, what string) {
	select {
	case <-c:
	case <-time.After(10 * time.Second):
		t.Error("waited in vain for " + what)
	}
}

// meeting returns a function that each of two lanes must call at once, so that
// neither does both of two items.
func meeting(t *testing.T) func() {
	var come atomic.Int32
	both := make(chan struct{})
	return func() {
		if come.Add(1) == 2 {
			close(both)
		}
		await(t, both, "another lane")
	}
}

// TestItemsAreDoneOnce does thousands of short steps on more threads than there
// are cores, so that helpers come late for all there is to come late for.
func TestItemsAreDoneOnce(t *testing.T) {
	old := runtime.GOMAXPROCS(7)
	defer runtime.GOMAXPROCS(old)
	cores.enter()
	r := newRun()
	steps := 3000
	if raceEnabled {
		steps = 500
	}
	var helped atomic.Int64
	for s := range steps {
		var done [9]int // not atomic: the race detector is to see who does an item twice or too late
		k := &task{n: s % (len(done) + 1)}
		k.f = func(l *lane, i int) {
			done[i]++
			if l != r.lanes[0] {
				helped.Add(1)
			}
			if s%3 == 0 {
				runtime.Gosched()
			}
		}
		k.on(r, []int{2, 3, 7, 0}[s%4])
		for i, n := range done {
			if want := boolToInt(i < k.n); n != want {
				t.Fatalf("step %d: item %d of %d was done %d times", s, i, k.n, n)
			}
		}
		if s%100 == 0 {
			time.Sleep(time.Millisecond) // longer than helpers stay
		}
	}
	if helped.Load() == 0 {
		t.Error("nobody helped")
	}
	cores.leave()
	idle(t, 0)
}

// TestCallerSleeps: a helper takes longer over its item than the caller waits actively.
func TestCallerSleeps(t *testing.T) {
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	cores.enter()
	defer cores.leave()
	r := newRun()
	for range 5 {
		idle(t, 1) // so that there is a core for a new helper
		meet, finished := meeting(t), false
		k := &task{n: 2}
		k.f = func(l *lane, _ int) {
			meet()
			if l != r.lanes[0] {
				time.Sleep(20 * time.Millisecond)
				finished = true
			}
		}
		k.on(r, 0)
		if !finished {
			t.Fatal("the step ended before its last item")
		}
	}
}

// TestHelpersLeave: when no step comes helpers end, and when others want their
// cores they go before the next item.
func TestHelpersLeave(t *testing.T) {
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	goroutines := runtime.NumGoroutine()
	idle(t, 0)
	cores.enter()
	r := newRun()
	meet := meeting(t)
	(&task{2, func(*lane, int) { meet() }}).on(r, 0)
	cores.leave()
	idle(t, 0)
	for start := time.Now(); runtime.NumGoroutine() > goroutines; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("%d goroutines more than before", runtime.NumGoroutine()-goroutines)
		}
	}

	cores.enter()
	defer cores.leave()
	var items [2]int
	arrived := make(chan struct{})
	(&task{100, func(l *lane, i int) {
		helper := l != r.lanes[0]
		items[boolToInt(helper)]++
		switch {
		case helper && items[1] == 1: // another run begins while this item is done
			cores.enter()
			close(arrived)
		case !helper && items[0] == 1:
			await(t, arrived, "a helper")
		}
	}}).on(r, 0)
	cores.leave()
	if items != [2]int{99, 1} {
		t.Errorf("of 100 items caller and helper did %d, want 99 and 1", items)
	}
}

// TestThreadsChange runs two models from several goroutines while Go is told to
// run more and fewer threads at once: all get their bits, and no core stays lent.
func TestThreadsChange(t *testing.T) {
	old := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(old)
	g, x := large(), normal(rand.New(rand.NewPCG(63, 64)), 1, 3, 45, 51)
	b := backends(t)[0]
	models := []op.Model{must(b.Load(t.Context(), g, op.Options{})), must(b.Load(t.Context(), g, op.Options{Threads: 3}))}
	want := runOn(t, models[0], x)
	stop := make(chan struct{})
	var callers, changer sync.WaitGroup
	changer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.GOMAXPROCS([]int{1, 5, 2, 7}[i%4])
			}
		}
	})
	for i := range 4 {
		callers.Go(func() {
			for range 15 {
				for j, y := range runOn(t, models[i%2], x) {
					sameBits(t, "while threads change", y, want[j])
				}
			}
		})
	}
	callers.Wait()
	close(stop)
	changer.Wait()
	idle(t, 0)
}

// TestPanicLeavesNoHelperBehind has a kernel panic in the caller's thread while a helper is at work in the arena, which
// goes as soon as the run has ended.
func TestPanicLeavesNoHelperBehind(t *testing.T) {
	old := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(old)
	idle(t, 0)
	m := must(backends(t)[0].Load(t.Context(), large(), op.Options{})).(*model)
	meet, wrote := meeting(t), false
	k := &task{n: 1000, f: func(l *lane, i int) {
		if i == 0 || i == 999 {
			meet()
		}
		if l == l.lanes[0] {
			panic("oh")
		}
		time.Sleep(time.Millisecond)
		for j := range l.mem {
			l.mem[j] = 1
		}
		wrote = true
	}}
	p := &program{model: m, steps: []step{*k.step()}, floats: minMapped}
	func() {
		defer func() {
			if recover() != "oh" {
				t.Error("the panic was swallowed")
			}
		}()
		t.Errorf("returned %v", p.RunInto(t.Context(), nil, nil))
	}()
	if !wrote {
		t.Error("the helper did nothing")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	idle(t, 0)
}
