package beamio

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window/trigger"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

func init() {
	register.Function2x2(keyByParity)
	register.Function2x1(stamp)
	beam.RegisterDoFn(&timestampFn{})
	register.Emitter2[beam.EventTime, int]()
	register.Function4x1(renderWindow)
	register.Function4x1(renderFailureWindow)
	runtime.RegisterType(typeOf(&stranger{}))
}

func keyByParity(_ context.Context, n int) (string, int) {
	return []string{"even", "odd"}[n&1], n
}

func count(from, to int) []int {
	var out []int
	for n := from; n < to; n++ {
		out = append(out, n)
	}
	return out
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// TestKeepsOrder runs without keys in one bundle.
func TestKeepsOrder(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 50))
	res := RunInference(s, &double{Name: "order"}, col, WithBatchSize(1, 7))
	collect(s, "order", beam.ParDo(s, renderResult, res))
	run(t, p)
	var want []string
	for n := range 50 {
		want = append(want, fmt.Sprintf("%d→%d by double/order", n, 2*n))
	}
	if !slices.Equal(got("order"), want) {
		t.Errorf("got %q", got("order"))
	}
	for _, n := range probeOf("order").batches {
		if n > 7 {
			t.Errorf("a batch of %d", n)
		}
	}
	if n := probeOf("order").loads.Load(); n != 1 {
		t.Errorf("%d loads", n)
	}
}

func TestKeysPassThrough(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 5))
	h := &double{Name: "keys", Blame: []int{3}}
	res, bad := RunInferenceDLQ(s, h, beam.ParDo(s, keyByParity, col), WithModelID("m1"))
	collect(s, "keys", beam.ParDo(s, renderKeyedResult, res))
	collect(s, "keys bad", beam.ParDo(s, renderKeyedFailure, bad))
	run(t, p)
	equal(t, "results", got("keys"),
		[]string{"even: 0→0 by m1", "odd: 1→2 by m1", "even: 2→4 by m1", "even: 4→8 by m1"})
	equal(t, "failures", got("keys bad"), []string{"odd: 3 failed at postprocess by m1: 3 is to blame"})
}

// TestFailures has every way in which a model can fail.
func TestFailures(t *testing.T) {
	tests := []struct {
		h      *double
		failed []string
	}{
		{&double{Name: "fail", Fail: []int{5, 17}}, []string{
			"5 failed at inference by double/fail: cannot double 5",
			"17 failed at inference by double/fail: cannot double 17"}},
		{&double{Name: "panic", Panic: []int{0}}, []string{
			"0 failed at inference by double/panic: panic: frightened by 0"}},
		{&double{Name: "blame", Blame: []int{19}}, []string{
			"19 failed at postprocess by double/blame: 19 is to blame"}},
		{&double{Name: "short", Short: true}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.h.Name, func(t *testing.T) {
			p, s, col := ptest.CreateList(count(0, 20))
			res, bad := RunInferenceDLQ(s, tt.h, col, WithBatchSize(8, 8))
			collect(s, tt.h.Name, beam.ParDo(s, renderResult, res))
			collect(s, tt.h.Name+" bad", beam.ParDo(s, renderFailure, bad))
			m := run(t, p)
			equal(t, "failures", got(tt.h.Name+" bad"), tt.failed)
			var want []string
			for n := range 20 {
				if !slices.ContainsFunc(tt.failed, func(s string) bool { return strings.HasPrefix(s, fmt.Sprint(n, " ")) }) {
					want = append(want, fmt.Sprintf("%d→%d by double/%s", n, 2*n, tt.h.Name))
				}
			}
			equal(t, "results", got(tt.h.Name), want)
			c := counters(m, DefaultNamespace)
			if int(c["num_inferences"]) != len(want) || int(c["failed_examples"]) != len(tt.failed) {
				t.Errorf("counters %v", c)
			}
		})
	}
}

