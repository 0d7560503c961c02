package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/tensor"
)

func init() {
	Register(&PerKey[string, int, int]{})
	Register(&Preprocess[string, int, int]{})
	Register(&Postprocess[int, int, string]{})
	RegisterStep(&parseStep{})
	RegisterStep(&spellStep{})
	register.Function2x1(renderParsed)
	register.Function2x1(renderParseFailure)
	register.Function2x1(renderSpelt)
	register.Function3x1(keyOf)
	register.Emitter2[string, int]()
	register.Emitter1[string]()
	register.Function2x0(emitUpdates)
	register.Function2x0(emitStamped)
	register.Emitter2[beam.EventTime, string]()
}

// parseStep makes numbers of words.
type parseStep struct{ Words []string }

func (s *parseStep) Do(_ context.Context, word string) (int, error) {
	if word == "panic" {
		panic("a terrible word")
	}
	if i := slices.Index(s.Words, word); i >= 0 {
		return i, nil
	}
	return 0, fmt.Errorf("no number %q", word)
}

// spellStep makes words of numbers.
type spellStep struct{ Words []string }

func (s *spellStep) Do(_ context.Context, n int) (string, error) {
	if n >= len(s.Words) {
		return "", fmt.Errorf("%d is too large", n)
	}
	return s.Words[n], nil
}

func renderParsed(_ context.Context, r PredictionResult[string, int]) string {
	return fmt.Sprint(r.Example, " ", r.Inference)
}

func renderParseFailure(_ context.Context, f Failure[string]) string {
	return fmt.Sprintf("%s failed at %s: %s", f.Example, f.Stage, f.Error)
}

func renderSpelt(_ context.Context, r PredictionResult[int, string]) string {
	return fmt.Sprint(r.Example, " ", r.Inference)
}

func keyOf(_ context.Context, n int, emit func(string, int)) error {
	emit([]string{"a", "b", "c", "none"}[n%4], n)
	return nil
}

// emitUpdates emits paths at their time: "7 path" at 7 seconds.
func emitUpdates(line string, emit func(beam.EventTime, string)) {
	var at int
	var path string
	fmt.Sscan(line, &at, &path)
	emit(beam.EventTime(at*1000), path)
}

func emitStamped(n int, emit func(beam.EventTime, int)) { emit(beam.EventTime(n*1000), n) }

// unpreferred wants batches of nothing.
type unpreferred struct{ given }

func (*unpreferred) PreferredBatch() (low, high int) { return 0, 0 }

