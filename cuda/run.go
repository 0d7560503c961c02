//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"errors"
	"fmt"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A run is what one call of RunInto works with: a stream, memory of the device
// and of the host, and the steps of programs laid out for them. It is kept for
// the next.
type run struct {
	granted int64 // bytes of the arena that the pool counts

	stream   *driver.Stream
	arena    *driver.Buffer
	host     *driver.HostBuffer
	events   []*driver.Event // of a profile: before the first step and after each
	fence    *driver.Event   // between the stream and one of the caller's
	pending  bool            // there may be work that nobody has waited for
	behind   *driver.Stream  // of the caller's, whose work that goes behind; nil for none
	prepared map[layout]*prepared
}

// A layout is what steps are laid out for, besides the memory of a run: a
// program, and the addresses of the loan that it works on, "" for none.
type layout struct {
	program *program
	loan    string
}

// prepared are the steps of a program laid out for a run's memory: in parts or,
// for a profile, one by one. What runs again is recorded with its copies, and
// submitted as a whole from then on.
type prepared struct {
	loan  *loan // nil if inputs and outputs are the host's
	parts []part
	again bool
	graph *driver.Graph // nil for what is not recorded
}

// A part is consecutive steps that are submitted together: launches in one list,
// or a call.
type part struct {
	first    int // of the program's steps
	launches *driver.Launches
	call     call
}

// RunInto implements [op.Program]. It looks at ctx before it copies the inputs,
// before it submits the steps, which the device then does without more ado, and
// before it waits for them.
func (p *program) RunInto(ctx context.Context, out, in []*tensor.Tensor) error {
	if err := p.model.enter(); err != nil {
		return err
	}
	defer p.model.running.RUnlock()
	if err := op.CheckOperands("input", p.inputs, in); err != nil {
		return err
	}
	if err := op.CheckOperands("output", p.outputs, out); err != nil {
		return err
	}
	return p.with(ctx, nil, func(r *run) error { return p.runOn(ctx, r, out, in) })
}

// enter begins a run, which ends with m.running.RUnlock, unless the model is
// closed.
func (m *model) enter() error {
	if m.closed.Load() {
		return op.ErrClosed
	}
	m.running.RLock()
	if m.closed.Load() {
		m.running.RUnlock()
		return op.ErrClosed
	}
	return nil
}

// with calls f with what a run works with, behind the work of a stream of the
// caller's if there is one.
func (p *program) with(ctx context.Context, s *driver.Stream, f func(*run) error) error {
	m := p.model
	if err := ctx.Err(); err != nil {
		return p.stopped(0, err)
	}
	r, err := m.arenas.acquire(ctx, p.bytes, s)
	if err != nil {
		if ctx.Err() != nil {
			err = p.stopped(0, err)
		}
		return m.failed(err)
	}
	r.behind = s
	err = f(r)
	if err == nil || r.stream.Sync() == nil { // what does not work any more is not lent again
		m.arenas.release(r)
	} else {
		m.arenas.discard(r)
	}
	return m.failed(err)
}

// failed says which device an error is of.
func (m *model) failed(err error) error {
	if _, stopped := errors.AsType[*op.StepError](err); err == nil || stopped {
		return err
	}
	return fmt.Errorf("%s: %w", m.backend.name, err)
}

func (p *program) runOn(ctx context.Context, r *run, out, in []*tensor.Tensor) error {
	if err := r.stage(p); err != nil {
		return err
	}
	steps, err := r.prepare(layout{program: p}, nil)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return p.stopped(0, err)
	}
	for i, x := range p.in {
		if x.value != nil {
			copy(r.host.Bytes()[x.offset:], in[i].Bytes())
		}
	}
	if err := ctx.Err(); err != nil {
		return p.stopped(0, err)
	}
	if err := p.submit(r, steps); err != nil {
		return err
	}
	r.pending = true
	if err := ctx.Err(); err != nil {
		return p.stopped(1, err)
	}
	if err := r.settle(); err != nil {
		return err
	}
	for i, y := range p.out {
		copy(out[i].Bytes(), r.host.Bytes()[y.offset:])
	}
	return p.note(r)
}

// submit submits the copies and the steps, from the second time on as a graph: to
// record what runs once would take longer than it saves.
func (p *program) submit(r *run, steps *prepared) (err error) {
	if steps.graph == nil && steps.again && p.model.options.Profile == nil {
		steps.graph, err = r.stream.Capture(func() error { return p.enqueue(r, steps) })
		if err != nil {
			return err
		}
	}
	steps.again = true
	if steps.graph != nil {
		return steps.graph.Launch(r.stream)
	}
	return p.enqueue(r, steps)
}

// enqueue submits the copies of the inputs, the steps, for a profile one by one
// between events, and the copies of the outputs.
func (p *program) enqueue(r *run, steps *prepared) error {
	for _, x := range p.in {
		if x.value == nil || steps.loan != nil {
			continue
		}
		if err := r.stream.UploadHost(r.arena, x.value.off, r.host, x.offset, x.value.bytes); err != nil {
			return err
		}
	}
	profiled := p.model.options.Profile != nil
	if profiled {
		if err := r.stream.Record(r.events[0]); err != nil {
			return err
		}
	}
	for i := range steps.parts {
		if failed, err := steps.parts[i].submit(r.stream, r.arena); err != nil {
			if failed < 0 {
				return err
			}
			s := &p.steps[failed]
			return &op.StepError{Path: s.path, Op: s.op, Err: err}
		}
		if profiled {
			if err := r.stream.Record(r.events[i+1]); err != nil {
				return err
			}
		}
	}
	if steps.loan != nil {
		return steps.loan.repeat(r.stream)
	}
	for _, y := range p.out {
		if err := r.stream.DownloadHost(r.host, y.offset, y.value.bytes, r.arena, y.value.off); err != nil {
			return err
		}
	}
	return nil
}

