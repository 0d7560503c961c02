package beamio

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

// TestTimeouts has a bubble's clock, and fails if a goroutine of ours remains.
func TestTimeouts(t *testing.T) {
	const limit = time.Minute
	t.Run("sleeps past it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBundle(t, &scale{Name: t.Name(), Slow: []int{3}}, WithTimeout(limit), WithBatchSize(4, 4))
			start := time.Now()
			b.mustRun(t, 1, 2, 3, 4, 5)
			if !slices.Equal(b.predictions(), []int{1, 2, 4, 5}) || len(b.failures) != 1 || b.failures[0].Example != 3 ||
				b.failures[0].Stage != StageInference || b.failures[0].Error != "not done after 1m0s" {
				t.Errorf("got %v, %v", b.results, b.failures)
			}
			if took := time.Since(start); took != 2*limit { // the batch, and the example alone
				t.Errorf("took %v", took)
			}
			if n, hung := b.counter("timed_out_calls"), b.counter("hung_calls"); n != 2 || hung != 0 {
				t.Errorf("%d timed out, %d hung", n, hung)
			}
			if w := watcherOf(t.Name()); w.loads.Load() != 1 || w.most.Load() != 1 {
				t.Errorf("%d loads, %d at once", w.loads.Load(), w.most.Load())
			}
		})
	})
	t.Run("ignores its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := watcherOf(t.Name())
			b := newBundle(t, &scale{Name: t.Name(), Deaf: []int{3}}, WithTimeout(limit), WithBatchSize(2, 2))
			b.mustRun(t, 1, 2, 3, 4, 5)
			if !slices.Equal(b.predictions(), []int{1, 2, 4, 5}) || len(b.failures) != 1 || b.failures[0].Example != 3 ||
				!strings.Contains(b.failures[0].Error, "deaf to the end of its context") {
				t.Errorf("got %v, %v", b.results, b.failures)
			}
			// The model was loaded anew after the batch, and after the example alone.
			if w.loads.Load() != 3 || w.closed.Load() != 0 || b.counter("hung_calls") != 2 {
				t.Errorf("%d loads, %d closed, %d hung", w.loads.Load(), w.closed.Load(), b.counter("hung_calls"))
			}
			again := newBundle(t, &scale{Name: t.Name(), Deaf: []int{3}}, WithTimeout(limit), WithBatchSize(2, 2))
			var hung *HungError
			if err := again.run(3, 3, 1); !errors.As(err, &hung) || hung.Calls != maxHungCalls {
				t.Errorf("with too many calls that hang: %v", err)
			}
			close(w.release)
			synctest.Wait()
			if w.closed.Load() != 4 || w.running.Load() != 0 {
				t.Errorf("%d closed, %d running", w.closed.Load(), w.running.Load())
			}
			if err := again.run(3); err != nil { // it recovers
				t.Error(err)
			}
		})
	})
	t.Run("preparing", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			m := &Steps[int, int, int]{
				Prepare: func(ctx context.Context, n int) (int, error) {
					switch n {
					case 1:
						<-ctx.Done()
						return 0, ctx.Err()
					case 2:
						<-release
					}
					return n, nil
				},
				Predict: func(_ context.Context, batch []int) ([]int, error) { return batch, nil },
			}
			b := newBundle(t, &given{Name: giveModel(t, m)}, WithTimeout(limit), WithBatchSize(2, 2))
			b.mustRun(t, 0, 1, 2, 3)
			if !slices.Equal(b.predictions(), []int{0, 3}) || len(b.failures) != 2 ||
				b.failures[0].Stage != StagePreprocess || b.failures[1].Stage != StagePreprocess {
				t.Errorf("got %v, %v", b.results, b.failures)
			}
			close(release)
		})
	})
	t.Run("a bundle that is cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBundle(t, &scale{Name: t.Name(), Deaf: []int{1}}, WithTimeout(time.Hour))
			ctx, cancel := context.WithTimeout(b.ctx, limit)
			defer cancel()
			b.ctx = ctx
			start := time.Now()
			if err := b.run(1); !errors.Is(err, context.DeadlineExceeded) || len(b.failures) != 0 {
				t.Errorf("got %v, %v", err, b.failures)
			}
			if took := time.Since(start); took != limit+grace(time.Hour) {
				t.Errorf("took %v", took)
			}
			close(watcherOf(t.Name()).release)
		})
	})
}

