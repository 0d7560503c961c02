package op

import (
	"slices"
	"sync"

	"github.com/argand-go/argand/tensor"
)

// MostPrograms is how many programs a model keeps.
const MostPrograms = 64

// Programs keep what a backend has planned of a model, by the shapes of the
// inputs. The zero Programs are empty. They are safe for concurrent use.
type Programs[P any] struct {
	mu     sync.Mutex
	list   []planned[P] // the one used last comes last
	closed bool
}

type planned[P any] struct {
	in      []tensor.Shape
	program P
}

// For returns the program for inputs of the given shapes. The first time plan
// makes it, one at a time; if there are [MostPrograms] by then, the one unused
// for longest goes. After Close it returns [ErrClosed].
func (p *Programs[P]) For(in []tensor.Shape, plan func([]tensor.Shape) (P, error)) (P, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var none P
	if p.closed {
		return none, ErrClosed
	}
	for i, x := range p.list {
		if slices.EqualFunc(x.in, in, tensor.Shape.Equal) {
			copy(p.list[i:], p.list[i+1:])
			p.list[len(p.list)-1] = x
			return x.program, nil
		}
	}
	program, err := plan(in)
	if err != nil {
		return none, err
	}
	if len(p.list) == MostPrograms {
		p.list = slices.Delete(p.list, 0, 1)
	}
	shapes := make([]tensor.Shape, len(in))
	for i, s := range in {
		shapes[i] = s.Clone()
	}
	p.list = append(p.list, planned[P]{shapes, program})
	return program, nil
}

// Close waits for what is being planned, and forgets all programs.
func (p *Programs[P]) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list, p.closed = nil, true
}