// factors writes files with numbers and returns their paths.
func factors(t *testing.T, numbers ...int) []string {
	t.Helper()
	var paths []string
	for _, n := range numbers {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("times%d.txt", n))
		if err := os.WriteFile(path, fmt.Append(nil, n), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// together runs bundles of one example each, at once.
func together(t *testing.T, h *scale, n int, opts ...Option) []*bundleOf {
	t.Helper()
	bundles := make([]*bundleOf, n)
	var wg sync.WaitGroup
	for i := range bundles {
		bundles[i] = newBundle(t, h, opts...)
		wg.Go(func() {
			if err := bundles[i].run(i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return bundles
}

func optionErrors(h ModelHandler[int, int], strict bool, opts ...Option) string {
	_, err := newSettings(h, strict, opts)
	return fmt.Sprint(err)
}

// TestParity has a test for each knob of Python's RunInference that has a
// counterpart, by Python's name. docs/beam.md tells of the others.
func TestParity(t *testing.T) {
	t.Run("model_handler", func(t *testing.T) { // and load_model, run_inference
		h := &scale{Name: t.Name(), Args: map[string]int{"factor": 5}}
		b := newBundle(t, h).mustRun(t, 1, 2, 3)
		if !slices.Equal(b.predictions(), []int{5, 10, 15}) || watcherOf(t.Name()).loads.Load() != 1 {
			t.Errorf("got %v", b.results)
		}
	})
	t.Run("validate_inference_args", func(t *testing.T) {
		if err := optionErrors(&scale{Args: map[string]int{"factor": 0}}, false); err != "a factor of 0" {
			t.Error(err)
		}
	})
	t.Run("metrics_namespace", func(t *testing.T) {
		if set, err := newSettings(&scale{}, false, nil); err != nil || set.Namespace != "BeamML_Argand" {
			t.Error(set.Namespace, err)
		}
		if set, err := newSettings(&scale{}, false, []Option{WithNamespace("n")}); err != nil || set.Namespace != "n" {
			t.Error(set.Namespace, err)
		}
	})
	t.Run("model_identifier", func(t *testing.T) {
		b := newBundle(t, &scale{Name: t.Name(), Size: 1}, WithModelID("m")).mustRun(t, 1)
		newBundle(t, &scale{Name: t.Name(), Size: 2}, WithModelID("m")).mustRun(t, 1)
		if b.results[0].ModelID != "m" || watcherOf(t.Name()).loads.Load() != 1 {
			t.Errorf("%v, %d loads", b.results, watcherOf(t.Name()).loads.Load())
		}
	})
	t.Run("max_batch_size", func(t *testing.T) { // and min_batch_size
		newBundle(t, &scale{Name: t.Name()}, WithBatchSize(3, 3)).mustRun(t, count(0, 8)...)
		if got := watcherOf(t.Name()).sizes(); !slices.Equal(got, []int{3, 3, 2}) {
			t.Errorf("batches of %v", got)
		}
	})
	t.Run("target_batch_overhead", func(t *testing.T) { // and the other parameters of the estimator
		for range 2 { // what the first instance learns the second knows
			newBundle(t, &scale{Name: t.Name()}, WithBatchSize(1, 64)).mustRun(t, count(0, 32)...)
		}
		if got := watcherOf(t.Name()).sizes(); !slices.Equal(got[:5], []int{1, 2, 4, 8, 16}) ||
			slices.Max(got) != 32 || len(got) > 8 {
			t.Errorf("batches of %v", got)
		}
	})
	t.Run("max_batch_duration_secs", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := watcherOf(t.Name())
			h := &scale{Name: t.Name()}
			start := time.Now()
			bundles := together(t, h, 7, WithBatchDelay(time.Second), WithBatchSize(4, 4))
			if took := time.Since(start); took != time.Second {
				t.Errorf("took %v", took)
			}
			if got := w.sizes(); !slices.Equal(got, []int{4, 3}) {
				t.Errorf("batches of %v", got)
			}
			for i, b := range bundles {
				if len(b.results) != 1 || b.results[0].Example != i || b.at[0] != beam.EventTime(i) {
					t.Errorf("bundle %d: %v at %v", i, b.results, b.at)
				}
			}
			// A bundle that is cancelled takes nobody along, and its example is not run.
			ctx, cancel := context.WithCancel(t.Context())
			gone := newBundle(t, h, WithBatchDelay(time.Second), WithBatchSize(4, 4))
			gone.ctx = ctx
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := gone.run(90); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
			synctest.Wait()
			cancel()
			together(t, h, 1, WithBatchDelay(time.Second), WithBatchSize(4, 4))
			wg.Wait()
			if last := w.seen()[2]; !slices.Equal(last, []int{0}) {
				t.Errorf("the last batch was %v", last)
			}
		})
	})
	t.Run("max_batch_weight", func(t *testing.T) { // and element_size_fn
		newBundle(t, &scale{Name: t.Name()}, WithBatchWeight(10), WithBatchSize(3, 3)).mustRun(t, 5, 5, 2, 40, 1, 1, 1, 1)
		want := [][]int{{5, 5}, {2}, {40}, {1, 1, 1}, {1}}
		if got := watcherOf(t.Name()).seen(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("batches %v, want %v", got, want)
		}
		if err := optionErrors(&double{}, false, WithBatchWeight(10)); !strings.Contains(err, "without a method Weight") {
			t.Error(err)
		}
	})
	t.Run("batch_bucket_boundaries", func(t *testing.T) { // and batch_length_fn
		b := newBundle(t, &scale{Name: t.Name(), Buckets: 2}, WithBatchSize(3, 3)).mustRun(t, count(0, 9)...)
		want := [][]int{{0, 2, 4}, {1, 3, 5}, {6, 8}, {7}}
		if got := watcherOf(t.Name()).seen(); fmt.Sprint(got) != fmt.Sprint(want) || len(b.results) != 9 {
			t.Errorf("batches %v, want %v", got, want)
		}
	})
	t.Run("with_no_batching", func(t *testing.T) {
		newBundle(t, &scale{Name: t.Name()}, WithBatchSize(1, 1)).mustRun(t, 1, 2, 3)
		if got := watcherOf(t.Name()).sizes(); !slices.Equal(got, []int{1, 1, 1}) {
			t.Errorf("batches of %v", got)
		}
	})
	t.Run("with_preprocess_fn", func(t *testing.T) {
		p, s, col := ptest.CreateList([]string{"two", "one", "many", "panic", "zero"})
		h := &Preprocess[string, int, int]{
			&parseStep{[]string{"zero", "one", "two"}}, &scale{Name: t.Name(), Args: map[string]int{"factor": 2}},
		}
		res, bad := RunInferenceDLQ(s, h, col, WithBatchSize(2, 2))
		collect(s, t.Name(), beam.ParDo(s, renderParsed, res))
		collect(s, t.Name()+" bad", beam.ParDo(s, renderParseFailure, bad))
		run(t, p)
		if want := []string{"two 4", "one 2", "zero 0"}; !slices.Equal(got(t.Name()), want) {
			t.Errorf("got %q", got(t.Name()))
		}
		equal(t, "failures", got(t.Name()+" bad"), []string{
			`many failed at preprocess: no number "many"`, `panic failed at preprocess: panic: a terrible word`,
		})
	})
	t.Run("with_postprocess_fn", func(t *testing.T) {
		p, s, col := ptest.CreateList([]int{2, 1, 0, 7})
		h := &Postprocess[int, int, string]{&spellStep{[]string{"zero", "one", "two"}}, &scale{Name: t.Name()}}
		res, bad := RunInferenceDLQ(s, h, col)
		collect(s, t.Name(), beam.ParDo(s, renderSpelt, res))
		collect(s, t.Name()+" bad", beam.ParDo(s, renderFailure, bad))
		run(t, p)
		equal(t, "results", got(t.Name()), []string{"2 two", "1 one", "0 zero"})
		equal(t, "failures", got(t.Name()+" bad"), []string{"7 failed at postprocess by scale: 7 is too large"})
	})
	t.Run("model_copies", func(t *testing.T) {
		for _, c := range []struct {
			opts        []Option
			most, loads int64
		}{
			{nil, 1, 1},
			{[]Option{WithModelCopies(2)}, 2, 2},
			{[]Option{WithConcurrency(3)}, 3, 1},
			{[]Option{WithModelCopies(2), WithConcurrency(2)}, 4, 2},
		} {
			name := fmt.Sprint(t.Name(), c.most)
			synctest.Test(t, func(t *testing.T) { // in one bundle
				b := newBundle(t, &scale{Name: name, Pause: time.Second}, append(c.opts, WithBatchSize(1, 1))...)
				b.mustRun(t, count(0, 12)...)
				w := watcherOf(name)
				if w.most.Load() != c.most || w.loads.Load() != c.loads || !slices.Equal(b.predictions(), count(0, 12)) {
					t.Errorf("%d at once, %d loads, %v", w.most.Load(), w.loads.Load(), b.predictions())
				}
			})
		}
	})
	t.Run("with_exception_handling", func(t *testing.T) { // the time-out is in TestTimeouts
		run := func(r float64) error {
			p, s, col := ptest.CreateList(count(0, 10))
			RunInferenceDLQ(s, &scale{Name: t.Name(), Fail: []int{3, 4}}, col, WithThreshold(r))
			return ptest.Run(p)
		}
		if err := run(0.2); err != nil {
			t.Error(err)
		}
		if err := run(0.19); err == nil || !strings.Contains(err.Error(), "2 of 10 examples failed") {
			t.Error(err)
		}
		if err := optionErrors(&scale{}, true, WithThreshold(0.5)); !strings.Contains(err, "without dead letters") {
			t.Error(err)
		}
	})
	t.Run("model_metadata_pcoll", func(t *testing.T) {
		paths := factors(t, 2, 3)
		p, s, col := ptest.CreateList(count(0, 40))
		updates := beam.ParDo(s, emitUpdates, beam.CreateList(s, []string{
			"12 " + paths[0], "15 " + paths[1], "11 nowhere.txt", "25 " + paths[0], "31 nowhere.txt",
		}))
		fixed := window.NewFixedWindows(10 * time.Second)
		col = beam.WindowInto(s, fixed, beam.ParDo(s, emitStamped, col))
		res, bad := RunInferenceDLQ(s, &scale{Name: t.Name()}, col, WithModelUpdates(beam.WindowInto(s, fixed, updates)))
		collect(s, t.Name(), beam.ParDo(s, renderWindow, res))
		collect(s, t.Name()+" values", beam.ParDo(s, renderResult, res))
		collect(s, t.Name()+" bad", beam.ParDo(s, renderFailure, bad))
		m := run(t, p)
		if len(got(t.Name()+" bad")) != 10 || !strings.Contains(got(t.Name() + " bad")[0], "failed at load") {
			t.Errorf("failures %q", got(t.Name()+" bad"))
		}
		var want, windows []string
		for n := range 30 {
			factor, id := 1, ""
			if n >= 10 {
				factor, id = 4-n/10, " "+paths[2-n/10]
			}
			want = append(want, fmt.Sprintf("%d→%d by scale%s", n, factor*n, id))
			windows = append(windows, renderWindow(nil, window.IntervalWindow{
				Start: window.IntervalWindow{}.Start.Add(time.Duration(n/10*10) * time.Second),
				End:   window.IntervalWindow{}.Start.Add(time.Duration(n/10*10+10) * time.Second),
			}, beam.EventTime(n*1000), PredictionResult[int, int]{Example: n}))
		}
		equal(t, "results", got(t.Name()+" values"), want)
		equal(t, "windows", got(t.Name()), windows)
		c := counters(m, DefaultNamespace)
		if c["model_updates"] != 2 || c["times2_num_inferences"] != 10 || c["num_inferences"] != 30 ||
			c["model_update_failures"] == 0 {
			t.Errorf("counters %v", c)
		}
	})
	t.Run("watch_model_pattern", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			dir := t.TempDir()
			b := newBundle(t, &scale{Name: t.Name()}, WithModelWatch(filepath.Join(dir, "*"), time.Minute), WithBatchSize(1, 8))
			if err := b.start(); err != nil {
				t.Fatal(err)
			}
			for n := range 4 { // no file, then files in the order of their times
				if n > 0 {
					path := filepath.Join(dir, fmt.Sprintf("m%d.txt", 9-n))
					if err := errors.Join(os.WriteFile(path, fmt.Append(nil, 10*n), 0o644),
						os.Chtimes(path, time.Now(), time.Now())); err != nil {
						t.Fatal(err)
					}
					time.Sleep(61 * time.Second)
				}
				for range 5 {
					if err := b.process(1); err != nil {
						t.Fatal(err)
					}
				}
			}
			w := watcherOf(t.Name())
			if err := b.finish(); err != nil {
				t.Fatal(err)
			}
			var want []int
			for _, f := range []int{1, 10, 20, 30} {
				want = append(want, f, f, f, f, f)
			}
			if !slices.Equal(b.predictions(), want) || w.loads.Load() != 4 || w.closed.Load() != 3 {
				t.Errorf("got %v, %d loads, %d closed", b.predictions(), w.loads.Load(), w.closed.Load())
			}
			if b.counter("model_updates") != 3 || b.counter("m6_num_inferences") != 5 {
				t.Error("not counted")
			}
			time.Sleep(time.Hour)
		})
		if err := optionErrors(&double{}, false, WithModelWatch("x", time.Second)); !strings.Contains(err, "WithPath") {
			t.Error(err)
		}
	})
	t.Run("PytorchModelHandlerTensor", func(t *testing.T) { // with model_class, model_params and state_dict_path
		h := &Torch{Model: torchFile("mlp.pth"), Network: &twoLayers{Hidden: 8}, Device: "cpu"}
		out, err := loadTorch(t, h).Infer(t.Context(), []Tensor{vector(t, 1, 2, 3, 4)})
		if err != nil || len(out) != 1 || !out[0][0].Shape().Equal(tensor.Shape{3}) {
			t.Errorf("got %v, %v", out, err)
		}
		h.Device, h.Driver = "cuda", "/nowhere/libcuda.so.1"
		if m, err := h.Load(t.Context()); err == nil {
			t.Error("a device that is not there:", m) // Python would take the CPU
		}
	})
	t.Run("RemoteModelHandler", func(t *testing.T) { // its throttling is in TestThrottle, its retries in TestRemoteRetries
		server := &v2Server{model: sums, before: func(w http.ResponseWriter, _ *http.Request, n int) bool {
			if n == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return n == 1
		}}
		out, err := loadRemote(t, remoteOf(server.serve(t))).Infer(t.Context(), []string{"1 2", "3 4"})
		if err != nil || !slices.Equal(out, []string{"y[3]", "y[7]"}) {
			t.Errorf("got %q, %v", out, err)
		}
	})
	t.Run("max_models_per_worker_hint", func(t *testing.T) {
		run := func(i int) {
			newBundle(t, &scale{Name: fmt.Sprint(t.Name(), i)}, WithMaxModels(2)).mustRun(t, 1)
		}
		for _, i := range []int{1, 2, 1, 3, 1, 2} {
			run(i)
		}
		for i, want := range [][2]int64{{1, 0}, {2, 1}, {1, 1}} {
			w := watcherOf(fmt.Sprint(t.Name(), i+1))
			if got := [2]int64{w.loads.Load(), w.closed.Load()}; got != want {
				t.Errorf("model %d: %d loads and closed", i+1, got)
			}
		}
	})
	t.Run("use_model_manager", func(t *testing.T) {
		for i := range 4 { // the first pass does not know the sizes
			h := &scale{Name: fmt.Sprint(t.Name(), i%2), Size: 60}
			newBundle(t, h, WithModelBudget(100)).mustRun(t, 1)
		}
		for i, want := range [][2]int64{{2, 2}, {2, 1}} {
			w := watcherOf(fmt.Sprint(t.Name(), i))
			if got := [2]int64{w.loads.Load(), w.closed.Load()}; got != want {
				t.Errorf("model %d: %d loads and closed, want %d", i, got, want)
			}
		}
	})
	t.Run("KeyedModelHandler", func(t *testing.T) {
		p, s, col := ptest.CreateList(count(0, 8))
		h := func(i int) *scale {
			return &scale{Name: fmt.Sprint(t.Name(), i), Args: map[string]int{"factor": i}}
		}
		type cohort = Cohort[string, int, int]
		keyed := beam.ParDo(s, keyOf, col)
		res, bad := RunInferenceDLQ(s, &PerKey[string, int, int]{
			Cohorts: []cohort{{Keys: []string{"a", "b"}, Handler: h(10)}, {Name: "sea", Keys: []string{"c"}, Handler: h(20)}},
		}, keyed, WithMaxModels(1))
		all := RunInference(s, &PerKey[string, int, int]{Default: h(30)}, keyed)
		collect(s, t.Name(), beam.ParDo(s, renderKeyedResult, res))
		collect(s, t.Name()+" all", beam.ParDo(s, renderKeyedResult, all))
		collect(s, t.Name()+" bad", beam.ParDo(s, renderKeyedFailure, bad))
		m := run(t, p)
		var want, wantAll []string
		for n := range 8 {
			k := []string{"a", "b", "c", "none"}[n%4]
			if n%4 < 3 {
				want = append(want, fmt.Sprintf("%s: %d→%d by scale", k, n, n*[]int{10, 10, 20}[n%4]))
			}
			wantAll = append(wantAll, fmt.Sprintf("%s: %d→%d by scale", k, n, n*30))
		}
		equal(t, "results", got(t.Name()), want)
		equal(t, "results of the default", got(t.Name()+" all"), wantAll)
		if bad := got(t.Name() + " bad"); len(bad) != 2 || !strings.Contains(bad[0], "failed at route") {
			t.Errorf("failures %q", bad)
		}
		c := counters(m, DefaultNamespace)
		if c["a-num_inferences"] != 4 || c["sea-num_inferences"] != 2 || c["default-num_inferences"] != 8 ||
			c["num_inferences"] != 14 {
			t.Errorf("counters %v", c)
		}
		if _, err := TryRunInference(s, &PerKey[string, int, int]{Default: h(1)}, col); err == nil ||
			!strings.Contains(err.Error(), "want KV<string, int>") {
			t.Error(err)
		}
		for _, broken := range []*PerKey[string, int, int]{
			{}, {Cohorts: []cohort{{Handler: h(1)}}}, {Cohorts: []cohort{{Keys: []string{"a"}}}},
			{Cohorts: []cohort{{Keys: []string{"a", "a"}, Handler: h(1)}}},
			{Cohorts: []cohort{{Keys: []string{"default"}, Handler: h(1)}}},
		} {
			if broken.Validate() == nil {
				t.Errorf("%v is valid", broken)
			}
		}
	})
	t.Run("KeyModelMapping", func(t *testing.T) { // of cohorts that share a model
		p, s, col := ptest.CreateList(count(0, 8))
		type cohort = Cohort[string, int, int]
		h := &scale{Name: t.Name()}
		RunInference(s, &PerKey[string, int, int]{
			Cohorts: []cohort{{Keys: []string{"a"}, Handler: h}, {Keys: []string{"b"}, Handler: h}}, Default: h,
		}, beam.ParDo(s, keyOf, col))
		c := counters(run(t, p), DefaultNamespace)
		if c["a-num_inferences"] != 2 || c["b-num_inferences"] != 2 || c["default-num_inferences"] != 4 ||
			watcherOf(t.Name()).loads.Load() != 1 {
			t.Errorf("counters %v, %d loads", c, watcherOf(t.Name()).loads.Load())
		}
		for _, broken := range []ModelHandler[int, int]{
			&PerKey[string, int, int]{Cohorts: []cohort{{Keys: []string{"\xff"}, Handler: h}}},
			&PerKey[float64, int, int]{Cohorts: []Cohort[float64, int, int]{{Keys: []float64{nan()}, Handler: h}}},
			&PerKey[string, int, int]{Cohorts: []cohort{{Keys: []string{"a"}, Handler: &unpreferred{}}}},
			&PerKey[string, int, int]{Default: &unpreferred{}},
		} {
			if err := validate(broken); err == nil {
				t.Errorf("%v is valid", broken)
			}
		}
		large := &PerKey[int64, int, int]{Cohorts: []Cohort[int64, int, int]{{Keys: []int64{1<<53 + 1}, Handler: h}}}
		data, err := json.Marshal(large)
		if err != nil {
			t.Fatal(err)
		}
		var back PerKey[int64, int, int]
		if err := json.Unmarshal(data, &back); err != nil || large.Validate() != nil || back.Cohorts[0].Keys[0] != 1<<53+1 {
			t.Errorf("came back as %+v, %v", back, err)
		}
	})
	t.Run("MaybeKeyedModelHandler", func(t *testing.T) { // the collection's type decides; see TestKeysPassThrough
		_, s, col := ptest.CreateList(count(0, 2))
		if isKeyed, err := checkCollection(&scale{}, beam.ParDo(s, keyOf, col)); err != nil || !isKeyed {
			t.Error(isKeyed, err)
		}
		if isKeyed, err := checkCollection(&scale{}, col); err != nil || isKeyed {
			t.Error(isKeyed, err)
		}
	})
	t.Run("PredictionResult", func(t *testing.T) {
		b := newBundle(t, &scale{Name: t.Name(), Fail: []int{4}}, WithoutExample()).mustRun(t, 3, 4)
		if b.results[0] != (PredictionResult[int, int]{0, 3, "scale"}) || b.failures[0].Example != 4 {
			t.Errorf("got %v, %v", b.results, b.failures)
		}
	})
}