// TestCancelledBundleEmitsNothing ends a bundle's context before the batch runs
// that its example is in.
func TestCancelledBundleEmitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t, &scale{Name: t.Name()}, WithBatchDelay(time.Second), WithBatchSize(4, 4))
		ctx, cancel := context.WithCancel(b.ctx)
		b.ctx = ctx
		if err := errors.Join(b.start(), b.process(7)); err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		if err := b.finish(); !errors.Is(err, context.Canceled) || len(b.results)+len(b.failures) != 0 {
			t.Errorf("got %v, %v, %v", b.results, b.failures, err)
		}
	})
}

// given is a handler for a model that a test has made.
type given struct{ Name string }

var givenModels sync.Map // name → Model[int, int]

func init() { Register(&given{}) }

func giveModel(t *testing.T, m Model[int, int]) string {
	fresh(t)
	givenModels.Store(t.Name(), m)
	return t.Name()
}

func (g *given) Load(context.Context) (Model[int, int], error) {
	m, _ := givenModels.Load(g.Name)
	if remade, ok := m.(func() Model[int, int]); ok {
		return remade(), nil
	}
	return m.(Model[int, int]), nil
}

// TestBrokenModels has models that do not keep their promises, in every mode.
func TestBrokenModels(t *testing.T) {
	for _, c := range []struct {
		name  string
		model inferFunc
		want  string
	}{
		{"too few", func(_ context.Context, in []int) ([]int, error) { return in[1:], nil }, "0 predictions for 1 examples"},
		{"too many", func(_ context.Context, in []int) ([]int, error) { return append(in, 1), nil }, "2 predictions for 1"},
		{"errors", func(context.Context, []int) ([]int, error) { return nil, errors.New("no") }, "no"},
		{"panics", func(context.Context, []int) ([]int, error) { panic("oh") }, "panic: oh"},
		{"errors of another batch", func(_ context.Context, in []int) ([]int, error) {
			return in, ExampleErrors{nil, nil, nil}
		}, "3 errors for 1 examples"},
	} {
		for _, opts := range [][]Option{{}, {WithTimeout(time.Minute)}, {WithBatchDelay(time.Millisecond)}} {
			t.Run(fmt.Sprint(c.name, len(opts)), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // which fails if a goroutine of ours remains
					opts = append(opts, WithBatchSize(2, 2))
					b := newBundle(t, &given{Name: giveModel(t, c.model)}, opts...).mustRun(t, 7, 8)
					if len(b.results) != 0 || len(b.failures) != 2 || !strings.Contains(b.failures[0].Error, c.want) {
						t.Errorf("got %v, %v", b.results, b.failures)
					}
					if b.counter("failed_batches_counter") != 1 || b.counter("failed_examples") != 2 {
						t.Error("not counted")
					}
				})
			})
		}
	}
}

type inferFunc func(context.Context, []int) ([]int, error)

func (f inferFunc) Infer(ctx context.Context, batch []int) ([]int, error) { return f(ctx, batch) }

// TestGarbageInFlight changes a model file to garbage and to a model again, while
// bundles run.
func TestGarbageInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write := func(text string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "m.txt"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(filepath.Join(dir, "m.txt"), time.Now(), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		write("2")
		w := watcherOf(t.Name())
		h := &scale{Name: t.Name()}
		b := newBundle(t, h, WithModelWatch(filepath.Join(dir, "*.txt"), time.Minute), WithBatchSize(1, 1))
		step := func(n, want int) {
			t.Helper()
			time.Sleep(3*time.Minute + time.Second)
			if err := b.process(n); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if err := b.process(n); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := b.results[len(b.results)-1].Inference; got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		}
		if err := b.start(); err != nil {
			t.Fatal(err)
		}
		step(1, 2)
		write("garbage")
		step(1, 2)
		write("3")
		step(1, 3)
		if w.loads.Load() != 2+maxTries || w.closed.Load() != 1 {
			t.Errorf("%d loads, %d closed", w.loads.Load(), w.closed.Load())
		}
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		if n, bad := b.counter("model_updates"), b.counter("model_update_failures"); n != 1 || bad != maxTries {
			t.Errorf("%d updates, %d failures", n, bad)
		}
		time.Sleep(time.Hour) // the watch ends without bundles
	})
}

