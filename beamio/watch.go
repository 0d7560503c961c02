package beamio

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
)

// watching holds the watches of this process: one for all bundles that want the
// same.
var watching struct {
	mu      sync.Mutex
	watches map[string]any // *watch[E, P]
}

// watch keeps the newest checkpoint that matches a glob loaded. Its goroutine
// lists the glob for as long as bundles work with it, and ends when none has
// for idleTicks intervals; the next bundle begins another.
type watch[E, P any] struct {
	main *recipe[E, P]
	set  settings

	current           atomic.Pointer[version[E, P]]
	used, running     atomic.Bool
	updates, failures atomic.Int64 // since a bundle told of them

	lock  chan struct{} // held by who loads
	tried file          // that did not load, so many times
	tries int
}

const (
	idleTicks = 10
	maxTries  = 3
	// Google's client asks a store that does not answer for ever.
	maxListing = 2 * time.Minute
)

// version is a model and the file that it was loaded from.
type version[E, P any] struct {
	recipe *recipe[E, P]
	entry  *entry // held
	file   file   // zero for the handler's own
}

// file is a version of a file.
type file struct {
	path     string
	modified time.Time
	size     int64
}

func watchOf[E, P any](main *recipe[E, P], set *settings) *watch[E, P] {
	own := *main // no other transform has a model that is going to be replaced, unless it makes the same batches
	own.key = fmt.Sprintf("%s watched as %s every %v, from %d to %d, weighed %t",
		main.key, set.WatchGlob, set.WatchInterval, main.low, main.high, main.weight != nil)
	watching.mu.Lock()
	defer watching.mu.Unlock()
	w, ok := watching.watches[own.key].(*watch[E, P])
	if !ok {
		w = &watch[E, P]{main: &own, set: *set, lock: make(chan struct{}, 1)}
		own.watch = w
		if watching.watches == nil {
			watching.watches = make(map[string]any)
		}
		watching.watches[own.key] = w
	}
	return w
}

// get returns the model to use now. The first call loads it.
func (w *watch[E, P]) get(ctx context.Context) (*version[E, P], error) {
	w.used.Store(true)
	if v := w.current.Load(); v != nil && !v.entry.isDead() {
		if !w.running.Load() && w.running.CompareAndSwap(false, true) {
			go w.loop()
		}
		return v, nil
	}
	select {
	case w.lock <- struct{}{}:
		defer func() { <-w.lock }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	v := w.current.Load()
	if v == nil {
		w.refresh(ctx)
		v = w.current.Load()
	}
	if v != nil && !v.entry.isDead() {
		return v, nil
	}
	next := version[E, P]{recipe: w.main}
	if v != nil { // it hangs: load it again
		next = *v
	}
	var err error
	if next.entry, err = models.acquire(ctx, w.want(next.recipe)); err != nil {
		return nil, err
	}
	w.change(&next)
	return &next, nil
}

// take returns what get does, with another user of the model.
func (w *watch[E, P]) take(ctx context.Context, keep bool) (*version[E, P], error) {
	for {
		v, err := w.get(ctx)
		if err != nil || models.hold(v.entry, keep) {
			return v, err
		}
	}
}

// want asks for room for a model without limits: an update needs two for a while.
func (w *watch[E, P]) want(r *recipe[E, P]) want {
	want := r.want(&w.set, true)
	want.maxModels, want.maxBytes = 0, 0
	return want
}

func (w *watch[E, P]) loop() {
	tick := time.NewTicker(w.set.WatchInterval)
	defer tick.Stop()
	defer w.running.Store(false)
	for idle := 0; idle < idleTicks; idle++ {
		<-tick.C
		if w.used.Swap(false) {
			idle = -1
		}
		w.lock <- struct{}{}
		w.refresh(context.Background())
		<-w.lock
	}
}

// refresh loads the newest file, if it is another than before. It is called by
// who has the lock.
func (w *watch[E, P]) refresh(ctx context.Context) {
	listing, cancel := context.WithTimeout(ctx, maxListing)
	f, err := guarded(func() (file, error) { return newest(listing, w.set.WatchGlob) })
	cancel()
	if err != nil {
		slog.WarnContext(ctx, "beamio: watching for models failed", "glob", w.set.WatchGlob, "error", err)
		return
	}
	old := w.current.Load()
	switch {
	case f == file{} || old != nil && f == old.file:
		return
	case f != w.tried:
		w.tried, w.tries = f, 0
	case w.tries >= maxTries:
		return
	}
	r, err := guarded(func() (*recipe[E, P], error) {
		return w.main.at(f.path, fmt.Sprintf("%d %d", f.modified.UnixNano(), f.size), &w.set)
	})
	next := version[E, P]{recipe: r, file: f}
	if err == nil {
		next.entry, err = models.acquire(ctx, w.want(r))
	}
	if err != nil && ctx.Err() != nil {
		return // that a bundle was cancelled is no fault of the file's
	}
	if err != nil {
		w.tries++
		w.failures.Add(1)
		if r != nil {
			models.forget(r.key)
		}
		slog.WarnContext(ctx, "beamio: a new model was not loaded, the old one goes on",
			"path", f.path, "try", w.tries, "error", err)
		return
	}
	if w.change(&next); old != nil {
		w.updates.Add(1)
		slog.InfoContext(ctx, "beamio: changed the model",
			"from", old.recipe.id, "to", r.id, "path", f.path, "bytes", next.entry.bytes, "took", next.entry.took)
	}
}

// change makes v the model to use. The one before is closed by its last user.
func (w *watch[E, P]) change(v *version[E, P]) {
	old := w.current.Swap(v)
	if old == nil {
		return
	}
	models.retire(old.entry)
	models.release(old.entry, true)
	if old.recipe.key != v.recipe.key {
		models.forget(old.recipe.key)
	}
}

// newest returns the last modified of the files that match glob, or the last by
// name of equals. It returns none if there is none.
func newest(ctx context.Context, glob string) (file, error) {
	var best file
	fs, err := FileSystem(ctx, glob)
	if err != nil {
		return best, err
	}
	paths, err := fs.List(ctx, glob)
	if err != nil {
		return best, err
	}
	dated, _ := fs.(filesystem.LastModifiedGetter)
	for _, path := range paths {
		f := file{path: path}
		if dated != nil {
			if f.modified, err = dated.LastModified(ctx, path); err != nil {
				return best, err
			}
			f.modified = f.modified.UTC() // so that equal times are equal for ==
		}
		if d := f.modified.Compare(best.modified); best.path == "" || d > 0 || d == 0 && f.path > best.path {
			best = f
		}
	}
	if best.path != "" {
		best.size, err = fs.Size(ctx, best.path)
	}
	return best, err
}
