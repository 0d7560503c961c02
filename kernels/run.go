package kernels

import (
	"context"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A run is the memory and the threads of one call of RunInto. It is kept for
// the next.
type run struct {
	mem     []float32 // the arena; the first model.zeros of it are 0 for ever
	in, out []*tensor.Tensor
	lanes   []*lane // [0] is the caller's
	vectors *tile.Vectors

	// See parallel.go.
	kernel kernel // the step in progress
	rows   int
	steps  atomic.Int64  // how many there were, with this one
	team   atomic.Int32  // how many lanes have a share of it
	left   atomic.Int64  // its items that are not done; asleep more when the caller sleeps
	woken  chan struct{} // gets one when the last is done and the caller sleeps
}

// A lane is what one thread of a run works with.
type lane struct {
	*run
	number   int
	start    func()      // is help
	hired    atomic.Bool // a helper has this lane
	share    share
	args     tile.Args
	samples  tile.Samples
	axes     []axisSample
	patch    tile.Patch
	quad     tile.Quad
	depth    tile.Depth
	depthRun tile.DepthRun
	offsets  []int
	numbers  []float32
}

// ints returns n numbers to use as scratch.
func (l *lane) ints(n int) []int {
	if cap(l.offsets) < n {
		l.offsets = make([]int, n)
	}
	return l.offsets[:n]
}

// floats returns n numbers to use as scratch.
func (l *lane) floats(n int) []float32 {
	if cap(l.numbers) < n {
		l.numbers = make([]float32, n)
	}
	return l.numbers[:n]
}

// f32 returns the memory of v.
func (r *run) f32(v *value) []float32 { return r.mem[v.off : v.off+v.floats()] }

// i32 returns the elements of an int32 value.
func (r *run) i32(v *value) []int32 {
	if n := v.spec.Shape.Len(); n > 0 {
		return unsafe.Slice((*int32)(unsafe.Pointer(&r.mem[v.off])), n)
	}
	return nil
}

// i64 returns the elements of an int64 value.
func (r *run) i64(v *value) []int64 {
	if n := v.spec.Shape.Len(); n > 0 {
		return unsafe.Slice((*int64)(unsafe.Pointer(&r.mem[v.off])), n)
	}
	return nil
}

// counted returns how many of the rows the counts say are meaningful. Counts
// that a caller made up do no harm: each is held within its picture's places.
func (r *run) counted(count *value, rows int) int {
	if count == nil {
		return rows
	}
	counts := r.i32(count)
	total := 0
	for _, c := range counts {
		total += place(c, rows/len(counts))
	}
	return total
}

// place holds a count within 0 … places.
func place(count int32, places int) int { return min(max(int(count), 0), places) }

// RunInto implements [op.Program].
func (p *program) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	m := p.model
	if m.closed.Load() {
		return op.ErrClosed
	}
	m.running.RLock()
	defer m.running.RUnlock()
	if m.closed.Load() {
		return op.ErrClosed
	}
	if err := op.CheckOperands("input", p.inputs, in); err != nil {
		return err
	}
	if err := op.CheckOperands("output", p.outputs, out); err != nil {
		return err
	}
	r, err := m.arenas.acquire(ctx, p.floats)
	if err != nil {
		return p.stopped(0, err)
	}
	defer m.arenas.release(r)
	defer r.dismiss()
	r.in, r.out, r.vectors = in, out, &m.tier.Vectors

	cores.enter()
	defer cores.leave()
	var spent time.Duration
	for i := range p.steps {
		if err := ctx.Err(); err != nil {
			return p.stopped(i, err)
		}
		s := &p.steps[i]
		if m.options.Profile == nil {
			r.do(s, m.options.Threads)
			continue
		}
		start := time.Now()
		r.do(s, m.options.Threads)
		spent += time.Since(start)
		if !s.begins {
			m.options.Profile.Add(s.path, s.op, s.name, spent)
			spent = 0
		}
	}
	return nil
}

// stopped returns the error of a run that stops before step i. Inputs and
// outputs are no layers: they count to the layer after or before them.
func (p *program) stopped(i int, err error) error {
	e := &op.StepError{Err: err}
	for j := i; j < len(p.steps) && e.Path == ""; j++ {
		e.Path, e.Op = p.steps[j].path, p.steps[j].op
	}
	for j := min(i, len(p.steps)-1); j >= 0 && e.Path == ""; j-- {
		e.Path, e.Op = p.steps[j].path, p.steps[j].op
	}
	return e
}
