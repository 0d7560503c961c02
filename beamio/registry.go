package beamio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// models holds the models of this process. It is global because nothing else
// is shared by the instances of a DoFn, of which a runner makes as many as it
// runs bundles at once.
var models registry

// registry loads a model once for every key, and closes it when it must make
// room, or was replaced, as soon as nobody uses it.
type registry struct {
	mu      sync.Mutex
	entries map[string]*entry
	records map[string]*record
	uses    int64         // a clock that ticks with every use
	change  chan struct{} // closed when a model is let go, if somebody waits for it
	over    *want         // whose limits are exceeded for as long as models are in use; nil if none are
}

// want is what a transform wants of the registry.
type want struct {
	key, id   string
	load      func(context.Context) (any, error)
	copies    int
	threads   int // batches in a copy at once
	maxModels int // 0 for no limit
	maxBytes  int64
	keep      bool // for longer than a batch
}

// entry is a model that is being loaded or, once ready is closed, is loaded.
type entry struct {
	key, id   string
	ready     chan struct{}
	err       error
	abandoned bool          // err may come from the end of the loader's bundle
	copies    []any         // Model[E, P]s, at least one
	took      time.Duration // what loading took
	bytes     int64         // what the weights of all copies take
	device    string        // that they are on, "" if they do not tell
	reported  atomic.Bool   // whether a bundle has put these into its metrics
	record    *record

	seats   chan any      // copies that are free for a batch
	prepare chan struct{} // as many at once are held as examples are prepared
	dead    chan struct{} // closed when a call hangs: do not use the model any more

	// Under registry.mu.
	limited bool  // counts for the limits
	refs    int   // users, until a batch is done
	holds   int   // users for longer
	late    int   // calls that hang: nobody waits for them, but it is not closed before they return
	used    int64 // when last
	gone    bool  // not in the registry any more: closed without users
}

func (e *entry) isDead() bool {
	select {
	case <-e.dead:
		return true
	default:
		return false
	}
}

