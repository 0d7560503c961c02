package beamio

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestModelsUnderStress has DoFns run bundles at the same time, in every mode that shares models in a way of its own.
// Bundles are cancelled at any time, calls hang, time out and panic, and a watched model is replaced by another. No
// model is used once it is closed, none is closed twice, which the models of the test tell, and none is forgotten.
func TestModelsUnderStress(t *testing.T) {
	const deaf, slow, panics, minutes = 13, 17, 19, 200
	for name, opts := range map[string][]Option{
		"bundle":            {},
		"gathered":          {WithBatchDelay(time.Second)},
		"copies":            {WithModelCopies(2), WithConcurrency(2)},
		"limited":           {WithMaxModels(1)},
		"limited, gathered": {WithMaxModels(1), WithBatchDelay(time.Second)},
		"watched":           {},
		"watched, gathered": {WithBatchDelay(time.Second)},
		"watched, copies":   {WithModelCopies(2), WithConcurrency(2)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir, w := t.TempDir(), watcherOf(t.Name())
				watched := strings.HasPrefix(name, "watched")
				if watched {
					opts = append(opts, WithModelWatch(filepath.Join(dir, "*.txt"), time.Minute))
				}
				opts = append(opts, WithTimeout(20*time.Second), WithBatchSize(1, 3))
				var handlers []*scale
				for i := range 2 { // of which a limit of one lets one be loaded
					handlers = append(handlers, &scale{Name: t.Name(), Args: map[string]int{"factor": 1}, Pause: time.Second,
						Deaf: []int{deaf}, Slow: []int{slow}, Panic: []int{panics}, Size: int64(i)})
				}
				ctx, cancel := context.WithTimeout(t.Context(), minutes*time.Minute)
				defer cancel()
				var all sync.WaitGroup
				for i := range 6 {
					r := rand.New(rand.NewPCG(uint64(i), 5))
					all.Go(func() {
						h := handlers[i%len(handlers)]
						for b := newBundle(t, h, opts...); ctx.Err() == nil; b.results, b.failures = nil, nil {
							stressBundle(t, b, r, []int{deaf, slow, panics})
							time.Sleep(time.Duration(r.IntN(30)) * time.Second)
						}
					})
				}
				for n := range minutes {
					if watched && n%3 == 0 {
						path := filepath.Join(dir, fmt.Sprint(n+2))
						err := os.WriteFile(path, []byte(fmt.Sprint(n+2)), 0o644)
						err = errors.Join(err, os.Chtimes(path, time.Now(), time.Now()), os.Rename(path, path+".txt"))
						if err != nil {
							t.Error(err)
						}
					}
					if n%2 == 0 { // a call that hangs returns
						select {
						case w.release <- struct{}{}:
						default:
						}
					}
					time.Sleep(time.Minute)
				}
				close(w.release)
				all.Wait()
				time.Sleep(2 * time.Hour) // the watches end without bundles
				synctest.Wait()
				models.mu.Lock()
				defer models.mu.Unlock()
				open := 0
				for key, e := range models.entries {
					if open += len(e.copies); e.refs != 0 || e.late != 0 || (e.holds != 0) != watched {
						t.Errorf("%s has %d, %d and %d users", key, e.refs, e.holds, e.late)
					}
				}
				watching.mu.Lock()
				defer watching.mu.Unlock()
				for _, w := range watching.watches { // one whose model hung keeps it until it is asked for another
					if v := w.(*watch[int, int]).current.Load(); v.entry.gone {
						open += len(v.entry.copies)
					}
				}
				if loads, closed := int(w.loads.Load()), int(w.closed.Load()); loads-closed != open || closed == 0 {
					t.Errorf("%d loads, %d closed, %d open", loads, closed, open)
				}
				want := len(handlers)
				if strings.HasPrefix(name, "limited") {
					want = 1
				}
				if len(models.entries) > want {
					t.Errorf("%d models are kept, want %d", len(models.entries), want)
				}
			})
		})
	}
}

// stressBundle runs a bundle that may be cancelled at any time, and looks at what it emits.
func stressBundle(t *testing.T, b *bundleOf, r *rand.Rand, bad []int) {
	was := b.ctx
	defer func() { b.ctx = was }()
	ctx, cancel := context.WithCancel(was)
	defer cancel()
	b.ctx = ctx
	if r.IntN(3) == 0 {
		time.AfterFunc(time.Duration(r.IntN(60_000))*time.Millisecond, cancel)
	}
	in := make([]int, 1+r.IntN(12))
	for i := range in {
		if in[i] = 1 + r.IntN(12); r.IntN(20) == 0 {
			in[i] = bad[r.IntN(len(bad))]
		}
	}
	if err := b.run(in...); err != nil {
		if _, hung := errors.AsType[*HungError](err); !hung && (ctx.Err() == nil || !errors.Is(err, ctx.Err())) {
			t.Errorf("%v: %v", in, err)
		}
		return
	}
	if len(b.results)+len(b.failures) != len(in) {
		t.Errorf("%d results and %d failures of %v", len(b.results), len(b.failures), in)
	}
	for _, p := range b.results {
		factor := 1
		if path, ok := strings.CutPrefix(p.ModelID, "scale "); ok {
			fmt.Sscan(filepath.Base(path), &factor)
		}
		if p.Inference != factor*p.Example {
			t.Errorf("%v", p)
		}
	}
	for _, f := range b.failures {
		if !slices.Contains(bad, f.Example) {
			t.Errorf("%v", f)
		}
	}
}
