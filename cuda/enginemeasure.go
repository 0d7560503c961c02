//go:build linux && cgo && !nocuda

package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/argand-go/argand/cuda/internal/driver"
	"github.com/argand-go/argand/nn/op"
)

// measure runs our own variants and the plans of all libraries for a product, on
// random maps and the layer's weights, and chooses the fastest that computes what
// the first variant does. Whatever fails, or gets no memory, is out of the race and
// noted; without memory for the maps the table chooses. An error is the end of the
// device's context.
func (b *Backend) measure(q product, o *operands, own []variant) (*choice, error) {
	c := &choice{way: own[0]}
	var ways []way
	for _, v := range own {
		ways = append(ways, v)
	}
	for _, l := range b.engines.libraries {
		plans, err := l.plans(q)
		if err != nil {
			c.trials = append(c.trials, EngineTrial{Engine: l.name(), Err: err})
		}
		for _, p := range plans {
			ways = append(ways, &planned{q, &opened{plan: p}})
		}
	}
	m, err := newMeter(b, q, o)
	if err == nil {
		err = m.race(c, ways)
		err = errors.Join(err, m.close())
	} else {
		c.trials = append(c.trials, EngineTrial{Engine: "measurement", Err: err})
	}
	for _, w := range ways {
		if p, ok := w.(*planned); ok && way(p) != c.way {
			err = errors.Join(err, p.close())
		}
	}
	if errors.Is(err, ErrContextLost) {
		return nil, err
	}
	return c, nil // any other error is of measuring, and no reason not to compute
}

// A meter has what a product is measured with.
type meter struct {
	backend  *Backend
	product  product
	operands operands // but for the scratch memory

	stream     *driver.Stream
	begin, end *driver.Event
	maps       *driver.Buffer // x, then y, then the residual
	y, bytes   int64          // where y is, and its size
	want       []float32      // samples of what the first way computes
}

func newMeter(b *Backend, q product, o *operands) (*meter, error) {
	m := &meter{backend: b, product: q, operands: *o}
	if err := m.allocate(); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func (m *meter) allocate() (err error) {
	c, q := m.backend.context, &m.product
	x := int64(q.n) * int64(q.height*q.width*q.c*q.in.size())
	residual := int64(q.n) * int64(q.hr*q.wr*q.stride*q.out.size())
	m.bytes = int64(q.n) * int64(q.yh*q.yw*q.stride*q.out.size())
	m.y = int64(round(int(x), alignment))
	last := m.y + int64(round(int(m.bytes), alignment))
	if m.stream, err = c.NewStream(); err != nil {
		return err
	}
	if m.begin, err = c.NewEvent(true); err != nil {
		return err
	}
	if m.end, err = c.NewEvent(true); err != nil {
		return err
	}
	err = m.backend.memory.once(nil, func() (err error) { // idle arenas may go for it
		m.maps, err = c.Alloc(last + residual)
		return err
	})
	if err != nil {
		return err
	}
	m.operands.x, m.operands.y = packed{m.maps, 0}, packed{m.maps, m.y}
	m.operands.residual = (*value)(nil)
	if q.residual != op.NoResidual {
		m.operands.residual = packed{m.maps, last}
	}
	if err := m.fill(0, x, q.in, q.c, q.c); err != nil {
		return err
	}
	return m.fill(last, residual, q.out, q.stride, q.o)
}

func (m *meter) close() error {
	var errs []error
	if m.maps != nil {
		errs = append(errs, m.maps.Close())
	}
	for _, e := range []*driver.Event{m.begin, m.end} {
		if e != nil {
			errs = append(errs, e.Close())
		}
	}
	if m.stream != nil {
		errs = append(errs, m.stream.Close())
	}
	return errors.Join(errs...)
}

// race tries all ways and leaves the fastest in c. Of two that are equally fast it
// is the first: another kernel than our own must be faster.
func (m *meter) race(c *choice, ways []way) error {
	var best time.Duration
	for _, w := range ways {
		if _, foreign := w.(*planned); foreign && m.want == nil {
			return nil // none of our own ran, so that there is nothing to check others by
		}
		d, err := m.try(w)
		c.trials = append(c.trials, EngineTrial{w.label(), d, err})
		switch {
		case errors.Is(err, ErrContextLost):
			return err
		case err == nil && (best == 0 || d < best):
			best, c.way = d, w
		}
	}
	return nil
}

const (
	samples = 3 // times that are taken, of which the middle one counts
	runs    = 4 // in one, so that it is longer than what an event takes
)

// ready lays a way out, with scratch memory of its own. done waits and frees it.
func (m *meter) ready(w way) (parts []part, done func() error, err error) {
	var scratch *driver.Buffer
	done = func() error {
		err := errors.Join(m.stream.Sync(), closeAll(parts))
		if scratch != nil {
			err = errors.Join(err, scratch.Close())
		}
		return err
	}
	o := m.operands
	if n := w.bytes(&m.product); n > 0 {
		if scratch, err = m.backend.context.Alloc(n); err != nil {
			return nil, done, err
		}
		o.scratch = packed{scratch, 0}
	}
	parts, err = lay(m.backend.context, w.steps(m.backend, &m.product, &o), nil, nil, false)
	return parts, done, err
}

// try runs a way, checks what it computes and returns the time of a run.
func (m *meter) try(w way) (median time.Duration, err error) {
	parts, done, err := m.ready(w)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return 0, err
	}
	if err := m.stream.Fill(m.maps, m.y, m.bytes, 0); err != nil {
		return 0, err
	}
	if err := m.run(parts); err != nil {
		return 0, err
	}
	if err := m.check(w.label()); err != nil {
		return 0, err
	}
	graph, err := m.record(parts, runs)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.stream.Sync(), graph.Close()) }()
	var times []time.Duration
	for range samples {
		d, err := m.time(graph)
		if err != nil {
			return 0, err
		}
		times = append(times, d)
	}
	slices.Sort(times)
	return max(times[samples/2], 1), nil
}