// acquire returns the model under w.key, after loading it if need be. Who asks
// meanwhile waits. A failure is not kept: it is returned to those who waited for
// it, and whoever asks next loads again. The entry must be released.
func (r *registry) acquire(ctx context.Context, w want) (*entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	rec := r.recordOf(w.key)
	if n := rec.calls.n.Load(); n >= maxHungCalls {
		return nil, &HungError{w.id, int(n)}
	}
	for {
		r.mu.Lock()
		e, found := r.entries[w.key]
		if found {
			r.use(e, w.keep)
			r.mu.Unlock()
			select {
			case <-e.ready:
			case <-ctx.Done():
				r.release(e, w.keep)
				return nil, ctx.Err()
			}
			if e.err == nil {
				return e, nil
			}
			if !e.abandoned || ctx.Err() != nil {
				return nil, e.err
			}
			continue // that another bundle was cancelled is no reason for this one to fail
		}
		victims, wait := r.makeRoom(w.maxModels, w.maxBytes, 1, rec.bytes)
		if wait == nil {
			e = r.add(w, rec)
		}
		r.mu.Unlock()
		closeModels(victims)
		if wait == nil {
			r.load(ctx, w, e)
			if e.err != nil {
				return nil, e.err
			}
			return e, nil
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// add puts an entry without a model into the registry, under r.mu.
func (r *registry) add(w want, rec *record) *entry {
	e := &entry{
		key: w.key, id: w.id, record: rec, ready: make(chan struct{}), dead: make(chan struct{}),
		limited: w.maxModels > 0 || w.maxBytes > 0, prepare: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	r.use(e, w.keep)
	if r.entries == nil {
		r.entries = make(map[string]*entry)
	}
	r.entries[w.key] = e
	return e
}

func (r *registry) load(ctx context.Context, w want, e *entry) {
	start := time.Now()
	var err error
	for range max(w.copies, 1) {
		var model any
		model, err = guarded(func() (any, error) { return w.load(ctx) })
		if err == nil && model == nil {
			err = errors.New("Load returned neither a model nor an error")
		}
		if err != nil {
			break
		}
		e.copies = append(e.copies, model)
		var bytes int64
		if bytes, err = guarded(func() (int64, error) { return bytesOf(model), nil }); err != nil {
			break
		}
		e.bytes += bytes
	}
	e.took = time.Since(start)
	var victims []*entry
	if err != nil {
		e.err, e.abandoned = fmt.Errorf("beamio: loading the model: %w", err), ctx.Err() != nil
		slog.InfoContext(ctx, "beamio: a model was not loaded", "model", w.id, "took", e.took, "error", err)
		closeModels([]*entry{e})
		r.mu.Lock()
		delete(r.entries, w.key)
		r.signal()
		r.mu.Unlock()
	} else {
		var on slog.Attr // nothing, for a model that does not tell
		if e.device = deviceOf(e.copies[0]); e.device != "" {
			on = slog.String("device", e.device)
		}
		slog.InfoContext(ctx, "beamio: loaded a model", "model", w.id, on, "bytes", e.bytes, "took", e.took)
		e.seats = make(chan any, len(e.copies)*max(w.threads, 1))
		for range max(w.threads, 1) {
			for _, m := range e.copies {
				e.seats <- m
			}
		}
		r.mu.Lock()
		e.record.bytes = e.bytes
		var wait chan struct{}
		if victims, wait = r.makeRoom(w.maxModels, w.maxBytes, 0, 0); wait != nil {
			r.over = &w
		}
		r.mu.Unlock()
	}
	close(e.ready)
	closeModels(victims)
}

// makeRoom takes models that nobody uses out of the registry, those that were
// not used for longest first, until there is room for n more of so many bytes.
// If only a wait can help it returns for what: batches end by themselves, but
// those who hold a model for longer may be waiting for us, and do not count. It
// is called under r.mu, and the victims are to be closed after that.
func (r *registry) makeRoom(maxModels int, maxBytes int64, n int, bytes int64) (victims []*entry, wait chan struct{}) {
	if maxModels == 0 && maxBytes == 0 {
		return nil, nil
	}
	for {
		var oldest *entry
		count, sum := 0, int64(0)
		for _, e := range r.entries {
			if !e.limited || e.holds > 0 {
				continue
			}
			count++
			sum += e.record.bytes
			if e.refs == 0 && (oldest == nil || e.used < oldest.used) {
				oldest = e
			}
		}
		over := maxModels > 0 && count+n > maxModels || maxBytes > 0 && sum+bytes > maxBytes
		switch {
		case !over || count+n <= 1: // one may be too large
			return victims, nil
		case oldest == nil:
			if r.change == nil {
				r.change = make(chan struct{})
			}
			return victims, r.change
		}
		delete(r.entries, oldest.key)
		oldest.gone = true
		victims = append(victims, oldest.unused()...)
	}
}

// use counts a user, under r.mu.
func (r *registry) use(e *entry, keep bool) {
	r.uses++
	if e.used = r.uses; keep {
		e.holds++
	} else {
		e.refs++
	}
}

// retain counts another user of an entry that the caller uses.
func (r *registry) retain(e *entry) {
	r.mu.Lock()
	r.use(e, false)
	r.mu.Unlock()
}

// release ends what acquire, hold or retain began. A model that has been
// replaced is closed by its last user.
func (r *registry) release(e *entry, keep bool) {
	r.mu.Lock()
	if keep {
		e.holds--
	} else {
		e.refs--
	}
	victims := append(e.unused(), r.shrink()...)
	r.signal()
	r.mu.Unlock()
	closeModels(victims)
}

// unused returns the entry if it is to be closed: it has left the registry, and
// its last user is gone. It is called under registry.mu.
func (e *entry) unused() []*entry {
	if e.gone && e.refs == 0 && e.holds == 0 && e.late == 0 {
		return []*entry{e}
	}
	return nil
}

// shrink makes the room that models took whose sizes were not known before they
// were loaded. It is called under r.mu, and the victims are to be closed after that.
func (r *registry) shrink() []*entry {
	if r.over == nil {
		return nil
	}
	victims, wait := r.makeRoom(r.over.maxModels, r.over.maxBytes, 0, 0)
	if wait == nil {
		r.over = nil
	}
	return victims
}

// hold counts another user of an entry, or returns false if it has left the registry.
func (r *registry) hold(e *entry, keep bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.gone {
		return false
	}
	r.use(e, keep)
	return true
}

// retire takes an entry out of the registry, so that whoever asks next loads
// anew. The caller uses it and releases it later.
func (r *registry) retire(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(e)
}

// drop is retire under r.mu.
func (r *registry) drop(e *entry) {
	if !e.gone {
		delete(r.entries, e.key)
		e.gone = true
		r.signal()
	}
}

// kill is retire for an entry with a call that hangs.
func (r *registry) kill(e *entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.drop(e); !e.isDead() {
		close(e.dead)
	}
}

// signal wakes those who wait for room, under r.mu.
func (r *registry) signal() {
	if r.change != nil {
		close(r.change)
		r.change = nil
	}
}

// closeModels closes the copies of models that have left the registry.
func closeModels(entries []*entry) {
	for _, e := range entries {
		for _, m := range e.copies {
			c, ok := m.(io.Closer)
			if !ok {
				continue
			}
			if _, err := guarded(func() (any, error) { return nil, c.Close() }); err != nil {
				slog.Warn("beamio: closing a model failed", "model", e.id, "error", err)
			}
		}
		if e.err == nil {
			slog.Info("beamio: closed a model", "model", e.id, "bytes", e.bytes)
		}
	}
}
