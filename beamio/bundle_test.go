package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// specOf returns the spec of a DoFn.
func specOf(t testing.TB, h any, set settings) string {
	t.Helper()
	fresh(t)
	p, err := pack(h)
	if err != nil {
		t.Fatal(err)
	}
	set.Namespace = DefaultNamespace
	return mustJSON(t, inferSpec{set, p})
}

// drive runs one bundle by hand, as a runner does.
func drive(ctx context.Context, f *inferFn[int, int], in []int) (results []int, failures []string, err error) {
	result := func(_ beam.EventTime, r PredictionResult[int, int]) { results = append(results, r.Inference) }
	failure := func(_ beam.EventTime, f Failure[int]) {
		failures = append(failures, fmt.Sprintf("%d %s %s", f.Example, f.Stage, f.Error))
	}
	if err = f.StartBundle(ctx, result, failure); err != nil {
		return
	}
	for _, n := range in {
		if err = f.ProcessElement(ctx, 0, n, result, failure); err != nil {
			return
		}
	}
	err = f.FinishBundle(ctx, result, failure)
	return
}

func TestLoadIsTriedAgain(t *testing.T) {
	f := &inferFn[int, int]{Spec: specOf(t, &double{Name: "twice", NoLoad: 2}, settings{})}
	ctx := t.Context()
	for i := 1; i <= 2; i++ {
		_, _, err := drive(ctx, f, []int{1})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("load %d does not work", i)) {
			t.Fatalf("bundle %d: %v", i, err)
		}
	}
	for range 3 {
		results, _, err := drive(ctx, f, []int{1, 2})
		if err != nil || !slices.Equal(results, []int{2, 4}) {
			t.Fatalf("got %v, %v", results, err)
		}
	}
	if n := probeOf("twice").loads.Load(); n != 3 {
		t.Errorf("%d loads, want 3", n)
	}
}

func TestManyBundlesAtOnce(t *testing.T) {
	spec := specOf(t, &double{Name: "many", Fail: []int{7}}, settings{MinBatch: 1, MaxBatch: 5})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			f := &inferFn[int, int]{Spec: spec}
			for range 20 {
				results, failures, err := drive(t.Context(), f, count(0, 23))
				if err != nil || len(results) != 22 || len(failures) != 1 {
					t.Errorf("%d results, %q, %v", len(results), failures, err)
				}
			}
		})
	}
	wg.Wait()
	p := probeOf("many")
	if p.loads.Load() != 1 || p.overlap.Load() {
		t.Errorf("%d loads, overlap %v", p.loads.Load(), p.overlap.Load())
	}
}

func TestCancelledBundleStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &inferFn[int, int]{Spec: specOf(t, &double{Name: "cancel", Pause: time.Hour}, settings{})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		results, failures, err := drive(ctx, f, []int{1, 2, 3})
		if !errors.Is(err, context.DeadlineExceeded) || len(results)+len(failures) != 0 {
			t.Errorf("got %v, %q, %v", results, failures, err)
		}
		if n := len(probeOf("cancel").batches); n != 1 {
			t.Errorf("%d batches begun, want 1: nothing is tried singly after the end", n)
		}
	})
}

// TestCancelledLoadIsNoBusinessOfOthers loads in a bundle that is cancelled meanwhile.
func TestCancelledLoadIsNoBusinessOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r registry
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if _, err := r.acquire(ctx, want{key: "k", load: func(ctx context.Context) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}); !errors.Is(err, context.Canceled) {
				t.Errorf("the cancelled bundle got %v", err)
			}
		}()
		synctest.Wait()
		go func() {
			e, err := r.acquire(t.Context(), want{key: "k", load: func(context.Context) (any, error) { return 5, nil }})
			if err != nil || e.copies[0] != 5 {
				t.Errorf("the other bundle got %v, %v", e, err)
			}
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if len(r.entries) != 1 {
			t.Errorf("%d entries", len(r.entries))
		}
	})
}

