package beamio

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/universal"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/internal/jobserver"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

var flinkJars = flag.String("flink", "", "directory of the jars of Beam's runner for Flink, to run tests on Flink too")

func init() {
	beam.RegisterDoFn(&tableFn{})
	beam.RegisterDoFn(&keyedTableFn{})
	beam.RegisterDoFn(&pictureTimeFn{})
	register.Emitter2[beam.EventTime, []float32]()
	register.Emitter3[beam.EventTime, string, []float32]()
	register.Emitter2[beam.EventTime, Picture]()
	register.Function4x1(renderTable)
	register.Function4x1(renderTableFailure)
	register.Function5x1(renderKeyedTable)
	register.Function5x1(renderKeyedTableFailure)
	register.Function4x1(renderScene)
}

// A beamRunner runs pipelines whose workers are this process.
type beamRunner struct {
	name     string
	run      func(context.Context, *beam.Pipeline) (beam.PipelineResult, error)
	endpoint string // Flink's
}

// TestFlink runs jobs on prism and, with -flink, on Flink, and compares what they write with loops that know nothing of
// Beam.
func TestFlink(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // every job of LOOPBACK leaves an empty file there
	scenes := newScenes(t)
	tests := func(t *testing.T, r beamRunner) {
		t.Run("five times", r.fiveTimes)
		t.Run("Mask R-CNN", func(t *testing.T) { r.maskRCNN(t, scenes) })
		t.Run("loads once", r.loadsOnce)
		t.Run("fails at once", r.failsAtOnce)
	}
	t.Run("prism", func(t *testing.T) { tests(t, beamRunner{name: "prism", run: prism.Execute}) })
	t.Run("flink", func(t *testing.T) {
		if *flinkJars == "" {
			t.Skip("NOT RUN ON FLINK. It would be by:\n" +
				"  mvn -B -q -f beamio/testdata/flink/pom.xml dependency:copy-dependencies" +
				" -DoutputDirectory=/tmp/flink -DincludeScope=runtime\n" +
				"  go test ./beamio ./cmd/argand -run Flink -flink /tmp/flink")
		}
		r := onFlink(t)
		tests(t, r)
		t.Run("other tests", r.otherTests)
	})
}

