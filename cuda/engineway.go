//go:build linux && cgo && !nocuda

package cuda

import (
	"sync"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// A way is a way to compute a product: a variant of our own or a library's plan.
type way interface {
	// label is what the profile calls it.
	label() string
	// bytes returns how much memory it needs besides the operands, for q.
	bytes(q *product) int64
	// steps returns the steps, whose path and op are not set yet.
	steps(b *Backend, q *product, o *operands) []step
}

// bytes implements [way]: the sums of the splits.
func (v variant) bytes(q *product) int64 {
	if v.splits == 1 {
		return 0
	}
	return 4 * int64(v.splits) * int64(q.rows()) * int64(q.columns)
}

// steps implements [way].
func (v variant) steps(b *Backend, q *product, o *operands) []step {
	partial := operand((*value)(nil))
	if v.splits > 1 {
		partial = o.scratch
	}
	c, kernel := q.c, q.at.kernel
	if c == 0 { // kernels step through channels: there are no taps instead
		c, kernel = q.in.lanes(), pair{0, 1}
	}
	arguments := []operand{o.x, o.w, o.bias, o.residual, o.y,
		i32(q.n), pair{q.height, q.width}, i32(c), i32(c), q.at.size, i32(q.o), i32(q.columns), i32(q.stride),
		kernel, q.at.stride, q.at.padding, q.at.dilation, pair{q.yh, q.yw}, q.at.step, q.at.first,
		pair{q.hr, q.wr}, i32(q.act)}
	if v.precision != op.Float32 {
		wide := 0
		if q.out != q.in {
			wide = 1
		}
		arguments = append(arguments, i32(wide))
	}
	arguments = append(arguments, partial, i32(v.depth))
	grid := [3]uint32{uint32(ceil(q.rows(), v.pixels)), uint32(ceil(q.stride, v.columns)), uint32(v.splits)}
	steps := []step{{engine: v.label(), kernel: b.kernels[v.name], grid: grid, block: [3]uint32{uint32(v.threads)},
		arguments: arguments}}
	if v.splits > 1 {
		vectors := q.rows() * (q.stride / q.out.lanes())
		steps = append(steps, step{engine: v.label(), kernel: b.kernels["conv2d_finish_"+q.out.suffix()],
			grid: [3]uint32{uint32(ceil(vectors, 256))}, block: [3]uint32{256},
			arguments: []operand{o.scratch, i32(v.splits), o.bias, o.residual, o.y, i32(q.n), q.at.size, i32(q.o),
				i32(q.columns), i32(q.stride), pair{q.yh, q.yw}, q.at.step, q.at.first, pair{q.hr, q.wr}, i32(q.act)}})
	}
	return steps
}

// planned is the way of a library.
type planned struct {
	unit product // that plan is for
	*opened
}

// opened are the plans of a way, which must be closed.
type opened struct {
	plan enginePlan

	mu      sync.Mutex
	repeats map[int]enginePlan // by number of maps; nil for what has to be done picture by picture
}

// label implements [way].
func (w *planned) label() string { return w.plan.name() }

// of returns the plan for q, and how often it is to be run.
func (w *planned) of(q *product) (plan enginePlan, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if plan := w.repeats[q.n]; plan != nil {
		return plan, 1
	}
	return w.plan, q.n / w.unit.n
}

// bytes implements [way].
func (w *planned) bytes(q *product) int64 {
	plan, _ := w.of(q)
	return plan.scratch()
}

// steps implements [way].
func (w *planned) steps(_ *Backend, q *product, o *operands) []step {
	plan, times := w.of(q)
	n := int64(w.unit.n)
	return []step{{engine: w.label(), call: &planCall{way: w, plan: plan, times: times, operands: *o,
		x:        n * int64(q.height*q.width*q.c*q.in.size()),
		residual: n * int64(q.hr*q.wr*q.stride*q.out.size()),
		y:        n * int64(q.yh*q.yw*q.stride*q.out.size()),
	}}}
}

// close closes the plans.
func (o *opened) close() error {
	all := []closer{o.plan}
	for _, p := range o.repeats {
		if p != nil {
			all = append(all, p)
		}
	}
	return closeEach(all)
}

// A planCall runs a plan, for all maps at once or for those of one picture after
// the other.
type planCall struct {
	way            *planned // which keeps the plan open
	plan           enginePlan
	times          int
	x, residual, y int64 // bytes of a picture
	operands       operands
}

// submit implements [call].
func (c *planCall) submit(s *driver.Stream, arena *driver.Buffer) error {
	o := &c.operands
	a := addresses{x: address(o.x, arena), residual: address(o.residual, arena), y: address(o.y, arena),
		w: address(o.w, arena), bias: address(o.bias, arena), narrow: address(o.narrow, arena),
		scratch: address(o.scratch, arena)}
	if c.plan.outputRows() {
		a.w = address(o.rows, arena)
	}
	for range c.times {
		if err := c.plan.run(s, a); err != nil {
			return err
		}
		a.x, a.y = a.x+uint64(c.x), a.y+uint64(c.y)
		if a.residual != 0 {
			a.residual += uint64(c.residual)
		}
	}
	return nil
}

// address returns where an operand is, 0 for none.
func address(o operand, arena *driver.Buffer) uint64 {
	switch o := o.(type) {
	case *value:
		if o != nil {
			return arena.Address() + uint64(o.off)
		}
	case packed:
		return o.buffer.Address() + uint64(o.offset)
	}
	return 0
}
