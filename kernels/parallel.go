package kernels

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/argand-go/argand/kernels/internal/pause"
)

// cores counts the threads that runs of all models use. It is global on
// purpose, the package's only variable: what it shares out, the machine's
// cores, is global too. Every run has its caller's thread; helpers are lent
// while callers and helpers together are fewer than GOMAXPROCS, and called
// back when more callers come, so that many runs at once use one core each
// instead of contending for all.
var cores budget

// A budget shares out GOMAXPROCS threads.
type budget struct {
	busy  atomic.Int64 // callers and helpers
	limit atomic.Int64 // GOMAXPROCS when the last run began: to ask takes a lock
}

// enter counts a caller in.
func (b *budget) enter() {
	b.limit.Store(int64(runtime.GOMAXPROCS(0)))
	b.busy.Add(1)
}

// leave counts a caller or a helper out.
func (b *budget) leave() { b.busy.Add(-1) }

// lend counts a helper in, if there is a core for it.
func (b *budget) lend() bool {
	for {
		busy := b.busy.Load()
		if busy >= b.limit.Load() {
			return false
		}
		if b.busy.CompareAndSwap(busy, busy+1) {
			return true
		}
	}
}

// crowded reports whether more threads work than there are cores.
func (b *budget) crowded() bool { return b.busy.Load() > b.limit.Load() }

// recall counts a helper out if more threads work than there are cores, and
// reports whether it has.
func (b *budget) recall() bool {
	for {
		busy := b.busy.Load()
		if busy <= b.limit.Load() {
			return false
		}
		if b.busy.CompareAndSwap(busy, busy-1) {
			return true
		}
	}
}

// A thread that finds nothing to do waits actively, for up to patience times
// a few instructions: to wake another one takes the system and Go's scheduler
// 50 to 100 µs, and a step is over in less than a millisecond. Then it gives up:
// a helper ends, the caller sleeps.
const (
	patience = 750 // some 150 µs, as long as an item
	moment   = 8   // PAUSE instructions between two looks
)

// asleep is added to run.left when the caller stops waiting actively.
const asleep = 1 << 62

// A share is the items of a step that a lane is to do and nobody has claimed:
// numbers first … end-1, in one word. Between steps all shares are empty, so
// that who comes late, or early, claims items of the step in progress or none.
type share struct {
	_    [64]byte // a cache line for itself: others look at it all the time
	word atomic.Uint64
	_    [56]byte
}

func (s *share) set(first, end int) { s.word.Store(uint64(first)<<32 | uint64(end)) }

// claim takes an item, the first or the last one.
func (s *share) claim(fromFront bool) (item int, ok bool) {
	for {
		word := s.word.Load()
		first, end := int(word>>32), int(word&(1<<32-1))
		switch {
		case first >= end:
			return 0, false
		case fromFront && s.word.CompareAndSwap(word, word+1<<32):
			return first, true
		case !fromFront && s.word.CompareAndSwap(word, word-1):
			return end - 1, true
		}
	}
}

// newRun returns a run without memory, with a lane for each thread that Go
// runs at once.
func newRun() *run {
	r := &run{woken: make(chan struct{}, 1)}
	for i := range runtime.GOMAXPROCS(0) {
		l := &lane{run: r, number: i}
		l.start = l.help // made once: a go statement with a closure would allocate
		r.lanes = append(r.lanes, l)
	}
	return r
}

// do does one step on so many threads at most, 0 for as many as there are.
//
// Every lane gets a share of neighbouring items, of which it takes the first,
// and when it has none left the last of another's. So from step to step a lane
// works in the same part of the image as a rule, and reads what it has written
// itself, from its own cache.
func (r *run) do(s *step, threads int) {
	r.kernel, r.rows = s.kernel, r.counted(s.count, s.rows)
	items := s.kernel.items(r.rows)
	if threads <= 0 {
		threads = len(r.lanes)
	}
	threads = min(threads, len(r.lanes), items)
	if threads <= 1 {
		for i := range items {
			r.kernel.do(r.lanes[0], r.rows, i)
		}
		return
	}
	r.left.Store(int64(items))
	for i := range threads {
		r.lanes[i].share.set(items*i/threads, items*(i+1)/threads)
	}
	r.team.Store(int32(threads))
	r.steps.Add(1)
	r.hire(threads)
	r.lanes[0].work()
	r.wait()
}

// hire starts helpers until the step in progress has the given threads, or no
// core is free. Those of the step before are still there as a rule.
func (r *run) hire(threads int) {
	for _, l := range r.lanes[1:threads] {
		if l.hired.Load() {
			continue
		}
		if !cores.lend() {
			return
		}
		l.hired.Store(true)
		go l.start()
	}
}

// help does items of one step after the other until no step comes for a
// while, or others want the core. It knows nothing of the end of a run: if the
// next begins within that time it finds its helpers ready.
func (l *lane) help() {
	seen := l.steps.Load() - 1
	for idle := 0; idle < patience; idle++ {
		if now := l.steps.Load(); now != seen {
			idle = 0
			if l.work() {
				seen = now
			}
		}
		if cores.recall() {
			l.hired.Store(false)
			return
		}
		pause.Times(moment)
	}
	l.hired.Store(false)
	cores.leave()
}

// work does items of the step in progress. It reports whether none is left to
// claim: a helper whose core is wanted stops before.
func (l *lane) work() bool {
	team := int(l.team.Load())
	for i := range team {
		other := l.lanes[(l.number+i)%team]
		for {
			if l.number > 0 && cores.crowded() {
				return false
			}
			item, ok := other.share.claim(other == l)
			if !ok {
				break
			}
			// Until left is counted down the caller waits: the step stays what it is.
			l.kernel.do(l, l.rows, item)
			if l.left.Add(-1) == asleep {
				l.woken <- struct{}{}
				runtime.Gosched() // the caller goes on at once, on this thread
			}
		}
	}
	return true
}

// wait returns when all items of the step are done.
func (r *run) wait() {
	for idle := 0; idle < patience && !cores.crowded(); idle++ {
		if r.left.Load() == 0 {
			return
		}
		pause.Times(moment)
	}
	if r.left.Add(asleep) != asleep {
		<-r.woken
	}
}

// dismiss returns when no helper works on a step any more. There is one left
// only if a kernel panicked in the caller's thread; and the memory is going to
// be another run's, or nobody's.
func (r *run) dismiss() {
	if r.left.Load()&(asleep-1) == 0 {
		return
	}
	for _, l := range r.lanes {
		l.share.set(0, 0)
	}
	for _, l := range r.lanes[1:] {
		for l.hired.Load() {
			time.Sleep(100 * time.Microsecond)
		}
	}
	r.left.Store(0)
}
