//go:build linux && cgo && !nocuda

package cuda

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/argand-go/argand/nn/op"
)

// engines are the libraries of a backend and what was chosen. Measurements are
// made one at a time.
type engines struct {
	libraries []engine
	perBatch  bool

	mu     sync.Mutex
	chosen choices
}

// A choice is how a product is computed, and how that came about.
type choice struct {
	way    way
	trials []EngineTrial
}

// openEngines opens the libraries that there are, unless only our own kernels are
// wanted. One that is asked for by its path must be there. Others need not be: a
// program has them only where they were installed, beside a driver that was looked
// for likewise.
func (b *Backend) openEngines(o Options) error {
	b.engines.perBatch = o.PerBatch
	if o.Engines == OwnEngines {
		return nil
	}
	for _, l := range []struct {
		*foreign
		path string
		open func(path string) (engine, error)
	}{
		{&foreignCUBLASLt, o.CUBLASLt, func(path string) (engine, error) { return openCUBLASLt(path, b.context) }},
		{&foreignCUDNN, o.CUDNN, func(path string) (engine, error) { return openCUDNN(path, b.context) }},
	} {
		if !wanted(o, l.path) {
			continue
		}
		e, ok, tried := find(l.foreign, l.path, l.open)
		if ok {
			b.engines.libraries = append(b.engines.libraries, e)
		} else if l.path != "" {
			if file, ok := errors.AsType[*FileError](tried[0]); ok {
				return &LibraryError{l.name, file}
			}
			return tried[0]
		}
	}
	return nil
}

// close closes all plans, then the libraries.
func (e *engines) close() error {
	err := e.chosen.plans.close(true)
	var all []closer
	for _, l := range e.libraries {
		all = append(all, l)
	}
	e.libraries = nil
	return errors.Join(err, closeEach(all))
}

// outputRows reports whether a library may want weights of float32 with a row for
// each output channel.
func (e *engines) outputRows() bool { return slices.ContainsFunc(e.libraries, engine.outputRows) }

// machine returns what our own variants are chosen for.
func (b *Backend) machine() machine {
	d := &b.context.Device
	return machine{d.Capability, d.Multiprocessors}
}

// choose returns the way to compute a product. Without libraries it is a function
// of the layer, the size of its maps and the device. With libraries it is what was
// fastest when a program with this product, on maps of this size, was planned for
// the first time. An error is the end of the device's context.
func (b *Backend) choose(q product, o *operands) (way, error) {
	e := &b.engines
	key := q
	if !e.perBatch {
		key = q.unit()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if err := e.chosen.plans.close(false); err != nil {
		return nil, err
	}
	c := e.chosen.get(key)
	if c == nil {
		var err error
		if c, err = b.decide(key, o); err != nil {
			return nil, err
		}
		e.chosen.put(key, c)
	}
	if w, ok := c.way.(*planned); ok {
		if err := b.repeat(c, w, q, o); err != nil {
			return nil, err
		}
	}
	return c.way, nil
}

func (b *Backend) decide(q product, o *operands) (*choice, error) {
	own := b.machine().variants(q)
	if len(b.engines.libraries) == 0 {
		return &choice{way: own[0]}, nil
	}
	return b.measure(q, o, own)
}

// EngineChoices returns what computes the products that programs were planned
// with so far, and what was measured, in the order of their descriptions.
func (b *Backend) EngineChoices() []EngineChoice {
	e := &b.engines
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []EngineChoice
	for q, c := range e.chosen.by {
		list = append(list, EngineChoice{q.String(), c.way.label(), slices.Clone(c.trials)})
	}
	slices.SortFunc(list, func(a, b EngineChoice) int { return cmp.Compare(a.Product, b.Product) })
	return list
}

// String describes the product: "bfloat16 1×56×56×64 → 56×56×256, kernel 1×1,
// stride 1×1, residual, activation 1", say.
func (q *product) String() string {
	s := fmt.Sprintf("%v %d×%d×%d×%d → %d×%d×%d, kernel %d×%d, stride %d×%d", q.precision, q.n, q.height, q.width, q.c,
		q.at.size[0], q.at.size[1], q.o, q.at.kernel[0], q.at.kernel[1], q.at.stride[0], q.at.stride[1])
	if q.in != q.out {
		s += ", wide"
	}
	if q.residual != op.NoResidual {
		s += ", residual"
	}
	if q.act != op.NoAct {
		s += fmt.Sprintf(", activation %d", q.act)
	}
	return s
}

type closer interface{ close() error }

func closeEach(list []closer) error {
	var errs []error
	for _, x := range list {
		errs = append(errs, x.close())
	}
	return errors.Join(errs...)
}