// record records several runs. Runs of a program are recorded, too, which an engine
// that waits for the device cannot be; and what the host takes to submit a layer,
// often longer than the device to compute it, is no part of them.
func (m *meter) record(parts []part, times int) (*driver.Graph, error) {
	return m.stream.Capture(func() error {
		for range times {
			if err := m.run(parts); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *meter) run(parts []part) error {
	for i := range parts {
		if _, err := parts[i].submit(m.stream, nil); err != nil {
			return err
		}
	}
	return nil
}

// time returns how long a run takes when several follow one another, behind others:
// an idle device would have the begin behind it before the host has submitted more.
func (m *meter) time(graph *driver.Graph) (time.Duration, error) {
	if err := graph.Launch(m.stream); err != nil {
		return 0, err
	}
	if err := m.stream.Record(m.begin); err != nil {
		return 0, err
	}
	if err := graph.Launch(m.stream); err != nil {
		return 0, err
	}
	if err := m.stream.Record(m.end); err != nil {
		return 0, err
	}
	if err := m.stream.Sync(); err != nil {
		return 0, err
	}
	d, err := m.end.Since(m.begin)
	return d / runs, err
}

// repeat sees to it that a way of a library has a plan for a batch that computes
// the same as that for one picture, to the bit, on random maps. Where there is
// none, or no memory to find out, the pictures are done one by one.
func (b *Backend) repeat(c *choice, w *planned, q product, o *operands) error {
	if _, known := w.repeats[q.n]; known || q.n == w.unit.n {
		return nil
	}
	plan, err := w.plan.repeat(q)
	if err == nil {
		if err = b.compare(w, plan, q, o); err != nil {
			err = errors.Join(err, plan.close())
			plan = nil
		}
	}
	if errors.Is(err, ErrContextLost) {
		return err
	}
	if err != nil {
		c.trials = append(c.trials, EngineTrial{fmt.Sprintf("%s for %d maps", w.label(), q.n), 0, err})
		plan = nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.repeats == nil {
		w.repeats = make(map[int]enginePlan)
	}
	w.repeats[q.n] = plan
	return nil
}

// compare returns an error unless a plan computes the last picture of a batch as
// w does by itself.
func (b *Backend) compare(w *planned, plan enginePlan, q product, o *operands) (err error) {
	m, err := newMeter(b, q, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	one := &planned{w.unit, &opened{plan: w.plan}}
	all := &planned{q, &opened{plan: plan}}
	var last [2][]byte
	for i, way := range []way{all, one} {
		if last[i], err = m.last(way); err != nil {
			return err
		}
	}
	if !bytes.Equal(last[0], last[1]) {
		return errors.New("a picture differs from itself in a batch")
	}
	return nil
}

// last runs a way, once as it is and once recorded, and returns the end of what it
// computes.
func (m *meter) last(w way) (end []byte, err error) {
	parts, done, err := m.ready(w)
	defer func() { err = errors.Join(err, done()) }()
	if err != nil {
		return nil, err
	}
	if err := m.run(parts); err != nil {
		return nil, err
	}
	graph, err := m.record(parts, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.stream.Sync(), graph.Close()) }()
	if err := graph.Launch(m.stream); err != nil {
		return nil, err
	}
	end = make([]byte, min(m.bytes/int64(m.product.pictures), sampleBytes))
	return end, m.stream.Download(end, m.maps, m.y+m.bytes-int64(len(end)))
}
