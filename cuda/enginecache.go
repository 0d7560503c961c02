//go:build linux && cgo && !nocuda

package cuda

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
)

// mostChoices is how many choices a backend remembers: those of some sixty sizes
// of pictures for a detector. The one unused for longest goes, and its plans with
// it when no program has them any more.
const mostChoices = 4096

// choices are what was chosen.
type choices struct {
	most  int // 0 means mostChoices
	by    map[product]*choice
	order []product // the one used last comes last
	plans plans
}

// get returns the choice for a product, nil if there is none.
func (c *choices) get(q product) *choice {
	if i := slices.Index(c.order, q); i >= 0 {
		c.order = append(slices.Delete(c.order, i, i+1), q)
	}
	return c.by[q]
}

// put adds a choice.
func (c *choices) put(q product, made *choice) {
	if c.by == nil {
		c.by = make(map[product]*choice)
	}
	if len(c.order) >= cmp.Or(c.most, mostChoices) {
		delete(c.by, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
	c.by[q] = made
	c.order = append(c.order, q)
	if w, ok := made.way.(*planned); ok {
		c.plans.own(w)
	}
}

// plans are those of libraries that are open. A program has no end that anyone
// tells of, so the garbage collector says when the plans of one are not used any
// more; whoever plans next closes them.
type plans struct {
	mu   sync.Mutex
	open map[*opened]bool // whether they are to be closed
}

// own notes plans that must be closed when w is not used any more.
func (p *plans) own(w *planned) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open == nil {
		p.open = make(map[*opened]bool)
	}
	p.open[w.opened] = false
	runtime.AddCleanup(w, p.unused, w.opened)
}

func (p *plans) unused(o *opened) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, known := p.open[o]; known {
		p.open[o] = true
	}
}

// close closes the plans that are not used, or all.
func (p *plans) close(all bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []closer
	for o, unused := range p.open {
		if all || unused {
			list = append(list, o)
			delete(p.open, o)
		}
	}
	return closeEach(list)
}
