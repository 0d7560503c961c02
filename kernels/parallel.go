package kernels

import (
	"runtime"
	"sync/atomic"
)

// cores counts the threads that runs of all models use. It is global on
// purpose, the package's only variable: what it shares out, the machine's
// cores, is global too. Every run has its caller's thread; helpers are lent
// while callers and helpers together are fewer than GOMAXPROCS, so that many
// runs at once use one core each instead of contending for all.
var cores budget

// A budget shares out GOMAXPROCS threads.
type budget struct{ busy atomic.Int64 }

func (b *budget) enter() { b.busy.Add(1) }
func (b *budget) leave() { b.busy.Add(-1) }

// lend returns how many helpers, of those wanted, a run may start.
func (b *budget) lend(wanted int) int {
	limit := int64(runtime.GOMAXPROCS(0))
	for {
		busy := b.busy.Load()
		n := min(int64(wanted), limit-busy)
		if n <= 0 {
			return 0
		}
		if b.busy.CompareAndSwap(busy, busy+n) {
			return int(n)
		}
	}
}

func newRun() *run {
	r := &run{}
	r.lane(0)
	return r
}

// lane returns lane i, made when it is first needed.
func (r *run) lane(i int) *lane {
	for len(r.lanes) <= i {
		l := &lane{run: r}
		l.start = func() { // made once: a go statement with a closure would allocate
			l.claim()
			cores.leave()
			r.helped.Done()
		}
		r.lanes = append(r.lanes, l)
	}
	return r.lanes[i]
}

// do does one step. The caller's thread works too, so a step of one item
// starts nobody, and a helper that comes late finds nothing left to do.
func (r *run) do(s *step, threads int) {
	r.kernel, r.rows = s.kernel, r.counted(s.count, s.rows)
	items := s.kernel.items(r.rows)
	if threads <= 0 {
		threads = items
	}
	helpers := 0
	if wanted := min(threads, items) - 1; wanted > 0 {
		helpers = cores.lend(wanted)
	}
	r.items = int64(items)
	r.next.Store(0)
	r.helped.Add(helpers)
	for i := range helpers {
		go r.lane(1 + i).start()
	}
	r.lanes[0].claim()
	r.helped.Wait()
}

// claim does items until none is left.
func (l *lane) claim() {
	for {
		i := l.next.Add(1) - 1
		if i >= l.items {
			return
		}
		l.kernel.do(l, l.rows, int(i))
	}
}