// TestLoadFails wants one failure for all who waited for it, whatever it is.
func TestLoadFails(t *testing.T) {
	for name, load := range map[string]func() (any, error){
		"panic":    func() (any, error) { panic("oh") },
		"nil":      func() (any, error) { return nil, nil },
		"Bytes":    func() (any, error) { return sizeless{}, nil },
		"time-out": func() (any, error) { return nil, &TimeoutError{After: time.Second} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var r registry
				var loads, failures atomic.Int64
				for range 9 {
					go func() {
						if _, err := r.acquire(t.Context(), want{key: "k", load: func(context.Context) (any, error) {
							loads.Add(1)
							time.Sleep(time.Second)
							return load()
						}}); err != nil {
							failures.Add(1)
						}
					}()
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if loads.Load() != 1 || failures.Load() != 9 || len(r.entries) != 0 {
					t.Errorf("%d loads, %d failures, %d entries", loads.Load(), failures.Load(), len(r.entries))
				}
			})
		})
	}
}

type sizeless struct{}

func (sizeless) Bytes() int64 { panic("nobody knows") }

// TestBudgetIsMetLater has two models in use that together are too large, which
// is not known before both are loaded.
func TestBudgetIsMetLater(t *testing.T) {
	var r registry
	acquire := func(key string, size int64) *entry {
		e, err := r.acquire(t.Context(), want{key: key, maxBytes: 100, load: func(context.Context) (any, error) {
			return sized(size), nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a := acquire("a", 60)
	b := acquire("b", 60)
	r.release(b, false)
	if !b.gone || a.gone {
		t.Errorf("the first gone %v, the second %v", a.gone, b.gone)
	}
	r.release(a, false)
	if a.gone || r.over != nil {
		t.Error("a model that fits is gone")
	}
	large := acquire("large", 200)
	r.release(large, false)
	if large.gone || !a.gone { // nothing can help
		t.Errorf("the large model gone %v, the other %v", large.gone, a.gone)
	}
}

type sized int64

func (s sized) Bytes() int64 { return int64(s) }

// TestDownstreamFailure has an emitter panic, as Beam's do when a later DoFn
// fails; the instance must be fit for its next bundle.
func TestDownstreamFailure(t *testing.T) {
	f := &inferFn[string, int]{Spec: specOf(t, &lengths{Name: "down"}, settings{MinBatch: 2, MaxBatch: 2})}
	failure := func(_ beam.EventTime, f Failure[string]) { t.Errorf("failure %v", f) }
	var out []int
	fine := func(_ beam.EventTime, r PredictionResult[string, int]) { out = append(out, r.Inference) }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of the emitter was swallowed")
			}
		}()
		burst := func(beam.EventTime, PredictionResult[string, int]) { panic("downstream") }
		for range 100 {
			if err := errors.Join(f.StartBundle(t.Context(), burst, failure),
				f.ProcessElement(t.Context(), 0, "y", burst, failure),
				f.FinishBundle(t.Context(), burst, failure)); err != nil {
				t.Fatal(err)
			}
		}
	}()
	if p := probeOf("down"); p.running.Load() != 0 {
		t.Errorf("%d examples still being prepared", p.running.Load())
	}
	if err := errors.Join(f.StartBundle(t.Context(), fine, failure),
		f.ProcessElement(t.Context(), 0, "abc", fine, failure),
		f.FinishBundle(t.Context(), fine, failure)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out, []int{3}) {
		t.Errorf("the next bundle gave %v", out)
	}
}

// TestPreparesAhead shows that later examples are prepared while a batch runs,
// and that the queue is bounded.
func TestPreparesAhead(t *testing.T) {
	f := &inferFn[string, int]{Spec: specOf(t, &lengths{Name: "ahead"}, settings{MinBatch: 4, MaxBatch: 4})}
	result := func(beam.EventTime, PredictionResult[string, int]) {}
	failure := func(beam.EventTime, Failure[string]) {}
	if err := f.StartBundle(t.Context(), result, failure); err != nil {
		t.Fatal(err)
	}
	longest := 0
	for range 200 {
		if err := f.ProcessElement(t.Context(), 0, "abc", result, failure); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, f.worker.queued)
	}
	if ahead := f.worker.order[0].ahead; longest < 4 || longest >= 4+ahead {
		t.Errorf("the queue was up to %d long, with a batch of 4 and %d ahead", longest, ahead)
	}
	if err := f.FinishBundle(t.Context(), result, failure); err != nil || f.worker.queued+len(f.worker.shares) != 0 {
		t.Errorf("%v, %d left", err, f.worker.queued)
	}
}

