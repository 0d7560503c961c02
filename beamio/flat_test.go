package beamio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/teststream"
)

func init() {
	beam.RegisterDoFn(&weighFn{})
	Register(&versioned{})
	Register(&PerKey[int, int, int]{})
	register.Function1x2(numbered)
}

// versioned is a handler whose checkpoints are in no files, however many there
// are: it multiplies by the number that ends the path's name.
type versioned struct{ Path string }

var versionsOpen atomic.Int64 // models that are loaded

func (h *versioned) WithPath(path string) ModelHandler[int, int] { return &versioned{path} }

func (h *versioned) Load(context.Context) (Model[int, int], error) {
	name := path.Base(h.Path)
	factor, err := strconv.Atoi(name[strings.LastIndexAny(name, "v")+1:])
	versionsOpen.Add(1)
	return &openVersion{int64(factor)}, err
}

type openVersion struct{ factor int64 }

func (m *openVersion) Close() error { versionsOpen.Add(-1); return nil }

func (m *openVersion) Infer(_ context.Context, batch []int) ([]int, error) {
	out := make([]int, len(batch))
	for i, n := range batch {
		out[i] = int(m.factor) * n
	}
	return out, nil
}

// newestStore is a filesystem with one file that is written again and again.
type newestStore struct {
	filesystem.Interface
	written *atomic.Int64
}

func (s newestStore) List(context.Context, string) ([]string, error) {
	return []string{fmt.Sprintf("newest://b/v%d", s.written.Load())}, nil
}

func (s newestStore) LastModified(context.Context, string) (time.Time, error) {
	return time.Unix(s.written.Load(), 0), nil
}

func (s newestStore) Size(context.Context, string) (int64, error) { return 1, nil }

// flatStream is a stream that a worker has been at work on for long: in every
// window a bundle or two for each of three transforms.
type flatStream struct {
	t       *testing.T
	written atomic.Int64 // versions of the watched checkpoint
	watched [2]*inferFn[int, int]
	perKey  [2]*keyedInferFn[int, int]
	updated *taggedInferFn[int, int]

	results, failures atomic.Int64
}

func (f *flatStream) spec(h ModelHandler[int, int], opts ...Option) string {
	p, err := pack(h)
	if err != nil {
		f.t.Fatal(err)
	}
	set, err := newSettings(h, false, opts)
	if err != nil {
		f.t.Fatal(err)
	}
	return mustJSON(f.t, inferSpec{set, p})
}

func newFlatStream(t *testing.T) *flatStream {
	fresh(t)
	f := &flatStream{t: t}
	clients.mu.Lock()
	if clients.open == nil {
		clients.open = make(map[string]filesystem.Interface)
	}
	clients.open["newest"] = newestStore{&breaking, &f.written}
	clients.mu.Unlock()
	delay, size := WithBatchDelay(20*time.Microsecond), WithBatchSize(1, 4)
	cohorts := &PerKey[int, int, int]{}
	for i := range 4 {
		cohorts.Cohorts = append(cohorts.Cohorts, Cohort[int, int, int]{
			Name: fmt.Sprint("c", i), Keys: []int{i}, Handler: &versioned{fmt.Sprintf("v%d", i+1)},
		})
	}
	for i := range 2 {
		f.watched[i] = &inferFn[int, int]{
			Spec: f.spec(&versioned{"v1"}, delay, size, WithModelWatch("newest://b/*", time.Millisecond))}
		f.perKey[i] = &keyedInferFn[int, int]{Spec: f.spec(cohorts, delay, size, WithMaxModels(3))}
	}
	f.updated = &taggedInferFn[int, int]{Spec: f.spec(&versioned{"v1"}, size, WithMaxModels(3))}
	return f
}

// window is a window of ten seconds of the stream's time. It brings new checkpoints.
func (f *flatStream) window(n int) {
	f.written.Add(1)
	at := beam.EventTime(10_000 * n)
	var bundles sync.WaitGroup
	bundle := func(run func(context.Context) error) {
		bundles.Go(func() { // with metrics of its own
			ctx := metrics.SetPTransformID(metrics.SetBundleID(f.t.Context(), fmt.Sprint("bundle ", n)), "transform")
			if err := run(ctx); err != nil {
				f.t.Errorf("window %d: %v", n, err)
			}
		})
	}
	result := func(got beam.EventTime, r PredictionResult[int, int]) {
		if f.results.Add(1); got != at || r.Inference%r.Example != 0 {
			f.t.Errorf("window %d: %v at %v", n, r, got)
		}
	}
	failure := func(beam.EventTime, Failure[int]) { f.failures.Add(1) }
	for i := range 2 {
		bundle(func(ctx context.Context) error {
			return fail3(
				func() error { return f.watched[i].StartBundle(ctx, result, failure) },
				func() error { return f.watched[i].ProcessElement(ctx, at, i+1, result, failure) },
				func() error { return f.watched[i].FinishBundle(ctx, result, failure) })
		})
		keyed := func(at beam.EventTime, _ beam.T, r PredictionResult[int, int]) { result(at, r) }
		unknown := func(at beam.EventTime, _ beam.T, e Failure[int]) { failure(at, e) }
		bundle(func(ctx context.Context) error {
			return fail3(
				func() error { return f.perKey[i].StartBundle(ctx, keyed, unknown) },
				func() error {
					for _, key := range []int{n % 4, (n + i) % 4, 4 + n} { // the last has no model
						if err := f.perKey[i].ProcessElement(ctx, at, key, 7, keyed, unknown); err != nil {
							return err
						}
					}
					return nil
				},
				func() error { return f.perKey[i].FinishBundle(ctx, keyed, unknown) })
		})
	}
	bundle(func(ctx context.Context) error {
		return fail3(
			func() error { return f.updated.StartBundle(ctx, result, failure) },
			func() error {
				e := tagged[int]{fmt.Sprint("dir/v", n+1), 3}
				return f.updated.ProcessElement(ctx, at, e, result, failure)
			},
			func() error { return f.updated.FinishBundle(ctx, result, failure) })
	})
	bundles.Wait()
}