// TestWatchOutlivesCancelledBundles has more bundles cancelled while they load a
// file than a file is tried.
func TestWatchOutlivesCancelledBundles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := WithModelWatch(factors(t, 5)[0], time.Hour)
		w := watcherOf(t.Name())
		for range maxTries + 1 {
			b := newBundle(t, &scale{Name: t.Name()}, watch)
			ctx, cancel := context.WithCancel(b.ctx)
			b.ctx, w.loading = ctx, cancel
			w.broken.Store(true)
			if err := b.run(1); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		w.loading = func() {}
		w.broken.Store(false)
		if b := newBundle(t, &scale{Name: t.Name()}, watch).mustRun(t, 1); b.predictions()[0] != 5 {
			t.Errorf("got %v", b.results)
		}
		time.Sleep(time.Hour * (idleTicks + 2))
	})
}

// TestWatchGoesOnWithoutTheStore has one that does not answer.
func TestWatchGoesOnWithoutTheStore(t *testing.T) {
	clients.mu.Lock()
	if clients.open == nil {
		clients.open = make(map[string]filesystem.Interface)
	}
	clients.open["silent"] = silentStore{&breaking}
	clients.mu.Unlock()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t, &scale{Name: t.Name()}, WithModelWatch("silent://b/*", time.Minute)).mustRun(t, 3)
		if !slices.Equal(b.predictions(), []int{3}) {
			t.Errorf("got %v", b.results)
		}
		time.Sleep((maxListing + time.Minute) * (idleTicks + 2))
	})
}

type silentStore struct{ filesystem.Interface }

func (silentStore) List(ctx context.Context, _ string) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestWatchesOfOneFile have batches of the size that each transform wants.
func TestWatchesOfOneFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := WithModelWatch(factors(t, 5)[0], time.Minute)
		for _, opts := range [][]Option{
			{WithBatchSize(4, 4)}, {WithBatchSize(2, 2)}, {WithBatchSize(4, 4), WithBatchWeight(1)},
		} {
			newBundle(t, &scale{Name: t.Name()}, append(opts, watch)...).mustRun(t, 1, 1, 1, 1)
		}
		if got := watcherOf(t.Name()).sizes(); !slices.Equal(got, []int{4, 2, 2, 1, 1, 1, 1}) {
			t.Errorf("batches of %v", got)
		}
		time.Sleep(time.Minute * (idleTicks + 2))
	})
}

// TestUpdatesAreWeighed routes examples that ask for checkpoints.
func TestUpdatesAreWeighed(t *testing.T) {
	route := func(h ModelHandler[int, int]) (*item[int, int], *recipe[int, int]) {
		p, err := pack(h)
		if err != nil {
			t.Fatal(err)
		}
		set := settings{MinBatch: 1, MaxBatch: 2, MaxWeight: 9}
		rs, err := newRoutes(newRecipe(h, p, &set), &set)
		if err != nil {
			t.Fatal(err)
		}
		it := &item[int, int]{path: "m.txt", example: 7}
		r, err := rs.route(t.Context(), it, &set)
		if err != nil {
			t.Fatal(err)
		}
		return it, r
	}
	if it, r := route(&scale{Name: t.Name()}); it.weight != 7 || it.err != nil || r.id != "scale m.txt" {
		t.Errorf("%+v by %s", it, r.id)
	}
	if it, _ := route(&given{}); it.err == nil || it.stage != StageLoad { // without WithPath
		t.Errorf("%+v", it)
	}
}

var full = flag.Bool("full", false, "run the largest tests at full size")