func TestStepsAlone(t *testing.T) {
	m, err := (&lengths{Name: "alone"}).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Infer(t.Context(), []string{"abc", "bad", "de"})
	var each ExampleErrors
	if !errors.As(err, &each) || !slices.Equal(out, []int{3, 0, 2}) || each[0] != nil || each[2] != nil {
		t.Fatalf("got %v, %v", out, err)
	}
	if stage, cause := stageOf(each[1], ""); stage != StageDecode || cause.Error() != "not a word" {
		t.Errorf("got %q, %v", stage, cause)
	}
	if out, err = m.Infer(t.Context(), []string{"abc", "poison"}); err == nil || out != nil {
		t.Errorf("got %v, %v", out, err)
	}
	if out, err = m.Infer(t.Context(), nil); err != nil || len(out) != 0 {
		t.Errorf("an empty batch gave %v, %v", out, err)
	}
}

// TestStageOf: an error stays an error, and what wraps it is told.
func TestStageOf(t *testing.T) {
	bad := errors.New("bad")
	for _, c := range []struct {
		err         error
		stage, text string
	}{
		{bad, "x", "bad"},
		{&StageError{StageDecode, bad}, StageDecode, "bad"},
		{fmt.Errorf("a.png: %w", &StageError{StageDecode, bad}), StageDecode, "a.png: decode: bad"},
		{&StageError{Stage: StageRead}, StageRead, "read: <nil>"},
	} {
		stage, cause := stageOf(c.err, "x")
		if stage != c.stage || cause == nil || cause.Error() != c.text {
			t.Errorf("%v: %q, %v; want %q, %s", c.err, stage, cause, c.stage, c.text)
		}
	}
}

func TestSizer(t *testing.T) {
	// Batches cost 1 s and 0.1 s for each example: 5 % are reached at 190, 10 s at 90.
	var s sizer
	seen := []int{}
	for range 60 {
		n := s.next(1, 1024)
		seen = append(seen, n)
		s.observe(n, time.Second+time.Duration(n)*100*time.Millisecond)
	}
	if seen[0] != 1 || seen[1] != 2 || seen[2] != 4 {
		t.Errorf("grew as %v", seen)
	}
	if last := seen[len(seen)-1]; last < 85 || last > 90 {
		t.Errorf("settled at %d, want 90: %v", last, seen)
	}
	// Quick models always grow, however noisy the clock is.
	var quick sizer
	for i := range 60 {
		quick.observe(quick.next(1, 1024), time.Duration(1+i%3)*time.Microsecond)
	}
	if n := quick.next(1, 1024); n != 1024 {
		t.Errorf("a quick model gets %d", n)
	}
	var fixed sizer
	if n := fixed.next(16, 16); n != 16 {
		t.Errorf("a fixed size became %d", n)
	}
	for range 5 {
		fixed.observe(16, time.Second)
	}
	if n := fixed.next(16, 64); n != 32 {
		t.Errorf("from one size alone it chose %d, want twice that", n)
	}
}

func TestSizeOf(t *testing.T) {
	type row struct {
		Name string
		F    []float32
		P    *int16
		M    map[string]uint8
	}
	n := int16(3)
	var cycle []any
	cycle = append(cycle, cycle, "abc")
	cycle[0] = cycle
	for _, tt := range []struct {
		v    any
		want int64
	}{
		{nil, 0},
		{int64(5), 8},
		{"abc", 3},
		{[]float32{1, 2, 3}, 12},
		{[]string{"ab", "c"}, 3},
		{&row{"ab", []float32{1, 2}, &n, map[string]uint8{"k": 1}}, 2 + 8 + 2 + 2},
		{[]any{&doubler{}, nil}, 4321},
	} {
		if got := sizeOf(tt.v); got != tt.want {
			t.Errorf("sizeOf(%v) = %d, want %d", tt.v, got, tt.want)
		}
	}
	sizeOf(cycle) // must end
}
