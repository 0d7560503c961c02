//go:build linux && cgo && !nocuda

package endtoend

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

func init() {
	beamio.Register(&beamio.Torch{})
	beamio.Register(&beamio.Preprocess[float32, beamio.Tensor, []beamio.Tensor]{})
	beamio.RegisterNetwork(&layers{})
	beamio.RegisterStep(&vector{})
	register.Function2x2(meet)
	register.Function1x1(keep)
}

// layers are the network of beamio's testdata/torch/mlp.pth.
type layers struct{ Hidden int }

// Build reads the layers.
func (n *layers) Build(w nn.Weights) nn.Module {
	return &mlp{nn.NewLinear(w.At("fc1"), 4, n.Hidden), nn.NewLinear(w.At("fc2"), n.Hidden, 3)}
}

type mlp struct{ fc1, fc2 *nn.Linear }

func (m *mlp) Forward(x nn.Value) nn.Value { return m.fc2.Forward(nn.ReLU(m.fc1.Forward(x))) }

// vector is a step that makes four numbers of one.
type vector struct{}

// Do implements beamio.Step.
func (*vector) Do(_ context.Context, x float32) (beamio.Tensor, error) {
	t, err := tensor.Of([]float32{x, 1, -x, 2}, 4)
	return beamio.Tensor{Tensor: t}, err
}

// meeting is where bundles wait for another. Prism gives what one has not begun to another while it waits.
var meeting = make(chan struct{})

// meet passes x on when another bundle is here, too.
func meet(ctx context.Context, x float32) (float32, error) {
	select {
	case meeting <- struct{}{}:
	case <-meeting:
	case <-time.After(time.Minute):
		return 0, errors.New("no other bundle came")
	}
	return x, nil
}

// kept are results by example.
var kept sync.Map

func keep(r beamio.PredictionResult[float32, []beamio.Tensor]) error {
	y, err := tensor.Data[float32](r.Inference[0].Tensor)
	kept.Store(r.Example, slices.Clone(y))
	return err
}

// driver is the fake one that models of this process are on, which stay loaded until it ends.
var driver struct {
	once sync.Once
	path string
}

// TestBundlesShareBatches runs two examples in two bundles that run at the same time: on a GPU they are one batch. Results
// are those of the CPU.
func TestBundlesShareBatches(t *testing.T) {
	first := false
	driver.once.Do(func() { first, driver.path = true, fakedriver.New(t).Path })
	run := func(h *beamio.Torch, opts ...beamio.Option) (map[float32][]float32, beam.PipelineResult) {
		p, s := beam.NewPipelineWithRoot()
		in := beam.ParDo(s, meet, beam.Reshuffle(s, beam.Create(s, float32(3), float32(5))))
		h.Model, h.Network = "../../beamio/testdata/torch/mlp.pth", &layers{8}
		two := &beamio.Preprocess[float32, beamio.Tensor, []beamio.Tensor]{Fn: &vector{}, Handler: h}
		beam.ParDo0(s, keep, beamio.RunInference(s, two, in, opts...))
		kept.Clear()
		result, err := ptest.RunWithMetrics(p)
		if err != nil {
			t.Fatal(err)
		}
		got := make(map[float32][]float32)
		kept.Range(func(x, y any) bool { got[x.(float32)] = y.([]float32); return true })
		return got, result
	}
	want, result := run(&beamio.Torch{})
	if n := counter(result, "models_loaded_on_cpu"); first && n != 1 {
		t.Errorf("%d models on the CPU", n)
	}
	// The batch is run when it is full, and that is long before this delay.
	got, result := run(&beamio.Torch{Device: "cuda", Driver: driver.path}, beamio.WithBatchSize(2, 2),
		beamio.WithBatchDelay(20*time.Second))
	if n := counter(result, "models_loaded_on_cuda:0"); first && n != 1 {
		t.Errorf("%d models on the GPU", n)
	}
	sizes := result.Metrics().Query(func(m beam.MetricResult) bool { return m.Name() == "inference_request_batch_size" })
	if d := sizes.Distributions(); len(d) != 1 || d[0].Result().Count != 1 || d[0].Result().Max != 2 {
		t.Errorf("batches %+v", d)
	}
	for _, x := range []float32{3, 5} {
		away := len(want[x]) - 3 + len(got[x]) - 3
		for i := range min(len(want[x]), len(got[x])) {
			if d := want[x][i] - got[x][i]; d*d > 1e-10 {
				away++
			}
		}
		if away != 0 {
			t.Errorf("%v: %v, want %v", x, got[x], want[x])
		}
	}
}

func counter(r beam.PipelineResult, name string) (n int64) {
	for _, c := range r.Metrics().Query(func(m beam.MetricResult) bool { return m.Name() == name }).Counters() {
		n += c.Result()
	}
	return n
}

// TestPipeline runs argand's job of pictures on a GPU and on the CPU: the rows are the same but for rounding.
func TestPipeline(t *testing.T) {
	fake, file := fakedriver.New(t), picture(t)
	var rows []string
	for _, device := range []string{"cpu", "cuda"} {
		out := t.TempDir()
		stdout, stderr, err := command(t, fake, "pipeline", "--quiet", "--no-overlays", "--input", file, "--output", out,
			"--min-size", small, "--max-size", small, "--device", device)
		if err != nil {
			t.Fatalf("%v\n%s%s", err, stdout, stderr)
		}
		if device == "cuda" {
			saysGPU(t, stderr)
			if !strings.Contains(stdout, "device      cuda:0, float32\n") {
				t.Errorf("stdout: %s", stdout)
			}
		}
		data, err := os.ReadFile(filepath.Join(out, "detections.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, string(data))
	}
	names := regexp.MustCompile(`"label":"\w+","score":[01]\.\d{3}`)
	want, got := names.FindAllString(rows[0], -1), names.FindAllString(rows[1], -1)
	if len(want) < 3 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q\n%s", got, want, rows[0])
	}
}