// onFlink starts a job server, which ends with the test.
func onFlink(t *testing.T) beamRunner {
	t.Helper()
	jars, err := filepath.Abs(*flinkJars)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	server, err := jobserver.Start(jars, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Logf("the job server took %v to start", time.Since(start).Round(100*time.Millisecond))
	run := func(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
		endpoint, environment, parallelism := *jobopts.Endpoint, *jobopts.EnvironmentType, *jobopts.Parallelism
		defer func() { // prism's
			*jobopts.Endpoint, *jobopts.EnvironmentType, *jobopts.Parallelism = endpoint, environment, parallelism
		}()
		*jobopts.Endpoint, *jobopts.EnvironmentType, *jobopts.Parallelism = server.Endpoint, "LOOPBACK", 2
		return universal.Execute(ctx, p)
	}
	return beamRunner{"flink", run, server.Endpoint}
}

// mustRun runs a pipeline and returns its metrics.
func (r beamRunner) mustRun(t *testing.T, p *beam.Pipeline) metrics.QueryResults {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	result, err := r.run(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	return result.Metrics().Query(func(metrics.SingleResult) bool { return true })
}

// windowOf renders the window of ten seconds that second n is in, and its time.
func windowOf(n int) string {
	start := mtime.Time(n / 10 * 10_000)
	return fmt.Sprintf("%v at %v", window.IntervalWindow{Start: start, End: start + 10_000}, mtime.Time(n*1000))
}

// fiveTimes compares the five-times table with a loop: windows, timestamps, keys, dead letters, metrics.
func (r beamRunner) fiveTimes(t *testing.T) {
	h := &Linear{Model: filepath.Join("..", "examples", "fivetimes", "fivetimes.pth"), Layer: "linear"}
	const n = 1000
	m, err := h.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var want, wantBad, wantKeyed, wantKeyedBad []string
	for i := range n {
		x := tableRow(i)
		key := strconv.Itoa(i % 7)
		y, err := m.Infer(t.Context(), [][]float32{x})
		if err != nil {
			var stage *StageError
			if !errors.As(err.(ExampleErrors)[0], &stage) {
				t.Fatal(err)
			}
			line := fmt.Sprintf("%v: %v failed at %s: %v", windowOf(i), x, stage.Stage, stage.Err)
			wantBad, wantKeyedBad = append(wantBad, line), append(wantKeyedBad, key+" "+line)
			continue
		}
		line := fmt.Sprintf("%v: %v %v by %s", windowOf(i), hexes(x), hexes(y[0]), h.Model)
		want, wantKeyed = append(want, line), append(wantKeyed, key+" "+line)
	}
	if len(wantBad) != n/50 {
		t.Fatalf("%d failures", len(wantBad))
	}
	p, s, numbers := ptest.CreateList(count(0, n))
	plain := beam.WindowInto(s, window.NewFixedWindows(10*time.Second), beam.ParDo(s, &tableFn{}, numbers))
	keyed := beam.WindowInto(s, window.NewFixedWindows(10*time.Second), beam.ParDo(s, &keyedTableFn{}, numbers))
	res, bad := RunInferenceDLQ(s, h, plain)
	keyedRes, keyedBad := RunInferenceDLQ(s, h, keyed, WithBatchSize(8, 8), WithNamespace("keyed"))
	// What they emit crosses a stage, and so does its window.
	collect(s, t.Name(), beam.ParDo(s, renderTable, beam.Reshuffle(s, res)))
	collect(s, t.Name()+" bad", beam.ParDo(s, renderTableFailure, beam.Reshuffle(s, bad)))
	collect(s, t.Name()+" keyed", beam.ParDo(s, renderKeyedTable, beam.Reshuffle(s, keyedRes)))
	collect(s, t.Name()+" keyed bad", beam.ParDo(s, renderKeyedTableFailure, beam.Reshuffle(s, keyedBad)))
	found := r.mustRun(t, p)
	equal(t, "results", got(t.Name()), want)
	equal(t, "failures", got(t.Name()+" bad"), wantBad)
	equal(t, "keyed results", got(t.Name()+" keyed"), wantKeyed)
	equal(t, "keyed failures", got(t.Name()+" keyed bad"), wantKeyedBad)
	for _, namespace := range []string{DefaultNamespace, "keyed"} {
		c, d := counters(found, namespace), distributions(found, namespace)
		if c["num_inferences"] != int64(len(want)) || c["failed_examples"] != int64(len(wantBad)) {
			t.Errorf("%s: counters %v", namespace, c)
		}
		if d["inference_request_batch_size"].Sum != n || d["inference_request_batch_byte_size"].Sum < 4*n ||
			d["inference_batch_latency_micro_secs"].Count != d["inference_request_batch_size"].Count {
			t.Errorf("%s: distributions %v", namespace, d)
		}
	}
}

// tableRow is the example of number i: some have one number too many.
func tableRow(i int) []float32 {
	x := []float32{float32(i)/4 - 100}
	if i%50 == 7 {
		x = append(x, 1)
	}
	return x
}

func hexes(v []float32) []string {
	var out []string
	for _, f := range v {
		out = append(out, fmt.Sprintf("%08x", math.Float32bits(f)))
	}
	return out
}

func second(n int) beam.EventTime { return mtime.FromTime(time.Unix(int64(n), 0)) }

type tableFn struct{}

// ProcessElement makes an example at second n.
func (*tableFn) ProcessElement(n int, emit func(beam.EventTime, []float32)) {
	emit(second(n), tableRow(n))
}

type keyedTableFn struct{}

// ProcessElement makes a keyed example at second n.
func (*keyedTableFn) ProcessElement(n int, emit func(beam.EventTime, string, []float32)) {
	emit(second(n), strconv.Itoa(n%7), tableRow(n))
}

func renderTable(_ context.Context, w beam.Window, et beam.EventTime, r PredictionResult[[]float32, []float32]) string {
	return fmt.Sprintf("%v at %v: %v %v by %s", w, et, hexes(r.Example), hexes(r.Inference), r.ModelID)
}

func renderTableFailure(_ context.Context, w beam.Window, et beam.EventTime, f Failure[[]float32]) string {
	return fmt.Sprintf("%v at %v: %v failed at %s: %s", w, et, f.Example, f.Stage, f.Error)
}

func renderKeyedTable(
	ctx context.Context, w beam.Window, et beam.EventTime, key string, r PredictionResult[[]float32, []float32],
) string {
	return key + " " + renderTable(ctx, w, et, r)
}

func renderKeyedTableFailure(
	ctx context.Context, w beam.Window, et beam.EventTime, key string, f Failure[[]float32],
) string {
	return key + " " + renderTableFailure(ctx, w, et, f)
}

// maskRCNN compares what the network of shapes finds in generated scenes with a loop, to the bit, in every way of
// batching.
func (r beamRunner) maskRCNN(t *testing.T, in *scenes) {
	for i, c := range []struct {
		name      string
		low, high int
	}{{"one by one", 1, 1}, {"fours", 4, 4}, {"adaptive", 1, 16}} {
		for j, delay := range []time.Duration{0, 20 * time.Millisecond} {
			name, n := c.name, in.few
			opts := []Option{WithBatchSize(c.low, c.high)}
			if delay > 0 {
				name, opts = name+", gathered", append(opts, WithBatchDelay(delay))
			}
			if i == 1 && j == 0 {
				n = len(in.want)
			}
			t.Run(name, func(t *testing.T) {
				p, s := beam.NewPipelineWithRoot()
				pictures := beam.ParDo(s, &pictureTimeFn{n}, MatchImages(s, filepath.Join(in.dir, "*.png")))
				pictures = beam.WindowInto(s, window.NewFixedWindows(10*time.Second), pictures)
				res := RunInference(s, in.handler, pictures, opts...)
				collect(s, t.Name(), beam.ParDo(s, renderScene, beam.Reshuffle(s, res)))
				found := r.mustRun(t, p)
				equal(t, "detections", got(t.Name()), in.want[:n])
				if done := counters(found, DefaultNamespace)["num_inferences"]; int(done) != n {
					t.Errorf("%d inferences", done)
				}
			})
		}
	}
}

// scenes are pictures of shapes, and what is in them.
type scenes struct {
	handler *Detector
	dir     string
	want    []string // for each, its window, time and detections
	few     int      // how many are enough where most ways of batching do the same
}

// newScenes makes 300 scenes with -full or -flink, otherwise 60, and finds what is in each by itself, with a network of
// its own.
func newScenes(t *testing.T) *scenes {
	t.Helper()
	most, few := 60, 20
	switch {
	case *full || *flinkJars != "":
		most, few = 300, 300
	case raceDetector:
		most, few = 10, 5
		t.Logf("with the race detector on only %d scenes", most)
	}
	h := sceneModel(t)
	dir, names := writeScenes(t, most)
	in := &scenes{handler: h, dir: dir, few: few}
	src, err := loaders.Open(h.Model)
	if err != nil {
		t.Fatal(err)
	}
	net, err := vision.NewDetector(t.Context(), kernels.CPU(), src, vision.WithMinSize(h.MinSize),
		vision.WithMaxSize(h.MaxSize), vision.WithScoreThreshold(h.Score), vision.WithLabels(shapes.Labels()))
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	objects := 0
	for i, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		img, err := picture.Decode(data, picture.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		found, err := net.DetectBatch(t.Context(), []image.Image{img})
		if err != nil {
			t.Fatal(err)
		}
		objects += found[0].Len()
		d := newDetections(found[0], true)
		in.want = append(in.want, windowOf(i)+": "+lineOf(name, &d))
	}
	if objects < len(names)/2 {
		t.Errorf("%d objects in %d scenes", objects, len(names))
	}
	return in
}

// pictureTimeFn gives picture i of the first N second i.
type pictureTimeFn struct{ N int }

// ProcessElement reads the number in the name.
func (f *pictureTimeFn) ProcessElement(p Picture, emit func(beam.EventTime, Picture)) error {
	base := strings.TrimSuffix(filepath.Base(p.Name), ".png")
	i, err := strconv.Atoi(base[1:])
	if err == nil && i < f.N {
		emit(second(i), p)
	}
	return err
}

func lineOf(name string, d *Detections) string {
	return fmt.Sprintf("%s %d×%d %v %v %v %v %q", name, d.Width, d.Height, hexes(d.Boxes), d.Labels, d.Names,
		hexes(d.Scores), d.Masks)
}

func renderScene(
	_ context.Context, w beam.Window, et beam.EventTime, r PredictionResult[Picture, Detections],
) string {
	return fmt.Sprintf("%v at %v: %s", w, et, lineOf(filepath.Base(r.Example.Name), &r.Inference))
}

// loadsOnce has, on Flink, two partitions, and so two bundles at once, which share one model.
func (r beamRunner) loadsOnce(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 100))
	res := RunInference(s, &double{Name: t.Name()}, beam.Reshuffle(s, col), WithBatchSize(1000, 1000))
	collect(s, t.Name(), beam.ParDo(s, renderResult, res))
	d := distributions(r.mustRun(t, p), DefaultNamespace)
	probe := probeOf(t.Name())
	if n := probe.loads.Load(); n != 1 || d["load_model_latency_milli_secs"].Count != 1 ||
		d["model_byte_size"].Sum != 4321 {
		t.Errorf("%d loads, distributions %v", n, d)
	}
	if len(got(t.Name())) != 100 || r.name == "flink" && len(probe.batches) < 2 {
		t.Errorf("%d results, batches %v", len(got(t.Name())), probe.batches)
	}
}