// TestManyElementsInManyBundles has 64 bundles at once in every mode. With -full
// they get 10⁵ elements altogether.
func TestManyElementsInManyBundles(t *testing.T) {
	const bundles = 64
	each := 40
	if *full {
		each = 100_000/bundles + 1
	}
	alone := func(s *settings) { s.Alone = true }
	for _, mode := range []struct {
		name string
		opts []Option
	}{
		{"bundle", []Option{WithBatchSize(1, 16)}},
		{"gathered", []Option{WithBatchSize(1, 16), WithBatchDelay(time.Millisecond)}},
		{"gathered alone", []Option{WithBatchSize(1, 16), WithBatchDelay(time.Millisecond), alone}},
		{"copies", []Option{WithBatchSize(4, 4), WithModelCopies(3), WithConcurrency(2)}},
		{"time-out", []Option{WithBatchSize(1, 8), WithTimeout(time.Minute)}},
		{"limited", []Option{WithBatchSize(1, 16), WithMaxModels(1)}},
		{"gathered, limited", []Option{WithBatchSize(1, 16), WithMaxModels(1), WithBatchDelay(time.Millisecond)}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			h := &scale{Name: t.Name(), Args: map[string]int{"factor": 3}, Blame: []int{5}, Fail: []int{7}, Buckets: 2}
			var wg sync.WaitGroup
			for range bundles {
				wg.Go(func() {
					b := newBundle(t, h, mode.opts...)
					var want []int
					for n := range each {
						if n != 5 && n != 7 {
							want = append(want, 3*n)
						}
					}
					if err := b.run(count(0, each)...); err != nil {
						t.Error(err)
					}
					got := b.predictions()
					slices.Sort(got) // two buckets
					if !slices.Equal(got, want) || len(b.failures) != 2 {
						t.Errorf("%d results, %v", len(got), b.failures)
					}
					for i, r := range b.results {
						if at := b.at[i]; int(at) != r.Example || r.Inference != 3*r.Example {
							t.Errorf("%v at %v", r, at)
						}
					}
					for i, f := range b.failures {
						if at := b.failedAt[i]; int(at) != f.Example {
							t.Errorf("%v at %v", f, at)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestEveryFaultOnARunner has a model that misbehaves in every way in one job.
func TestEveryFaultOnARunner(t *testing.T) {
	const limit = 400 * time.Millisecond
	h := &scale{Name: t.Name(), Fail: []int{3}, Panic: []int{9}, Slow: []int{14}, Short: []int{21}, Deaf: []int{26},
		Blame: []int{33}}
	p, s, col := ptest.CreateList(count(0, 40))
	res, bad := RunInferenceDLQ(s, h, col, WithTimeout(limit), WithBatchSize(4, 4))
	collect(s, t.Name(), beam.ParDo(s, renderResult, res))
	collect(s, t.Name()+" bad", beam.ParDo(s, renderFailure, bad))
	m := run(t, p)
	why := map[int]string{
		3: "cannot scale 3", 9: "panic: frightened by 9", 14: "not done after 400ms",
		21: "the model returned 0 predictions for 1 examples",
		26: "not done after 400ms, and deaf to the end of its context", 33: "33 is to blame",
	}
	var want, wantBad []string
	for n := range 40 {
		if why[n] == "" {
			want = append(want, fmt.Sprintf("%d→%d by scale", n, n))
		} else {
			wantBad = append(wantBad, fmt.Sprintf("%d failed at inference by scale: %s", n, why[n]))
		}
	}
	equal(t, "results", got(t.Name()), want)
	equal(t, "failures", got(t.Name()+" bad"), wantBad)
	c := counters(m, DefaultNamespace)
	if c["num_inferences"] != 34 || c["failed_examples"] != 6 || c["failed_batches_counter"] < 5 ||
		c["timed_out_calls"] < 2 || c["hung_calls"] < 1 { // a batch, and the example alone, unless a bundle ends there
		t.Errorf("counters %v", c)
	}
	close(watcherOf(t.Name()).release)
	awaitNoGoroutines(t)
}

// awaitNoGoroutines waits until the only goroutines with code of this package
// are those of tests.
func awaitNoGoroutines(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		var ours []string
		for _, stack := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(stack, "argand/beamio") && !strings.Contains(stack, "testing.tRunner(") {
				ours = append(ours, stack)
			}
		}
		if len(ours) == 0 {
			return
		}
		if time.Since(start) > 20*time.Second {
			t.Fatalf("%d goroutines remain:\n%s", len(ours), strings.Join(ours, "\n\n"))
		}
	}
}

// TestPreparingMayOutliveItsBundle has a model make room while it prepares an
// example that nobody waits for any more.
func TestPreparingMayOutliveItsBundle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var network closer
		m := &Steps[int, int, int]{
			Prepare: func(_ context.Context, n int) (int, error) {
				if n == 2 {
					<-release
				}
				if network.closed.Load() {
					t.Error("the model was closed while it prepared an example")
				}
				return n, nil
			},
			Predict: func(_ context.Context, batch []int) ([]int, error) { return batch, nil },
			Network: &network,
		}
		opts := []Option{WithMaxModels(1), WithTimeout(time.Minute), WithBatchSize(2, 2)}
		b := newBundle(t, &given{Name: giveModel(t, m)}, opts...).mustRun(t, 1, 2)
		if !slices.Equal(b.predictions(), []int{1}) || len(b.failures) != 1 {
			t.Errorf("got %v, %v", b.results, b.failures)
		}
		if b := newBundle(t, &scale{Name: t.Name()}, opts...).mustRun(t, 5); len(b.results) != 1 {
			t.Errorf("got %v, %v", b.results, b.failures)
		}
		if network.closed.Load() {
			t.Error("closed too early")
		}
		close(release)
		synctest.Wait()
		if !network.closed.Load() {
			t.Error("not closed")
		}
	})
}

// TestLatePreparingKeepsItsModel has examples wait for their turn to be prepared while their model hangs and another
// takes its place.
func TestLatePreparingKeepsItsModel(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // one is prepared at a time
	synctest.Test(t, func(t *testing.T) {
		var loads, calls, closed atomic.Int64
		var slow atomic.Bool
		release := make(chan struct{})
		name := giveModel(t, inferFunc(nil))
		givenModels.Store(name, func() Model[int, int] {
			loads.Add(1)
			network := &closer{all: &closed}
			return &Steps[int, int, int]{
				Prepare: func(_ context.Context, n int) (int, error) {
					if network.closed.Load() {
						t.Errorf("prepares %d after it was closed", n)
					}
					if slow.Load() {
						time.Sleep(45 * time.Second)
					}
					return n, nil
				},
				Predict: func(_ context.Context, batch []int) ([]int, error) {
					if calls.Add(1) == 1 {
						<-release
					}
					return batch, nil
				},
				Network: network,
			}
		})
		b := newBundle(t, &given{Name: name}, WithTimeout(time.Minute), WithBatchSize(4, 4))
		if err := b.start(); err != nil {
			t.Fatal(err)
		}
		process := func(from, to int) {
			t.Helper()
			for _, n := range count(from, to) {
				if err := b.process(n); err != nil {
					t.Fatal(err)
				}
			}
		}
		process(0, 6) // which has the first batch run, and hang after a minute
		synctest.Wait()
		slow.Store(true)
		process(6, 9) // the last of them is prepared after 90 s
		time.Sleep(65 * time.Second)
		close(release)
		synctest.Wait()
		process(9, 10) // by the next model
		time.Sleep(time.Hour)
		if err := b.finish(); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(b.predictions(), count(0, 10)) {
			t.Errorf("got %v, %v", b.predictions(), b.failures)
		}
		if loads.Load() != 2 || closed.Load() != 1 {
			t.Errorf("%d loads, %d times closed", loads.Load(), closed.Load())
		}
	})
}

// TestHungModelGivesWayToTheNewest has a batch wait for a model that hangs, and that is no more when it is known to.
func TestHungModelGivesWayToTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write := func(name, text string) string {
			t.Helper()
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Now(), time.Now()); err != nil {
				t.Fatal(err)
			}
			return path
		}
		first := write("a.txt", "2")
		w := watcherOf(t.Name())
		watch := WithModelWatch(filepath.Join(dir, "*.txt"), time.Minute)
		opts := []Option{watch, WithTimeout(time.Hour), WithBatchSize(1, 1)}
		h := &scale{Name: t.Name(), Deaf: []int{7}}
		hangs, waits := newBundle(t, h, opts...), newBundle(t, h, opts...)
		var both sync.WaitGroup
		for b, n := range map[*bundleOf]int{hangs: 7, waits: 5} {
			both.Go(func() {
				if b == waits {
					time.Sleep(time.Second)
				}
				if err := b.run(n); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		second := write("b.txt", "3")
		if err := os.Remove(first); err != nil {
			t.Fatal(err)
		}
		both.Wait()
		if !slices.Equal(waits.predictions(), []int{15}) || waits.results[0].ModelID != "scale "+second {
			t.Errorf("got %v, %v", waits.results, waits.failures)
		}
		if len(hangs.failures) != 1 {
			t.Errorf("got %v, %v", hangs.results, hangs.failures)
		}
		close(w.release)
		synctest.Wait()
		if w.loads.Load() != 2 || w.closed.Load() != 1 || len(models.entries) != 1 {
			t.Errorf("%d loads, %d closed, %d kept", w.loads.Load(), w.closed.Load(), len(models.entries))
		}
		time.Sleep(time.Minute * (idleTicks + 2))
	})
}

// TestWatchSurvivesAPanic has a filesystem that panics in the goroutine of the watch.
func TestWatchSurvivesAPanic(t *testing.T) {
	clients.mu.Lock()
	if clients.open == nil {
		clients.open = make(map[string]filesystem.Interface)
	}
	clients.open["panicking"] = panickingStore{&breaking}
	clients.mu.Unlock()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t, &scale{Name: t.Name()}, WithModelWatch("panicking://b/*", time.Minute)).mustRun(t, 3)
		if !slices.Equal(b.predictions(), []int{3}) {
			t.Errorf("got %v", b.results)
		}
		time.Sleep(time.Minute * (idleTicks + 2))
	})
}