func fail3(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// memory returns what the process keeps: bytes of the heap, and of memory that
// the system has given it, 0 where that cannot be known.
func memory() (heap, resident int64) {
	debug.FreeOSMemory()
	debug.FreeOSMemory() // what cleanups and pools have let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if data, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, pages int64
		fmt.Sscan(string(data), &size, &pages)
		resident = pages * int64(os.Getpagesize())
	}
	return int64(m.HeapAlloc), resident
}

// staysFlat fails if the last of ten sizes exceeds the fifth by more than 1 %, and by
// more than noise.
func staysFlat(t *testing.T, what string, bytes []int64, noise int64) {
	t.Helper()
	half, end := bytes[4], bytes[9]
	if end-half > max(half/100, noise) {
		t.Errorf("%s grew from %d at half time to %d bytes", what, half, end)
	}
}

// TestMemoryStaysFlat runs a stream for 2,000 windows, with -full for 10⁵, with
// batches that are gathered, models for keys, and ever new checkpoints, which are
// watched and told. Its memory at the end is that at half time. The clock is the
// real one: testing/synctest keeps some bytes of each WaitGroup.
func TestMemoryStaysFlat(t *testing.T) {
	warm, windows := 2_000, 2_000 // before, there are fewer models than are remembered
	switch {
	case *full:
		windows = 100_000
	case raceDetector:
		warm, windows = 0, 200
		t.Logf("with the race detector on only %d windows, whose memory says nothing", windows)
	}
	was := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	defer slog.SetDefault(was)
	open := versionsOpen.Load()
	f := newFlatStream(t)
	var heap, resident []int64
	for n := range warm + windows {
		if f.window(n); n >= warm && (n-warm+1)%(windows/10) == 0 {
			h, r := memory()
			heap, resident = append(heap, h), append(resident, r)
			t.Logf("%6d windows: heap %.2f MiB, resident %.2f MiB", n+1, float64(h)/(1<<20), float64(r)/(1<<20))
		}
	}
	all := int64(warm + windows)
	if f.results.Load() != 7*all || f.failures.Load() != 2*all {
		t.Errorf("%d results and %d failures in %d windows", f.results.Load(), f.failures.Load(), all)
	}
	if !raceDetector {
		staysFlat(t, "the heap", heap, 64<<10)
	}
	if *full { // a short run shows what the runtime's caches do
		staysFlat(t, "resident memory", resident, 0)
	}
	awaitNoGoroutines(t) // the watch ends without bundles
	models.mu.Lock()
	defer models.mu.Unlock()
	if n := len(models.entries); n > 3+1 { // of the limited transforms, and the watch
		t.Errorf("%d models in the registry", n)
	}
	if n := versionsOpen.Load() - open; n > 3+1 {
		t.Errorf("%d models open", n)
	}
}

// weighFn notes the memory of a job at ten times. Keys are the numbers of windows.
type weighFn struct{ Windows int }

var weighed struct{ heap, resident []int64 }

// ProcessElement takes a result, and knows its window.
func (f *weighFn) ProcessElement(w beam.Window, n int, r PredictionResult[int, int]) error {
	if int(w.MaxTimestamp()) != 10_000*n+9_999 || r.Inference != 3*n {
		return fmt.Errorf("window %d: %v in %v", n, r, w)
	}
	if (n+1)%(f.Windows/10) == 0 {
		h, r := memory()
		weighed.heap, weighed.resident = append(weighed.heap, h), append(weighed.resident, r)
	}
	return nil
}

// TestTestStreamStaysFlat has the clock of a test stream on prism, which takes
// some milliseconds for a window.
func TestTestStreamStaysFlat(t *testing.T) {
	windows := 150
	if *full {
		windows = 100_000
	}
	stream := teststream.NewConfig()
	for n := range windows {
		if err := errors.Join(stream.AddElements(int64(10_000*n), n), stream.AdvanceWatermark(int64(10_000*(n+1)))); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.AdvanceWatermarkToInfinity(); err != nil {
		t.Fatal(err)
	}
	p, s := beam.NewPipelineWithRoot()
	col := beam.WindowInto(s, window.NewFixedWindows(10*time.Second), teststream.Create(s, stream))
	keyed := beam.ParDo(s, numbered, col)
	beam.ParDo0(s, &weighFn{windows}, RunInference(s, &versioned{"v3"}, keyed, WithBatchDelay(100*time.Microsecond)))
	weighed.heap, weighed.resident = nil, nil
	c := counters(run(t, p), DefaultNamespace)
	if len(weighed.heap) != 10 || int(c["num_inferences"]) != windows {
		t.Fatalf("%d of 10 weighings, counters %v", len(weighed.heap), c)
	}
	for i := range weighed.heap {
		t.Logf("%6d windows: heap %.2f MiB, resident %.2f MiB", windows*(i+1)/10,
			float64(weighed.heap[i])/(1<<20), float64(weighed.resident[i])/(1<<20))
	}
	if *full {
		staysFlat(t, "the heap", weighed.heap, 0)
		staysFlat(t, "resident memory", weighed.resident, 0)
	}
}

func numbered(n int) (int, int) { return n, n }
