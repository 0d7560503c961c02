package beamio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/argand-go/argand/cuda"
)

func init() { Register(&scale{}) }

// scale is a handler for tests: it multiplies integers by the number in a file,
// or by 1, and misbehaves as told.
type scale struct {
	Name    string // of its watcher
	Path    string
	Pause   time.Duration // of every call
	Slow    []int         // examples that take until the context ends
	Deaf    []int         // examples that take until the watcher lets them go
	Fail    []int         // examples that fail the whole batch
	Panic   []int         // examples that make Infer panic
	Short   []int         // examples whose batches get one prediction too few
	Blame   []int         // examples that fail by ExampleErrors
	Lose    []int         // examples that the first model loses its device's context with
	Room    int           // of the device's memory, for an example times the size of its batch
	Buckets int
	NoLoad  int // how many loads fail
	Size    int64
	Args    map[string]int
}

// watcher is what a test sees of the models of a handler.
type watcher struct {
	loads, closed, running, most atomic.Int64
	release                      chan struct{}
	loading                      func()
	broken                       atomic.Bool // no load works, however often

	mu      sync.Mutex
	batches [][]int
}

func (w *watcher) seen() [][]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.batches)
}

// sizes returns how large the batches were.
func (w *watcher) sizes() []int {
	var out []int
	for _, b := range w.seen() {
		out = append(out, len(b))
	}
	return out
}

var watchers sync.Map // name → *watcher

func watcherOf(name string) *watcher {
	w, _ := watchers.LoadOrStore(name, &watcher{release: make(chan struct{}), loading: func() {}})
	return w.(*watcher)
}

// fresh has the package and its tests forget all models, and what was seen of
// them, when a test ends: with -count its handlers are those of the time before.
func fresh(t testing.TB) {
	t.Cleanup(func() {
		models.mu.Lock()
		for _, e := range models.entries {
			e.gone = true
		}
		clear(models.entries)
		clear(models.records)
		models.over = nil
		models.mu.Unlock()
		watching.mu.Lock()
		clear(watching.watches)
		watching.mu.Unlock()
		for _, seen := range []*sync.Map{&watchers, &probes, &collected, &givenModels} {
			seen.Clear()
		}
	})
}

func (h *scale) ModelID() string { return strings.TrimSpace("scale " + h.Path) }

func (h *scale) Validate() error {
	if n, ok := h.Args["factor"]; ok && n == 0 {
		return errors.New("a factor of 0")
	}
	return nil
}

func (h *scale) WithPath(path string) ModelHandler[int, int] {
	other := *h
	other.Path = path
	return &other
}

func (h *scale) Weight(n int) int { return n }

func (h *scale) Bucket(n int) string {
	if h.Buckets == 0 {
		return ""
	}
	return fmt.Sprint(n % h.Buckets)
}

func (h *scale) Load(context.Context) (Model[int, int], error) {
	w := watcherOf(h.Name)
	if n := w.loads.Add(1); int(n) <= h.NoLoad {
		return nil, fmt.Errorf("load %d does not work", n)
	}
	if w.loading(); w.broken.Load() {
		return nil, errors.New("broken")
	}
	m := &scaler{h: h, w: w, factor: 1}
	if n, ok := h.Args["factor"]; ok {
		m.factor = n
	}
	if h.Path == "" {
		return m, nil
	}
	data, err := os.ReadFile(h.Path)
	if err != nil {
		return nil, err
	}
	m.factor, err = strconv.Atoi(string(data))
	return m, err
}

type scaler struct {
	h      *scale
	w      *watcher
	factor int
	closed atomic.Bool
}

func (m *scaler) Bytes() int64 { return m.h.Size }

func (m *scaler) Close() error {
	if m.closed.Swap(true) {
		panic("closed twice")
	}
	m.w.closed.Add(1)
	return nil
}

