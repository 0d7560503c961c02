package beamio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/vision"
	"github.com/argand-go/argand/tensor"
)

func init() {
	Register(&Torch{})
	Register(&Preprocess[Picture, Tensor, []Tensor]{})
	Register(&Postprocess[Picture, []Tensor, Classes]{})
	RegisterNetwork(&twoLayers{})
	RegisterNetwork(&twoHeads{})
	RegisterNetwork(&rectifier{})
	RegisterStep(&pixelsStep{})
	RegisterStep(&topStep{})
	register.Function3x1(exampleOf)
	register.Emitter2[string, Tensor]()
	register.Function5x1(renderTorch)
	register.Function5x1(renderTorchFailure)
}

// twoLayers is MLP of testdata/torch.
type twoLayers struct{ Hidden int }

func (n *twoLayers) Validate() error {
	if n.Hidden < 1 {
		return fmt.Errorf("%d hidden numbers", n.Hidden)
	}
	return nil
}

func (n *twoLayers) Build(w nn.Weights) nn.Module {
	return &chain{nn.NewLinear(w.At("fc1"), 4, n.Hidden), nn.NewLinear(w.At("fc2"), n.Hidden, 3)}
}

type chain struct{ fc1, fc2 *nn.Linear }

func (m *chain) Forward(x nn.Value) nn.Value { return m.fc2.Forward(nn.ReLU(m.fc1.Forward(x))) }

// twoHeads is Heads of testdata/torch.
type twoHeads struct{ Hidden int }

func (n *twoHeads) Build(w nn.Weights) nn.Module {
	return &heads{nn.NewLinear(w.At("fc1"), 4, n.Hidden), nn.NewLinear(w.At("label"), n.Hidden, 3),
		nn.NewLinear(w.At("box"), n.Hidden, 4)}
}

type heads struct{ fc1, label, box *nn.Linear }

func (m *heads) Forward(nn.Value) nn.Value { panic("it has several outputs") }

func (m *heads) Outputs(x nn.Value) []nn.Value {
	x = nn.ReLU(m.fc1.Forward(x))
	return []nn.Value{m.label.Forward(x), nn.Sigmoid(m.box.Forward(x))}
}

// rectifier takes examples of any shape, and has one other fault if told so.
type rectifier struct{ Fault string }

func (n *rectifier) Build(nn.Weights) nn.Module {
	switch n.Fault {
	case "nil":
		return nil
	case "panic":
		panic("no network today")
	case "none":
		return noOutputs{}
	}
	return relu{}
}

type relu struct{}

func (relu) Forward(x nn.Value) nn.Value { return nn.ReLU(x) }

type noOutputs struct{ relu }

func (noOutputs) Outputs(nn.Value) []nn.Value { return nil }

// torchFile returns the path of a file in testdata/torch.
func torchFile(name string) string { return filepath.Join("testdata", "torch", name) }

// sequence returns the inputs of testdata/torch/make_golden.py.
func sequence(t testing.TB, shape ...int) *tensor.Tensor {
	t.Helper()
	x, err := tensor.New(tensor.Float32, shape...)
	if err != nil {
		t.Fatal(err)
	}
	data, err := x.Float32s()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = float32(37*i%101-50) / 32
	}
	return x
}

// examples takes a batch apart.
func examples(t testing.TB, x *tensor.Tensor) []Tensor {
	t.Helper()
	var out []Tensor
	for i := range x.Shape()[0] {
		row, err := x.Index(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Tensor{row})
	}
	return out
}

func vector(t testing.TB, numbers ...float32) Tensor {
	t.Helper()
	x, err := tensor.Of(numbers, len(numbers))
	if err != nil {
		t.Fatal(err)
	}
	return Tensor{x}
}