type panickingStore struct{ filesystem.Interface }

func (panickingStore) List(context.Context, string) ([]string, error) { panic("out of paths") }

type closer struct {
	closed atomic.Bool
	all    *atomic.Int64 // times that closers were closed; nil to count none
}

func (c *closer) Close() error {
	if c.closed.Store(true); c.all != nil {
		c.all.Add(1)
	}
	return nil
}

// TestDroppedBundlesLetGo has a DoFn forgotten in the middle of a bundle, as
// Beam does when another DoFn fails.
func TestDroppedBundlesLetGo(t *testing.T) {
	w := watcherOf(t.Name())
	func() {
		b := newBundle(t, &scale{Name: t.Name()}, WithBatchSize(1, 1))
		if err := errors.Join(b.start(), b.process(1)); err != nil {
			t.Fatal(err)
		}
		models.retire(b.fn.worker.order[0].entry) // as a watch does
	}()
	for start := time.Now(); w.closed.Load() == 0; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Since(start) > 20*time.Second {
			t.Fatal("the model stays open")
		}
	}
}

// TestModelsAreForgotten uses more checkpoints in a bundle than are remembered.
func TestModelsAreForgotten(t *testing.T) {
	b := newBundle(t, &scale{Name: t.Name()}, WithMaxModels(2), WithBatchSize(1, 1))
	if err := b.start(); err != nil {
		t.Fatal(err)
	}
	n := 3 * maxRecords
	for i := range n {
		err := b.fn.worker.add(b.ctx, &item[int, int]{path: fmt.Sprint("none", i), example: i}, unkeyed(b.result, b.failure))
		if err != nil {
			t.Fatal(err)
		}
		if len(b.fn.worker.order) > manyLanes || len(b.fn.worker.lanes) != len(b.fn.worker.order) {
			t.Fatalf("%d lanes, %d in order", len(b.fn.worker.lanes), len(b.fn.worker.order))
		}
	}
	if err := b.finish(); err != nil || len(b.failures) != n {
		t.Errorf("%d failures, %v", len(b.failures), err)
	}
	var r registry
	for i := range n {
		if rec := r.recordOf(fmt.Sprint(i)); i == 0 {
			rec.calls.n.Add(1)
		}
		r.recordOf("1")
	}
	for i, want := range map[int]bool{0: true, 1: true, 2: false, n - maxRecords: false, n - maxRecords + 2: true, n - 1: true} {
		if _, ok := r.records[fmt.Sprint(i)]; ok != want {
			t.Errorf("record %d of %d is there: %t", i, n, ok)
		}
	}
	if len(models.records) != maxRecords || len(r.records) != maxRecords {
		t.Errorf("%d and %d records", len(models.records), len(r.records))
	}
}

// TestLoadFailsTwice has bundles that a runner tries again, in every mode that
// loads in its own way.
func TestLoadFailsTwice(t *testing.T) {
	for name, opts := range map[string][]Option{
		"held":     nil,
		"limited":  {WithMaxModels(3)},
		"gathered": {WithBatchDelay(time.Millisecond)},
		"copies":   {WithModelCopies(2)},
		"watched":  {WithModelWatch(filepath.Join(t.TempDir(), "none*"), 10*time.Millisecond)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBundle(t, &scale{Name: t.Name(), NoLoad: 2}, opts...)
			for i := 1; i <= 2; i++ {
				if err := b.run(1, 2); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("load %d does not", i)) {
					t.Fatalf("bundle %d: %v", i, err)
				}
			}
			if b.mustRun(t, 1, 2); !slices.Equal(b.predictions(), []int{1, 2}) {
				t.Errorf("got %v", b.results)
			}
		})
	}
}