func TestWithoutDeadLettersTheJobFails(t *testing.T) {
	for _, h := range []*double{{Name: "strict", Fail: []int{3}}, {Name: "strict panic", Panic: []int{3}}} {
		p, s, col := ptest.CreateList(count(0, 5))
		collect(s, h.Name, beam.ParDo(s, renderResult, RunInference(s, h, col)))
		err := ptest.Run(p)
		if err == nil || !strings.Contains(err.Error(), "3") || !strings.Contains(err.Error(), "inference") {
			t.Errorf("%s: error %v", h.Name, err)
		}
	}
}

func TestLoadErrorIsReported(t *testing.T) {
	fresh(t)
	p, s, col := ptest.CreateList(count(0, 5))
	h := &double{Name: "no load", NoLoad: math.MaxInt}
	res, _ := RunInferenceDLQ(s, h, col)
	collect(s, h.Name, beam.ParDo(s, renderResult, res))
	if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), "load 1 does not work") {
		t.Errorf("error %v", err)
	}
}

func counters(m metrics.QueryResults, namespace string) map[string]int64 {
	out := make(map[string]int64)
	for _, c := range m.Counters() {
		if c.Key.Namespace == namespace {
			out[c.Key.Name] += c.Result()
		}
	}
	return out
}

func distributions(m metrics.QueryResults, namespace string) map[string]metrics.DistributionValue {
	out := make(map[string]metrics.DistributionValue)
	for _, d := range m.Distributions() {
		if d.Key.Namespace == namespace {
			out[d.Key.Name] = d.Result()
		}
	}
	return out
}

func TestMetrics(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 22))
	h := &double{Name: "metrics", Fail: []int{21}, Pause: time.Millisecond}
	RunInferenceDLQ(s, h, col, WithBatchSize(10, 10), WithNamespace("test"))
	m := run(t, p)
	want := map[string]int64{"num_inferences": 21, "failed_batches_counter": 1, "failed_examples": 1}
	for name, v := range want {
		if c := counters(m, "test"); c[name] != v {
			t.Errorf("%s = %d, want %d", name, c[name], v)
		}
	}
	d := distributions(m, "test")
	check := func(name string, count, sum, low, high int64) {
		t.Helper()
		if g := d[name]; g.Count != count || g.Sum < sum || g.Min < low || g.Max > high {
			t.Errorf("%s = %+v, want %d in %d…%d", name, g, count, low, high)
		}
	}
	check("inference_request_batch_size", 3, 21, 1, 10)
	check("inference_request_batch_byte_size", 3, 21*8, 8, 80)
	check("inference_batch_latency_micro_secs", 3, 3000, 1000, 1e7)
	check("load_model_latency_milli_secs", 1, 20, 20, 1e4)
	check("model_byte_size", 1, 4321, 4321, 4321)
	check("queue_wait_micro_secs", 3, 0, 0, 1e7)
	if len(counters(m, DefaultNamespace)) != 0 {
		t.Error("metrics in the default namespace besides")
	}
}

func TestSteps(t *testing.T) {
	words := []string{"x", "four", "bad", "y", "worse", "seven", "poison", "panic", "zz"}
	p, s, col := ptest.CreateList(words)
	res, bad := RunInferenceDLQ(s, &lengths{Name: "steps"}, col, WithBatchSize(3, 3))
	collect(s, "steps", beam.ParDo(s, renderLength, res))
	collect(s, "steps bad", beam.ParDo(s, renderLengthFailure, bad))
	m := run(t, p)
	if want := []string{"x 1", "four 4", "y 1", "seven 5", "zz 2"}; !slices.Equal(got("steps"), want) {
		t.Errorf("got %q, want %q in this order", got("steps"), want)
	}
	if want := []string{
		"bad decode not a word", "worse preprocess no stage", "poison inference poisoned",
		"panic preprocess panic: a terrible word",
	}; !slices.Equal(got("steps bad"), want) {
		t.Errorf("got %q, want %q in this order", got("steps bad"), want)
	}
	if d := distributions(m, DefaultNamespace)["decode_latency_micro_secs"]; d.Count != 9 || d.Max < 5000 {
		t.Errorf("decode latency %+v", d)
	}
}