func loadTorch(t testing.TB, h *Torch) Model[Tensor, []Tensor] {
	t.Helper()
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := h.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.(interface{ Close() error }).Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestTorchEqualsPyTorch(t *testing.T) {
	data, err := os.ReadFile(torchFile("golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string][]struct {
		Shape, Outputs []int
		Y              [][]float32
		Shapes         [][]int
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for name, handlers := range map[string][]*Torch{
		"mlp":      {{Network: &twoLayers{8}}, {Network: &twoLayers{8}, Device: "auto", Threads: 1}},
		"heads":    {{Network: &twoHeads{8}}},
		"resnet18": {{}, {Arch: "resnet18"}},
	} {
		if len(golden[name]) == 0 {
			t.Fatalf("no golden %s", name)
		}
		for _, h := range handlers {
			h.Model = torchFile(name + ".pth")
			m := loadTorch(t, h)
			if bytesOf(m) == 0 {
				t.Errorf("%s takes no memory", name)
			}
			for _, c := range golden[name] {
				out, err := m.Infer(t.Context(), examples(t, sequence(t, c.Shape...)))
				if err != nil {
					t.Fatal(err)
				}
				for i, row := range out {
					if len(row) != len(c.Y) {
						t.Fatalf("%s: %d outputs, want %d", name, len(row), len(c.Y))
					}
					for j, y := range row {
						if !y.Shape().Equal(c.Shapes[j][1:]) {
							t.Errorf("%s: output %d is %v, want rows of %v", name, j, y, c.Shapes[j])
						}
						got, err := y.Float32s()
						if err != nil {
							t.Fatal(err)
						}
						for k, want := range c.Y[j][i*len(got) : (i+1)*len(got)] {
							if d := math.Abs(float64(got[k] - want)); !(d < 3e-6*(1+math.Abs(float64(want)))) {
								t.Errorf("%s: example %d, output %d [%d] is %v, want %v", name, i, j, k, got[k], want)
							}
						}
					}
				}
			}
		}
	}
}

// bitsOf returns a tensor's bytes and shape, to compare.
func bitsOf(x Tensor) string { return fmt.Sprintf("%v %x", x, x.Bytes()) }

// A batch gives what its examples give alone, to the bit, also if there are
// others in it that the network cannot take.
func TestTorchBatches(t *testing.T) {
	half, err := tensor.Of([]tensor.Half{1, 2, 3, 4}, 4)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := tensor.Of([]int64{1, 2, 3, 4}, 4)
	if err != nil {
		t.Fatal(err)
	}
	scalar, err := tensor.Of([]float32{-3})
	if err != nil {
		t.Fatal(err)
	}
	wide := examples(t, sequence(t, 2, 3, 48, 32))
	for name, c := range map[string]struct {
		h     *Torch
		batch []Tensor
		want  []string // stages and errors of those that fail
	}{
		"mlp": {
			&Torch{Model: torchFile("mlp.pth"), Network: &twoLayers{8}},
			append(examples(t, sequence(t, 37, 4)),
				vector(t, 1, 2, 3), Tensor{}, vector(t, 5, 6, 7), Tensor{half}, Tensor{whole}, Tensor{scalar}, vector(t)),
			[]string{
				"37 inference fc1: linear: got float32 (1, 3); want",
				"38 preprocess no tensor",
				"39 inference fc1: linear: got float32 (1, 3); want",
				"40 preprocess tensor: elements of type float16, want float32",
				"41 preprocess tensor: elements of type int64, want float32",
				"42 inference fc1: linear: got float32 (1,); want",
				"43 inference fc1: linear: got float32 (1, 0); want",
			},
		},
		"resnet": {
			&Torch{Model: torchFile("resnet18.pth")},
			append(append(examples(t, sequence(t, 3, 3, 32, 32)), wide...), examples(t, sequence(t, 2, 1, 32, 32))...),
			[]string{"5 inference conv1: conv2d: got float32 (1, 1, 32, 32); want", "6 inference conv1: conv2d"},
		},
		"any shape": {
			&Torch{Model: emptyCheckpoint(t), Network: &rectifier{}},
			append(wide, Tensor{scalar}, vector(t), vector(t, -1, 2), Tensor{scalar}),
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := loadTorch(t, c.h)
			out, err := m.Infer(t.Context(), c.batch)
			errs, _ := err.(ExampleErrors)
			if err != nil && len(errs) != len(c.batch) {
				t.Fatal(err)
			}
			var failed []string
			for i, e := range c.batch {
				if errs != nil && errs[i] != nil {
					stage, cause := stageOf(errs[i], StageInference)
					failed = append(failed, fmt.Sprintf("%d %s %v", i, stage, cause))
					continue
				}
				alone, err := m.Infer(t.Context(), []Tensor{e})
				if err != nil {
					t.Fatal(err)
				}
				for j := range alone[0] {
					if bitsOf(out[i][j]) != bitsOf(alone[0][j]) {
						t.Errorf("example %d: %s in a batch, %s alone", i, bitsOf(out[i][j]), bitsOf(alone[0][j]))
					}
				}
			}
			if len(failed) != len(c.want) {
				t.Fatalf("failures %q, want %q", failed, c.want)
			}
			for i, want := range c.want {
				if !strings.HasPrefix(failed[i], want) {
					t.Errorf("%q, want %q", failed[i], want)
				}
			}
			if out, err := m.Infer(t.Context(), nil); err != nil || len(out) != 0 {
				t.Errorf("of nothing %v, %v", out, err)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := m.Infer(ended, c.batch[:2]); !errors.Is(err, context.Canceled) {
				t.Errorf("after the end: %v", err)
			}
		})
	}
}

func emptyCheckpoint(t testing.TB) string {
	return (&checkpointFile{header: map[string]any{}}).write(t)
}

// summing has an output with as many rows for every batch.
type summing struct {
	runner
	rows int
}

func (s summing) Run(_ context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	y, err := tensor.New(tensor.Float32, s.rows, 7)
	return []*tensor.Tensor{in[0], y}, err
}

// What a network can only do for one example it does for one, whatever the batch.
func TestTorchWantsRows(t *testing.T) {
	batch := []Tensor{vector(t, 1), vector(t, 2), vector(t, 3, 4)}
	_, err := (&torchModel{summing{rows: 2}}).Infer(t.Context(), append(batch, vector(t, 5, 6)))
	if err != nil {
		t.Error(err)
	}
	_, err = (&torchModel{summing{rows: 3}}).Infer(t.Context(), batch)
	errs, ok := err.(ExampleErrors)
	want := "output 1 of the network is (3, 7) for a batch of 1: not one row for each example"
	if !ok || errs[0] == nil || errs[1] == nil || errs[2] == nil || errs[1].Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	m := &torchModel{summing{rows: 1}}
	_, err = m.Infer(t.Context(), batch)
	if _, ok := err.(ExampleErrors); ok || err == nil { // or else RunInference would not run them alone
		t.Errorf("got %#v, want an error of the batch", err)
	}
	if _, err := m.Infer(t.Context(), batch[:1]); err != nil {
		t.Error(err)
	}
}

// An outline has a shape and no elements, and must not shift those of the others.
func TestTorchRefusesOutlines(t *testing.T) {
	m := loadTorch(t, &Torch{Model: torchFile("mlp.pth"), Network: &twoLayers{8}})
	x := vector(t, 1, 2, 3, 4)
	alone, err := m.Infer(t.Context(), []Tensor{x})
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Infer(t.Context(), []Tensor{{x.Outline()}, x})
	errs, ok := err.(ExampleErrors)
	if !ok || errs[0] == nil || errs[1] != nil || bitsOf(out[1][0]) != bitsOf(alone[0][0]) {
		t.Errorf("got %v, %v", out, err)
	}
}

func TestTorchRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "shapes.pth", shapes.Model())
	detector := filepath.Join(dir, "shapes.pth")
	mlp := torchFile("mlp.pth")
	headless := narrowResNet18(5)
	headless.header["head.weight"] = headless.header["fc.weight"]
	delete(headless.header, "fc.weight")
	long := strings.Repeat("0", 64)
	for _, c := range []struct {
		h    Torch
		want string // of Validate, or else of Load
	}{
		{Torch{}, "no checkpoint"},
		{Torch{Model: mlp, Prefix: "model."}, "ends in a dot"},
		{Torch{Model: mlp, Threads: -1}, "-1 Threads"},
		{Torch{Model: mlp, SHA256: "12"}, "64 hexadecimal digits"},
		{Torch{Model: mlp, Network: &twoLayers{}}, "0 hidden numbers"},
		{Torch{Model: mlp, Network: &twoLayers{8}, Arch: "resnet18"}, "nn/vision too"},
		{Torch{Model: mlp, Arch: "alexnet"}, `no Arch "alexnet"`},
		{Torch{Model: mlp, Arch: "maskrcnn_resnet50_fpn"}, "beamio.Detector"},
		{Torch{Model: mlp, Network: &twoLayers{8}, Device: "cuda:1", Driver: "/nowhere/libcuda.so.1"}, noGPU()},
		{Torch{Model: mlp, Network: &twoLayers{8}, Device: "tpu"}, `"tpu" is not a device`},
		{Torch{Model: mlp, Network: &twoLayers{8}, Precision: op.Float16}, "precision float16"},
		{Torch{Model: mlp, Network: &twoLayers{8}, DeviceMemory: -1}, "a limit of -1 bytes"},
		{Torch{Model: "absent.pth", Network: &twoLayers{8}}, "absent.pth"},
		{Torch{Model: mlp, Network: &twoLayers{8}, SHA256: long}, long},
		{Torch{Model: mlp}, "no known network in this checkpoint"},
		{Torch{Model: detector}, "beamio.Detector"},
		{Torch{Model: torchFile("resnet18.pth"), Arch: "resnet50"}, "a resnet18, 5 classes, width 4, and not a resnet50"},
		{Torch{Model: headless.write(t), Arch: "resnet18"}, `Missing key(s) in state_dict: "fc.weight"`},
		{Torch{Model: emptyCheckpoint(t), Network: &rectifier{"nil"}}, "the network rectifier is nil"},
		{Torch{Model: emptyCheckpoint(t), Network: &rectifier{"none"}}, "the network rectifier has no outputs"},
	} {
		err := c.h.Validate()
		if err == nil {
			_, err = c.h.Load(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.h, err, c.want)
		}
	}
	// All that does not fit, at once.
	_, err := (&Torch{Model: torchFile("heads.pth"), Network: &twoLayers{7}}).Load(t.Context())
	e, ok := errors.AsType[*nn.StateDictError](err)
	if !ok || e.Network != "twoLayers" || len(e.Missing) != 2 || len(e.Unexpected) != 4 || len(e.Mismatch) != 2 {
		t.Errorf("got %v", err)
	}
	// A part of a checkpoint. What is beside it does not matter.
	loadTorch(t, &Torch{Model: torchFile("wrapped.pth"), Prefix: "state_dict", Network: &twoLayers{8}})
	_, err = (&Torch{Model: torchFile("wrapped.pth"), Network: &twoLayers{8}}).Load(t.Context())
	if err == nil || !strings.Contains(err.Error(), "state_dict") {
		t.Errorf("got %v", err)
	}
}

// noGPU returns what is said of a driver that is not there.
func noGPU() string {
	if r := cuda.Probe(cuda.Options{Driver: "/nowhere/libcuda.so.1"}); r.Absent != "" {
		return r.Absent
	}
	return "/nowhere/libcuda.so.1"
}

// notRegistered is a network that Beam does not know.
type notRegistered struct{ twoLayers }

func TestTorchTravels(t *testing.T) {
	h := &Torch{Model: "a.pth", Network: &twoLayers{8}, Prefix: "model", Threads: 2, Device: "cuda:1",
		Precision: op.BFloat16, Driver: "/d/libcuda.so.1", DeviceMemory: 1 << 30}
	p, err := pack(h)
	if err != nil {
		t.Fatal(err)
	}
	back, err := unpack[ModelHandler[Tensor, []Tensor]](p)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.(*Torch); *got.Network.(*twoLayers) != (twoLayers{8}) || got.Model != h.Model ||
		got.Prefix != h.Prefix || got.Threads != h.Threads || got.place() != h.place() {
		t.Errorf("got %+v", got)
	}
	other := h.WithPath("b.pth").(*Torch)
	if other.Model != "b.pth" || other.Network != h.Network || h.Model != "a.pth" || other.ModelID() != "b.pth" {
		t.Errorf("got %+v", other)
	}
	if _, err := pack(&Torch{Model: "a.pth", Network: &notRegistered{}}); err == nil ||
		!strings.Contains(err.Error(), "notRegistered is not registered") {
		t.Error(err)
	}
	if low, high := (&Torch{}).PreferredBatch(); low != 1 || high != 16 {
		t.Errorf("batches from %d to %d", low, high)
	}
	e := Tensor{sequence(t, 3, 5)}
	if n := h.Weight(e) + h.Weight(Tensor{}); n != 60 || sizeOf(e) != 60 || sizeOf([]any{e.Tensor}) != 60 {
		t.Errorf("an example weighs %d, and has %d bytes", n, sizeOf(e))
	}
}

// pixelsStep makes a tensor (3, H, W) of a picture.
type pixelsStep struct{ Scale float32 }

func (p *pixelsStep) Do(ctx context.Context, picture Picture) (Tensor, error) {
	rgb, err := picture.Decode(ctx)
	if err != nil {
		return Tensor{}, err
	}
	data := make([]float32, len(rgb.Pix))
	for i, v := range rgb.Pix {
		data[i%3*rgb.W*rgb.H+i/3] = float32(v) * p.Scale
	}
	t, err := tensor.Of(data, 3, rgb.H, rgb.W)
	return Tensor{t}, err
}

// topStep makes classes of logits.
type topStep struct{ K int }

func (s *topStep) Do(_ context.Context, outputs []Tensor) (Classes, error) {
	data, err := outputs[0].Float32s()
	if err != nil {
		return Classes{}, err
	}
	labels := make([]int, len(data))
	for i := range labels {
		labels[i] = i
	}
	slices.SortFunc(labels, func(a, b int) int { return int(math.Copysign(1, float64(data[b]-data[a]))) })
	c := Classes{Labels: labels[:s.K]}
	for _, l := range c.Labels {
		c.Names, c.Scores = append(c.Names, fmt.Sprint("class ", l)), append(c.Scores, data[l])
	}
	return c, nil
}

// Pictures go through a step to tensors, a network, and a step to classes.
func TestTorchBetweenSteps(t *testing.T) {
	small, large := jpegBytes(t, scene(32, 32, 1)), jpegBytes(t, scene(48, 40, 2))
	pictures := []Picture{{"a", small}, {"b", large}, {"c", small[:60]}, {"d", large}, {"e", small}}
	fn := &pixelsStep{1. / 64}
	torch := &Torch{Model: torchFile("resnet18.pth")}
	h := &Postprocess[Picture, []Tensor, Classes]{&topStep{2}, &Preprocess[Picture, Tensor, []Tensor]{fn, torch}}
	p, s := beam.NewPipelineWithRoot()
	res, bad := RunInferenceDLQ(s, h, beam.CreateList(s, pictures), WithBatchSize(5, 5))
	collect(s, "torch classes", beam.ParDo(s, renderClasses, res))
	collect(s, "torch classes bad", beam.ParDo(s, renderPictureFailure, bad))
	run(t, p)
	m := loadTorch(t, torch)
	var want []string
	for _, p := range pictures {
		if p.Name == "c" {
			continue
		}
		x, err := fn.Do(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		y, err := m.Infer(t.Context(), []Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		c, err := h.Fn.Do(t.Context(), y[0])
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprint(p.Name, c))
	}
	equal(t, "results", got("torch classes"), want)
	equal(t, "failures", got("torch classes bad"), []string{"c decode"})
}

// exampleOf emits a keyed example for every number, of 3 numbers for multiples
// of 5, which the network cannot take.
func exampleOf(at beam.EventTime, n int, emit func(string, Tensor)) error {
	size := 4
	if n%5 == 0 {
		size = 3
	}
	x, err := tensor.New(tensor.Float32, size)
	if err != nil {
		return err
	}
	data, err := x.Float32s()
	if err != nil {
		return err
	}
	data[0] = float32(n)
	emit(fmt.Sprint("n", n), Tensor{x})
	return nil
}

func renderTorch(
	_ context.Context, w beam.Window, at beam.EventTime, k string, r PredictionResult[Tensor, []Tensor],
) string {
	return fmt.Sprintf("%s in %v at %v: %s → %s by %s", k, w, at, bitsOf(r.Example), bitsOf(r.Inference[0]), r.ModelID)
}

func renderTorchFailure(_ context.Context, w beam.Window, at beam.EventTime, k string, f Failure[Tensor]) string {
	return fmt.Sprintf("%s in %v at %v: %v, %s: %s", k, w, at, f.Example, f.Stage, f.Error)
}

// Keyed tensors cross stages before and after the network, in windows.
func TestTorchKeyedAndInWindows(t *testing.T) {
	h := &Torch{Model: torchFile("mlp.pth"), Network: &twoLayers{8}}
	m := loadTorch(t, h)
	var want, wantBad []string
	for n := range 40 {
		start := n / 10 * 10 * 1000
		w := window.IntervalWindow{Start: beam.EventTime(start), End: beam.EventTime(start + 10_000)}
		at := beam.EventTime(n * 1000)
		if n%5 == 0 {
			wantBad = append(wantBad, fmt.Sprintf("n%d in %v at %v: float32 (3,), inference: "+
				"fc1: linear: got float32 (1, 3); want float32 (N, 4)", n, w, at))
			continue
		}
		x := vector(t, float32(n), 0, 0, 0)
		y, err := m.Infer(t.Context(), []Tensor{x})
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("n%d in %v at %v: %s → %s by %s", n, w, at, bitsOf(x), bitsOf(y[0][0]), h.Model))
	}
	p, s, col := ptest.CreateList(count(0, 40))
	col = beam.WindowInto(s, window.NewFixedWindows(10*time.Second), beam.ParDo(s, &timestampFn{}, col))
	col = beam.Reshuffle(s, beam.ParDo(s, exampleOf, col))
	res, bad := RunInferenceDLQ(s, h, col, WithBatchSize(1, 8))
	collect(s, "torch", beam.ParDo(s, renderTorch, beam.Reshuffle(s, res)))
	collect(s, "torch bad", beam.ParDo(s, renderTorchFailure, beam.Reshuffle(s, bad)))
	c := counters(run(t, p), DefaultNamespace)
	equal(t, "results", got("torch"), want)
	equal(t, "failures", got("torch bad"), wantBad)
	if c["num_inferences"] != 32 || c["failed_examples"] != 8 {
		t.Errorf("counters %v", c)
	}
}

// The checkpoint may come with the examples.
func TestTorchUpdated(t *testing.T) {
	path := emptyCheckpoint(t)
	p, s, col := ptest.CreateList(count(1, 4))
	tensors := beam.ParDo(s, exampleOf, beam.ParDo(s, &timestampFn{}, col))
	h := &Torch{Model: "absent.pth", Network: &rectifier{}}
	res := RunInference(s, h, tensors, WithModelUpdates(beam.Create(s, path)))
	collect(s, "torch updated", beam.ParDo(s, renderTorch, res))
	run(t, p)
	lines := got("torch updated")
	if len(lines) != 3 {
		t.Errorf("got %q", lines)
	}
	for _, l := range lines {
		if !strings.HasSuffix(l, " by "+path) {
			t.Errorf("got %q, want a result by %s", l, path)
		}
	}
}

// What a network refuses has the types of packages nn and vision.
func TestTorchErrorsHaveTypes(t *testing.T) {
	m := loadTorch(t, &Torch{Model: torchFile("mlp.pth"), Network: &twoLayers{8}})
	_, err := m.Infer(t.Context(), []Tensor{vector(t, 1)})
	if e, ok := errors.AsType[*op.ShapeError](err); !ok || e.Path != "fc1" {
		t.Errorf("got %v", err)
	}
	_, err = (&Torch{Model: torchFile("mlp.pth")}).Load(t.Context())
	if _, ok := errors.AsType[*vision.UnknownArchitectureError](err); !ok {
		t.Errorf("got %v", err)
	}
}
