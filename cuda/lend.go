//go:build linux && cgo && !nocuda

package cuda

import (
	"context"
	"encoding/binary"

	"github.com/argand-go/argand/cuda/internal/driver"
)

var _ Program = (*program)(nil)

// A loan is memory of the caller's that a program works on in the place of an
// arena's: what is read and written at the border lies there.
type loan struct {
	at     map[*value]uint64 // where values lie
	copies []repeated
}

// repeated is an output that lies somewhere else already: as an input, or as
// another output.
type repeated struct {
	from, to uint64
	bytes    int64
}

// RunOn implements [Program]. The steps are done on the stream of a run, which
// waits for the caller's and which that waits for then: so whatever is lent to a
// run in turn is used in turn, and what is recorded is nothing that somebody else
// submits to the caller's stream at the same time.
func (p *program) RunOn(ctx context.Context, s *Stream, out, in []Memory) error {
	m := p.model
	if err := m.enter(); err != nil {
		return err
	}
	defer m.running.RUnlock()
	if err := m.failed(p.mayRunOn(s, out, in)); err != nil {
		return err
	}
	var room [128]byte
	addresses := room[:0]
	for _, list := range [][]Memory{out, in} {
		for _, x := range list {
			addresses = binary.LittleEndian.AppendUint64(addresses, uint64(x.Address))
		}
	}
	key := layout{p, string(addresses)}
	return p.with(ctx, s.stream, func(r *run) error { return p.runLent(ctx, r, s, key, out, in) })
}

// mayRunOn returns an error unless the stream and the memory are what the program
// can work on.
func (p *program) mayRunOn(s *Stream, out, in []Memory) error {
	b := p.model.backend
	if err := b.mayRunOn(s); err != nil {
		return err
	}
	if err := b.checkMemory("input", p.inputs, in); err != nil {
		return err
	}
	if err := b.checkMemory("output", p.outputs, out); err != nil {
		return err
	}
	return checkApart(p.outputs, p.inputs, out, in)
}

// runLent submits a run.
func (p *program) runLent(ctx context.Context, r *run, s *Stream, key layout, out, in []Memory) error {
	steps := r.prepared[key]
	if steps == nil {
		var err error
		if steps, err = r.prepare(key, p.lend(out, in)); err != nil {
			return err
		}
	}
	if r.fence == nil {
		var err error
		if r.fence, err = p.model.backend.context.NewEvent(false); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return p.stopped(0, err)
	}
	if err := pass(r.fence, s.stream, r.stream); err != nil {
		return err
	}
	r.pending = true
	if err := p.submit(r, steps); err != nil {
		return err
	}
	if err := pass(r.fence, r.stream, s.stream); err != nil {
		return err
	}
	if p.model.options.Profile == nil {
		return nil
	}
	if err := r.settle(); err != nil {
		return err
	}
	return p.note(r)
}

// pass has later work of a stream wait for what another one has now.
func pass(e *driver.Event, from, to *driver.Stream) error {
	if err := from.Record(e); err != nil {
		return err
	}
	return to.Wait(e)
}

// lend returns the loan of memory for inputs and outputs.
func (p *program) lend(out, in []Memory) *loan {
	l := &loan{at: make(map[*value]uint64)}
	for i, x := range p.in {
		if x.value != nil {
			l.at[x.value.owner()] = uint64(in[i].Address)
		}
	}
	for i, y := range p.out {
		at := uint64(out[i].Address)
		if there, ok := l.at[y.value.owner()]; ok {
			l.copies = append(l.copies, repeated{there, at, y.value.bytes})
			continue
		}
		l.at[y.value.owner()] = at
	}
	return l
}

// owner returns the value whose memory v is in.
func (v *value) owner() *value {
	if v.root != nil {
		return v.root
	}
	return v
}

// append is o.appendTo, for values that are not in the arena, too. Calls of
// libraries have no such operands: what they read and write are maps.
func (l *loan) append(list []driver.Argument, o operand, arena *driver.Buffer) []driver.Argument {
	if v, ok := o.(*value); ok && v != nil && l != nil {
		if at, lent := l.at[v.owner()]; lent {
			return append(list, driver.Address(at))
		}
	}
	return o.appendTo(list, arena)
}

// repeat submits the copies of outputs that lie somewhere else.
func (l *loan) repeat(s *driver.Stream) error {
	for _, c := range l.copies {
		if err := s.CopyAddress(c.to, c.from, c.bytes); err != nil {
			return err
		}
	}
	return nil
}