// note adds the times between events to the profile, if there is one.
func (p *program) note(r *run) error {
	profile := p.model.options.Profile
	if profile == nil {
		return nil
	}
	for i, s := range p.steps {
		d, err := r.events[i+1].Since(r.events[i])
		if err != nil {
			return err
		}
		profile.Add(s.path, s.op, s.name(), d)
	}
	return nil
}

// stage sees to it that there is memory of the host for a program's inputs and
// outputs.
func (r *run) stage(p *program) (err error) {
	if r.host != nil && int64(len(r.host.Bytes())) >= p.staging {
		return nil
	}
	if err := errors.Join(r.forget(), r.closeHost()); err != nil {
		return err
	}
	r.host, err = p.model.backend.context.AllocHost(p.staging)
	return err
}

// prepare returns the steps of a program laid out for the run's memory, and for
// what is lent to it.
func (r *run) prepare(key layout, lent *loan) (*prepared, error) {
	p := key.program
	c, profiled := p.model.backend.context, p.model.options.Profile != nil
	for profiled && len(r.events) <= len(p.steps) {
		e, err := c.NewEvent(true)
		if err != nil {
			return nil, err
		}
		r.events = append(r.events, e)
	}
	if steps := r.prepared[key]; steps != nil {
		return steps, nil
	}
	if len(r.prepared) == op.MostPrograms {
		if err := r.forget(); err != nil {
			return nil, err
		}
	}
	parts, err := lay(c, p.steps, r.arena, lent, profiled)
	if err != nil {
		return nil, err
	}
	steps := &prepared{loan: lent, parts: parts}
	r.prepared[key] = steps
	return steps, nil
}

// lay lays steps out for an arena and what is lent: in lists between the calls,
// or one by one.
func lay(c *driver.Context, steps []step, arena *driver.Buffer, lent *loan, single bool) ([]part, error) {
	var parts []part
	for first := 0; first < len(steps); {
		if call := steps[first].call; call != nil {
			parts = append(parts, part{first: first, call: call})
			first++
			continue
		}
		var list []driver.Launch
		for _, s := range steps[first:] {
			if s.call != nil || single && len(list) == 1 {
				break
			}
			l := driver.Launch{Kernel: s.kernel, Grid: s.grid, Block: s.block}
			for _, o := range s.arguments {
				l.Arguments = lent.append(l.Arguments, o, arena)
			}
			list = append(list, l)
		}
		launches, err := c.Prepare(list)
		if err != nil {
			return nil, errors.Join(err, closeAll(parts))
		}
		parts = append(parts, part{first: first, launches: launches})
		first += len(list)
	}
	return parts, nil
}

// submit submits a part. With an error it returns the step that failed, −1 if it
// was none in particular.
func (p *part) submit(s *driver.Stream, arena *driver.Buffer) (failed int, err error) {
	if p.call != nil {
		return p.first, p.call.submit(s, arena)
	}
	err = s.Run(p.launches)
	if e, ok := errors.AsType[*driver.LaunchError](err); ok {
		return p.first + e.Index, err
	}
	return -1, err
}

// Close frees what was laid out.
func (p part) Close() error {
	if p.launches == nil {
		return nil
	}
	return p.launches.Close()
}

// free reports whether a run behind the work of a stream, or of none, waits for
// nothing else if it gets what r has.
func (r *run) free(s *driver.Stream) bool {
	if !r.pending || s != nil && r.behind != nil && r.behind.Handle() == s.Handle() {
		return true
	}
	done, err := r.stream.Done()
	r.pending = !done
	return done || err != nil
}

// settle waits for work that nobody has waited for.
func (r *run) settle() error {
	if !r.pending {
		return nil
	}
	r.pending = false
	return r.stream.Sync()
}

// forget frees the steps that were laid out, which have addresses of memory.
func (r *run) forget() error {
	var errs []error
	for _, steps := range r.prepared {
		errs = append(errs, closeAll(steps.parts))
		if steps.graph != nil {
			errs = append(errs, r.settle(), steps.graph.Close())
		}
	}
	clear(r.prepared)
	return errors.Join(errs...)
}

func closeAll[T interface{ Close() error }](list []T) error {
	var errs []error
	for _, x := range list {
		errs = append(errs, x.Close())
	}
	return errors.Join(errs...)
}

func (r *run) closeHost() error {
	if r.host == nil {
		return nil
	}
	h := r.host
	r.host = nil
	return h.Close()
}

// close frees what the run has.
func (r *run) close() error {
	errs := []error{r.settle(), r.forget(), closeAll(r.events), r.closeHost()}
	if r.fence != nil {
		errs = append(errs, r.fence.Close())
	}
	if r.arena != nil {
		errs = append(errs, r.arena.Close())
	}
	if r.stream != nil {
		errs = append(errs, r.stream.Close())
	}
	return errors.Join(errs...)
}

// stopped returns the error of a run that stops before or after the steps: at
// the first layer or behind the last.
func (p *program) stopped(after int, err error) error {
	nodes := p.model.graph.Nodes
	if len(nodes) == 0 {
		return &op.StepError{Op: "input", Err: err}
	}
	n := nodes[after*(len(nodes)-1)]
	return &op.StepError{Path: n.Path, Op: n.Op.Name(), Err: err}
}
