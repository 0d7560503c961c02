package beamio

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gatherer is where bundles that work at the same time put examples into common
// batches. It holds nothing but the batches that are not full: there is no
// goroutine that waits. It is global because bundles share nothing else.
type gatherer struct {
	mu      sync.Mutex
	forming map[string]any // *gathered[E, P] of examples that may be in one batch
}

var gathering gatherer

// gathered is a batch of examples of several bundles.
type gathered[E, P any] struct {
	*batch[E, P]
	key    string
	ctx    context.Context
	cancel context.CancelFunc
	timer  *time.Timer

	// Under gatherer.mu.
	weight   int
	bundles  int // that want something of it
	launched bool
}

// gather adds an example to a batch that is forming, and runs the batch if it
// is full. A batch runs anyhow when its first example has waited for the delay.
func (w *worker[E, P]) gather(l *lane[E, P], it *item[E, P]) {
	key := w.spec + "\x00" + l.recipe.key + "\x00" + l.recipe.prefix + "\x00" + l.bucket
	size := w.size(l)
	g := &gathering
	g.mu.Lock()
	defer g.mu.Unlock()
	b, _ := g.forming[key].(*gathered[E, P])
	if b != nil && b.weight+it.weight > w.limit() {
		b.launch(g)
		b = nil
	}
	if b == nil {
		b = &gathered[E, P]{batch: newBatch(&w.set, l.recipe, l.entry, nil), key: key}
		// It outlives the bundle that it begins in, and must not count in it.
		b.ctx, b.cancel = context.WithCancel(context.Background())
		b.timer = time.AfterFunc(w.set.Delay, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			b.launch(g)
		})
		if g.forming == nil {
			g.forming = make(map[string]any)
		}
		g.forming[key] = b
	}
	b.items = append(b.items, it)
	b.weight += it.weight
	i := slices.IndexFunc(w.shares, func(s *share[E, P]) bool { return s.batch == b.batch })
	if i < 0 {
		b.bundles++
		i = len(w.shares)
		w.share(b.batch, func() { b.leave(g) })
	}
	w.shares[i].items = append(w.shares[i].items, it)
	w.shared++
	if len(b.items) >= size || b.weight >= w.limit() {
		b.launch(g)
	}
}

// launch runs the batch, once, without the examples that nobody wants any more.
// It is called under g.mu.
func (b *gathered[E, P]) launch(g *gatherer) {
	if b.launched {
		return
	}
	b.launched = true
	b.timer.Stop()
	delete(g.forming, b.key)
	b.items = slices.DeleteFunc(b.items, func(it *item[E, P]) bool { return it.bundle.Err() != nil })
	if b.bundles == 0 {
		b.cancel()
	}
	go b.run(b.ctx)
}

// leave is called when a bundle has its results or is abandoned. A batch that
// nobody waits for is cancelled.
func (b *gathered[E, P]) leave(g *gatherer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b.bundles--; b.bundles == 0 && b.launched {
		b.cancel()
	}
}