// failsAtOnce has one element fail: so does the job, for that reason, without a second try.
func (r beamRunner) failsAtOnce(t *testing.T) {
	p, s, col := ptest.CreateList(count(0, 20))
	res := RunInference(s, &double{Name: t.Name(), Fail: []int{13}}, col, WithBatchSize(1, 1))
	collect(s, t.Name(), beam.ParDo(s, renderResult, res))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := r.run(ctx, p)
	if err == nil || !strings.Contains(err.Error(), "cannot double 13") || ctx.Err() != nil {
		t.Errorf("the job ended with %v", err)
	}
	if n := len(probeOf(t.Name()).batches); n > 20 {
		t.Errorf("%d calls of the model for 20 elements", n)
	}
	if i := slices.IndexFunc(got(t.Name()), func(s string) bool { return strings.HasPrefix(s, "0→") }); i < 0 {
		t.Errorf("what came before is lost: %q", got(t.Name()))
	}
}

// otherTests runs tests of this package that have pipelines of their own, with Flink instead of prism: all kinds of
// windows, updates, thresholds, cohorts, steps, networks, sinks and metrics.
func (r beamRunner) otherTests(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := []string{"TestParity", "TestWindowsAndTimestampsStay", "TestKeysPassThrough", "TestFailures", "TestMetrics",
		"TestKeyedRows", "TestTorchBetweenSteps", "TestTorchKeyedAndInWindows", "TestTorchUpdated", "ExampleWriteJSONL"}
	out, err := exec.CommandContext(t.Context(), self, "-runner=universal", "-endpoint="+r.endpoint,
		"-environment_type=LOOPBACK", "-test.v", "-test.run=^("+strings.Join(tests, "|")+")$").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, name := range tests {
		if !strings.Contains(string(out), "\n--- PASS: "+name+" ") && !strings.HasPrefix(string(out), "--- PASS: "+name+" ") {
			t.Errorf("%s did not run", name)
		}
	}
}
