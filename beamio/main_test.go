package beamio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

func init() {
	Register(&double{})
	Register(&lengths{})
	register.Function2x1(renderResult)
	register.Function2x1(renderFailure)
	register.Function3x1(renderKeyedResult)
	register.Function3x1(renderKeyedFailure)
	register.Function2x1(renderLength)
	beam.RegisterDoFn(&collectFn{})
}

func TestMain(m *testing.M) { os.Exit(ptest.MainRetWithDefault(m, "prism")) }

// double is a handler for tests: it doubles integers and misbehaves as told.
type double struct {
	Name   string // of its probe
	Fail   []int  // examples that fail the whole batch
	Blame  []int  // examples that fail by ExampleErrors
	Panic  []int  // examples that make Infer panic
	Short  bool   // one prediction too few for batches above one
	NoLoad int    // how many loads fail
	Pause  time.Duration
}

// probe is what a test sees of the models of a handler.
type probe struct {
	loads   atomic.Int64
	running atomic.Int64
	overlap atomic.Bool
	mu      sync.Mutex
	batches []int
}

var probes sync.Map // name → *probe

func probeOf(name string) *probe {
	p, _ := probes.LoadOrStore(name, &probe{})
	return p.(*probe)
}

func (h *double) ModelID() string { return "double/" + h.Name }

func (h *double) Validate() error {
	if h.Name == "invalid" {
		return errors.New("not a good name")
	}
	return nil
}

func (h *double) Load(context.Context) (Model[int, int], error) {
	p := probeOf(h.Name)
	if n := p.loads.Add(1); int(n) <= h.NoLoad {
		return nil, fmt.Errorf("load %d does not work", n)
	}
	time.Sleep(20 * time.Millisecond)
	return &doubler{h, p}, nil
}

type doubler struct {
	h *double
	p *probe
}

func (m *doubler) Bytes() int64 { return 4321 }

func (m *doubler) Infer(ctx context.Context, batch []int) ([]int, error) {
	if m.p.running.Add(1) > 1 {
		m.p.overlap.Store(true)
	}
	defer m.p.running.Add(-1)
	m.p.mu.Lock()
	m.p.batches = append(m.p.batches, len(batch))
	m.p.mu.Unlock()
	select {
	case <-time.After(m.h.Pause):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var out []int
	var each ExampleErrors
	for _, n := range batch {
		var err error
		switch {
		case slices.Contains(m.h.Fail, n):
			return nil, fmt.Errorf("cannot double %d", n)
		case slices.Contains(m.h.Panic, n):
			panic(fmt.Sprintf("frightened by %d", n))
		case slices.Contains(m.h.Blame, n):
			err = AtStage(StagePostprocess, fmt.Errorf("%d is to blame", n))
		}
		out, each = append(out, 2*n), append(each, err)
	}
	if m.h.Short && len(batch) > 1 {
		return out[1:], nil
	}
	if len(m.h.Blame) > 0 {
		return out, each
	}
	return out, nil
}

// lengths is a handler with two steps: it decodes strings to bytes and counts them.
type lengths struct{ Name string }

func (h *lengths) Load(context.Context) (Model[string, int], error) {
	p := probeOf(h.Name)
	p.loads.Add(1)
	return &Steps[string, []byte, int]{
		Prepare: func(_ context.Context, s string) ([]byte, error) {
			p.running.Add(1)
			defer p.running.Add(-1)
			switch s {
			case "bad":
				return nil, AtStage(StageDecode, errors.New("not a word"))
			case "worse":
				return nil, errors.New("no stage")
			case "panic":
				panic("a terrible word")
			}
			if len(s) == 1 {
				time.Sleep(5 * time.Millisecond) // late, but its result stays in order
			}
			return []byte(s), nil
		},
		Predict: func(_ context.Context, batch [][]byte) ([]int, error) {
			p.mu.Lock()
			p.batches = append(p.batches, len(batch))
			p.mu.Unlock()
			out := make([]int, len(batch))
			for i, b := range batch {
				if out[i] = len(b); string(b) == "poison" {
					return nil, errors.New("poisoned")
				}
			}
			return out, nil
		},
	}, nil
}

func renderResult(_ context.Context, r PredictionResult[int, int]) string {
	return fmt.Sprintf("%d→%d by %s", r.Example, r.Inference, r.ModelID)
}

func renderFailure(_ context.Context, f Failure[int]) string {
	return fmt.Sprintf("%d failed at %s by %s: %s", f.Example, f.Stage, f.ModelID, f.Error)
}

func renderKeyedResult(_ context.Context, k string, r PredictionResult[int, int]) string {
	return k + ": " + renderResult(nil, r)
}

func renderKeyedFailure(_ context.Context, k string, f Failure[int]) string {
	return k + ": " + renderFailure(nil, f)
}

func renderLength(_ context.Context, r PredictionResult[string, int]) string {
	return fmt.Sprintf("%s %d", r.Example, r.Inference)
}

// collectFn brings the strings of a collection to the test, in order of arrival.
type collectFn struct{ Name string }

var collected sync.Map // name → *[]string; a DoFn runs in this process

func (f *collectFn) ProcessElement(s string) {
	p := probeOf("collect " + f.Name)
	p.mu.Lock()
	defer p.mu.Unlock()
	list, _ := collected.LoadOrStore(f.Name, new([]string))
	l := list.(*[]string)
	*l = append(*l, s)
}

func collect(s beam.Scope, name string, col beam.PCollection) {
	beam.ParDo0(s, &collectFn{name}, col)
}

// got returns what was collected under name.
func got(name string) []string {
	if l, ok := collected.Load(name); ok {
		return *l.(*[]string)
	}
	return nil
}

// run runs a pipeline on prism and returns its counters and distributions.
func run(t *testing.T, p *beam.Pipeline) metrics.QueryResults {
	t.Helper()
	fresh(t)
	res, err := ptest.RunWithMetrics(p)
	if err != nil {
		t.Fatal(err)
	}
	return res.Metrics().Query(func(metrics.SingleResult) bool { return true })
}