func init() { register.Function2x1(renderLengthFailure) }

func renderLengthFailure(_ context.Context, f Failure[string]) string {
	return f.Example + " " + f.Stage + " " + f.Error
}

// TestOneLoad has two transforms with equal handlers, and many bundles.
func TestOneLoad(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 16))
	h := &double{Name: "shared", Pause: 150 * time.Millisecond}
	a := RunInference(s, h, beam.Reshuffle(s, col), WithBatchSize(1, 1))
	b := RunInference(s, h, beam.Reshuffle(s, col), WithBatchSize(1, 1))
	collect(s, "shared", beam.ParDo(s, renderResult, beam.Flatten(s, a, b)))
	run(t, p)
	if n := len(got("shared")); n != 32 {
		t.Errorf("%d results", n)
	}
	pr := probeOf("shared")
	if pr.loads.Load() != 1 || pr.overlap.Load() {
		t.Errorf("%d loads, overlap %v", pr.loads.Load(), pr.overlap.Load())
	}
}

func TestModelIDSplitsAndShares(t *testing.T) {
	key := func(h *double, opts ...Option) string {
		p, err := pack(h)
		if err != nil {
			t.Fatal(err)
		}
		set, err := newSettings(h, true, opts)
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := decodeSpec[int, int](mustJSON(t, inferSpec{set, p}))
		if err != nil {
			t.Fatal(err)
		}
		return r.key
	}
	a, b := &double{Name: "a"}, &double{Name: "b"}
	if key(a) != key(&double{Name: "a"}) || key(a) == key(b) {
		t.Error("equal handlers, and only those, share by default")
	}
	if key(a, WithModelID("x")) != key(b, WithModelID("x")) || key(a, WithModelID("x")) == key(a, WithModelID("y")) {
		t.Error("an ID decides what is shared")
	}
}

type timestampFn struct{}

// ProcessElement gives n the time n seconds after the epoch.
func (*timestampFn) ProcessElement(n int, emit func(beam.EventTime, int)) {
	emit(mtime.FromTime(time.Unix(int64(n), 0)), n)
}

func stamp(_ context.Context, n int) int { return n }

func renderWindow(_ context.Context, w beam.Window, et beam.EventTime, r PredictionResult[int, int]) string {
	return fmt.Sprintf("%d in %v at %v", r.Example, w, et)
}

func renderFailureWindow(_ context.Context, w beam.Window, et beam.EventTime, f Failure[int]) string {
	return fmt.Sprintf("%d in %v at %v", f.Example, w, et)
}