func (m *scaler) Infer(ctx context.Context, batch []int) ([]int, error) {
	if m.closed.Load() {
		panic("used after it was closed")
	}
	now := m.w.running.Add(1)
	defer m.w.running.Add(-1)
	for most := m.w.most.Load(); now > most && !m.w.most.CompareAndSwap(most, now); most = m.w.most.Load() {
	}
	m.w.mu.Lock()
	m.w.batches = append(m.w.batches, slices.Clone(batch))
	m.w.mu.Unlock()
	if m.h.Pause > 0 {
		time.Sleep(m.h.Pause)
	}
	out, each := make([]int, len(batch)), make(ExampleErrors, len(batch))
	for i, n := range batch {
		switch {
		case slices.Contains(m.h.Slow, n):
			<-ctx.Done()
			return nil, ctx.Err()
		case slices.Contains(m.h.Deaf, n):
			<-m.w.release
		case slices.Contains(m.h.Fail, n):
			return nil, fmt.Errorf("cannot scale %d", n)
		case m.h.Room > 0 && len(batch)*n > m.h.Room:
			return nil, fmt.Errorf("cuda:0: %w", &cuda.OOMError{Device: "a GPU", Want: int64(len(batch) * n)})
		case slices.Contains(m.h.Lose, n) && m.w.loads.Load() == 1: // the next model has another context
			return nil, fmt.Errorf("cuda:0: %w", cuda.ErrContextLost)
		case slices.Contains(m.h.Panic, n):
			panic(fmt.Sprintf("frightened by %d", n))
		case slices.Contains(m.h.Short, n):
			return out[1:], nil
		case slices.Contains(m.h.Blame, n):
			each[i] = fmt.Errorf("%d is to blame", n)
		}
		out[i] = m.factor * n
	}
	if m.closed.Load() {
		panic("closed while it was used")
	}
	if len(m.h.Blame) > 0 {
		return out, each
	}
	return out, nil
}

// bundleOf is a DoFn by hand, and what it has emitted.
type bundleOf struct {
	fn       *inferFn[int, int]
	ctx      context.Context // with metrics
	results  []PredictionResult[int, int]
	failures []Failure[int]
	at       []beam.EventTime // of results
	failedAt []beam.EventTime
}

// newBundle makes an instance of the DoFn that the options make.
func newBundle(t testing.TB, h ModelHandler[int, int], opts ...Option) *bundleOf {
	t.Helper()
	fresh(t)
	p, err := pack(h)
	if err != nil {
		t.Fatal(err)
	}
	set, err := newSettings(h, false, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx := metrics.SetPTransformID(metrics.SetBundleID(t.Context(), "bundle"), "transform")
	return &bundleOf{fn: &inferFn[int, int]{Spec: mustJSON(t, inferSpec{set, p})}, ctx: ctx}
}

func (b *bundleOf) result(at beam.EventTime, r PredictionResult[int, int]) {
	b.results, b.at = append(b.results, r), append(b.at, at)
}

func (b *bundleOf) failure(at beam.EventTime, f Failure[int]) {
	b.failures, b.failedAt = append(b.failures, f), append(b.failedAt, at)
}

func (b *bundleOf) start() error { return b.fn.StartBundle(b.ctx, b.result, b.failure) }

// process processes an element, whose time is itself.
func (b *bundleOf) process(n int) error {
	return b.fn.ProcessElement(b.ctx, beam.EventTime(n), n, b.result, b.failure)
}

func (b *bundleOf) finish() error { return b.fn.FinishBundle(b.ctx, b.result, b.failure) }

// run runs a whole bundle.
func (b *bundleOf) run(in ...int) error {
	if err := b.start(); err != nil {
		return err
	}
	for _, n := range in {
		if err := b.process(n); err != nil {
			return err
		}
	}
	return b.finish()
}

// mustRun runs a whole bundle that must not fail.
func (b *bundleOf) mustRun(t testing.TB, in ...int) *bundleOf {
	t.Helper()
	if err := b.run(in...); err != nil {
		t.Fatal(err)
	}
	return b
}

// predictions returns what the results are.
func (b *bundleOf) predictions() []int {
	var out []int
	for _, r := range b.results {
		out = append(out, r.Inference)
	}
	return out
}

// counter returns a counter of the bundle.
func (b *bundleOf) counter(name string) int64 {
	var sum int64
	for _, c := range metrics.ResultsExtractor(b.ctx).AllMetrics().Counters() {
		if c.Key.Name == name {
			sum += c.Result()
		}
	}
	return sum
}