func TestWindowsAndTimestampsStay(t *testing.T) {
	sec := func(n int) int64 { return int64(n) * 1000 }
	interval := func(start, end int) string {
		return window.IntervalWindow{Start: mtime.Time(sec(start)), End: mtime.Time(sec(end))}.String()
	}
	tests := []struct {
		name  string
		fn    *window.Fn
		alone bool
		in    func(n int) []string
	}{
		{"global", window.NewGlobalWindows(), false, func(int) []string {
			return []string{window.GlobalWindow{}.String()}
		}},
		{"fixed", window.NewFixedWindows(10 * time.Second), false, func(n int) []string {
			return []string{interval(n/10*10, n/10*10+10)}
		}},
		{"sliding", window.NewSlidingWindows(5*time.Second, 10*time.Second), true, func(n int) []string {
			return []string{interval(n/5*5, n/5*5+10), interval(n/5*5-5, n/5*5+5)}
		}},
		{"sessions", window.NewSessions(3 * time.Second), true, func(n int) []string {
			return []string{interval(n, n+3)}
		}},
	}
	for _, tt := range tests {
		test := func(t *testing.T, alone bool, opts ...Option) {
			p, s, col := ptest.CreateList(count(0, 30))
			col = beam.WindowInto(s, tt.fn, beam.ParDo(s, &timestampFn{}, col))
			h := &double{Name: t.Name(), Fail: []int{13}}
			res, bad := RunInferenceDLQ(s, h, col, append(opts, WithBatchSize(4, 4))...)
			collect(s, h.Name, beam.ParDo(s, renderWindow, res))
			collect(s, h.Name+" bad", beam.ParDo(s, renderFailureWindow, bad))
			beam.GroupByKey(s, beam.AddFixedKey(s, res)) // panics if windows were lost
			run(t, p)
			var want, wantBad []string
			for n := range 30 {
				for _, w := range tt.in(n) {
					line := fmt.Sprintf("%d in %v at %v", n, w, mtime.Time(sec(n)))
					if n == 13 {
						wantBad = append(wantBad, line)
					} else {
						want = append(want, line)
					}
				}
			}
			equal(t, "results", got(h.Name), want)
			equal(t, "failures", got(h.Name+" bad"), wantBad)
			if got := slices.Max(probeOf(h.Name).batches) == 1; got != alone {
				t.Errorf("batches of %v", probeOf(h.Name).batches)
			}
		}
		t.Run(tt.name, func(t *testing.T) { test(t, tt.alone) })
		t.Run(tt.name+" with a delay", func(t *testing.T) { test(t, tt.alone, WithBatchDelay(5*time.Millisecond)) })
	}
}

func TestWindowingStrategyIsRestored(t *testing.T) {
	_, s, col := ptest.CreateList(count(0, 3))
	col = beam.WindowInto(s, window.NewFixedWindows(time.Minute), col,
		beam.Trigger(trigger.AfterCount(7)), beam.PanesAccumulate(), beam.AllowedLateness(3*time.Second))
	ws := RunInference(s, &double{Name: "strategy"}, col).WindowingStrategy()
	if ws.Fn.Size != time.Minute || ws.AllowedLateness != 3000 || ws.AccumulationMode != window.Accumulating {
		t.Errorf("got %+v", ws)
	}
	if _, ok := ws.Trigger.(*trigger.AfterCountTrigger); !ok {
		t.Errorf("got trigger %T", ws.Trigger)
	}
}

// stranger is registered with Beam but not with beamio; closed has a field that JSON loses.
type stranger struct{ Any any }

func (*stranger) Load(context.Context) (Model[int, int], error) { return nil, nil }

type foreign struct{}

func (*foreign) Load(context.Context) (Model[int, int], error) { return nil, nil }

type secretive struct{ n int }

func (*secretive) Load(context.Context) (Model[int, int], error) { return nil, nil }

func init() { runtime.RegisterType(typeOf(&secretive{})) }

func TestMistakesOfTheBuilder(t *testing.T) {
	_, s, col := ptest.CreateList(count(0, 3))
	words := beam.CreateList(s, []string{"a"})
	try := func(h ModelHandler[int, int], col beam.PCollection, opts ...Option) error {
		_, _, err := TryRunInferenceDLQ(s, h, col, opts...)
		return err
	}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{try(nil, col), "nil"},
		{try((*double)(nil), col), "nil"},
		{try(&foreign{}, col), "not registered"},
		{try(&stranger{Any: 1}, col), "Any is an interface"},
		{try(&secretive{n: 1}, col), "field n is not exported"},
		{try(&double{Name: "invalid"}, col), "not a good name"},
		{try(&double{}, words), "holds string; want int or KV<K, int>"},
		{try(&double{}, col, WithBatchSize(0, 1)), "batch size"},
		{try(&double{}, col, WithBatchSize(3, 2)), "batch size"},
		{try(&double{}, col, WithNamespace("")), "namespace"},
		{try(&double{}, beam.PCollection{}), "invalid"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("error %v, want one with %q", tt.err, tt.want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("RunInference did not panic")
		}
	}()
	RunInference(s, &foreign{}, col)
}
