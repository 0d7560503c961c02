package beamio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func init() {
	Register(&Detector{})
	Register(&Classifier{})
	Register(&Linear{})
	register.Function1x1(single)
	register.Function2x1(renderLinear)
	register.Function2x1(renderClasses)
	register.Function2x1(renderPictureFailure)
	register.Function2x1(renderDetections)
}

func single(n int) []float32 { return []float32{float32(n)} }

func renderLinear(_ context.Context, r PredictionResult[[]float32, []float32]) string {
	return fmt.Sprint(r.Example, r.Inference)
}

func TestTenThousandLinearExamples(t *testing.T) {
	const n = 10_000
	path := table(5, 0.5).write(t)
	p, s, col := ptest.CreateList(count(0, n))
	res, bad := RunInferenceDLQ(s, &Linear{Model: path}, beam.Reshuffle(s, beam.ParDo(s, single, col)))
	collect(s, "linear", beam.ParDo(s, renderLinear, res))
	m := run(t, p)
	_ = bad
	lines := got("linear")
	if len(lines) != n {
		t.Fatalf("%d results, want %d", len(lines), n)
	}
	seen := make(map[string]bool)
	for _, l := range lines {
		seen[l] = true
	}
	for i := range n {
		if want := fmt.Sprintf("[%d] [%v]", i, float32(5*i)+0.5); !seen[want] {
			t.Fatalf("no result %q", want)
		}
	}
	c := counters(m, DefaultNamespace)
	if c["num_inferences"] != n || c["failed_examples"] != 0 {
		t.Errorf("counters %v", c)
	}
	if d := distributions(m, DefaultNamespace)["inference_request_batch_size"]; d.Sum != n || d.Count > n/2 {
		t.Errorf("batches %+v", d)
	}
}

func TestLinearRefusesWhatDoesNotFit(t *testing.T) {
	h := &Linear{Model: table(5, 0).write(t)}
	m, err := h.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Infer(t.Context(), [][]float32{{20}, {}, {1, 2}, {-3}})
	each, ok := err.(ExampleErrors)
	if !ok || each[0] != nil || each[1] == nil || each[2] == nil || each[3] != nil {
		t.Fatalf("errors %v", err)
	}
	if out[0][0] != 100 || out[3][0] != -15 {
		t.Errorf("got %v", out)
	}
	if stage, cause := stageOf(each[2], ""); stage != StagePreprocess || !strings.Contains(cause.Error(), "2 numbers") {
		t.Errorf("%s: %v", stage, cause)
	}
	for _, h := range []*Linear{
		{Model: filepath.Join(t.TempDir(), "absent")},
		{Model: table(1, 1).write(t), Layer: "fc"},
		{Model: narrowResNet18(3).write(t)},
		{Model: "absent://x"},
	} {
		if m, err := h.Load(t.Context()); err == nil {
			t.Errorf("%+v loaded as %v", h, m)
		}
	}
	if (&Linear{}).Validate() == nil {
		t.Error("a Linear without a checkpoint is valid")
	}
}

// scene draws a disc and a square; seed moves and colours them.
func scene(w, h, seed int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	cx, cy := w/4+seed*7%(w/2), h/4+seed*5%(h/2)
	for y := range h {
		for x := range w {
			c := color.RGBA{uint8(40 + seed*3%60), uint8(90 + x%7), uint8(60 + y%5), 255}
			if dx, dy := x-cx, y-cy; dx*dx+dy*dy < w*h/40 {
				c = color.RGBA{220, uint8(seed * 11), 60, 255}
			}
			if x > w*2/3 && y > h*2/3 {
				c = color.RGBA{50, 60, uint8(200 + seed%50), 255}
			}
			img.SetRGBA(x, y, c)
		}
	}
	return img
}

func jpegBytes(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngBytes(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t testing.TB, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// shapesModel writes the embedded model and the names of its classes to a
// directory and returns a handler for it.
func shapesModel(t testing.TB) *Detector {
	dir := t.TempDir()
	write(t, dir, "shapes.pth", shapes.Model())
	write(t, dir, "names.txt", []byte(strings.Join(shapes.Labels(), "\r\n")+"\r\n"))
	return &Detector{
		Model: filepath.Join(dir, "shapes.pth"), Labels: filepath.Join(dir, "names.txt"),
		MinSize: 64, MaxSize: 96, Score: 0.3,
	}
}

func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for line := range strings.Lines(string(data)) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v in %q", path, err, line)
		}
		out = append(out, v)
	}
	return out
}

func renderDetections(_ context.Context, r PredictionResult[Picture, Detections]) string {
	data, err := json.Marshal(r)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestDetectorEqualsVision compares with the network used without Beam, with
// the model and a picture behind a filesystem, another picture as bytes, and
// results that cross a stage.
func TestDetectorEqualsVision(t *testing.T) {
	h := shapesModel(t)
	img := scene(90, 70, 5)
	data := pngBytes(t, img)
	for name, content := range map[string][]byte{
		"in/a.png": data, "shapes.pth": shapes.Model(), "names.txt": []byte(strings.Join(shapes.Labels(), "\n")),
	} {
		memfs.Write("memfs://detector/"+name, content)
	}
	h.Model, h.Labels = "memfs://detector/shapes.pth", "memfs://detector/names.txt"
	p, s := beam.NewPipelineWithRoot()
	pictures := beam.Flatten(s, MatchImages(s, "memfs://detector/in/*"), beam.Create(s, Picture{"b", data}))
	res := beam.Reshuffle(s, RunInference(s, h, pictures))
	collect(s, "detector", beam.ParDo(s, renderDetections, res))
	run(t, p)

	src, err := loaders.OpenBytes(shapes.Model(), "shapes")
	if err != nil {
		t.Fatal(err)
	}
	d, err := vision.NewDetector(t.Context(), kernels.CPU(), src, vision.WithMinSize(64), vision.WithMaxSize(96),
		vision.WithScoreThreshold(0.3), vision.WithLabels(shapes.Labels()))
	if err != nil {
		t.Fatal(err)
	}
	want, err := d.Detect(t.Context(), img)
	if err != nil {
		t.Fatal(err)
	}
	if want.Len() == 0 || len(got("detector")) != 2 {
		t.Fatalf("%d objects, %d results", want.Len(), len(got("detector")))
	}
	for _, line := range got("detector") {
		var r PredictionResult[Picture, Detections]
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		found := &r.Inference
		if r.ModelID != h.Model || found.Len() != want.Len() || found.Width != 90 || found.Height != 70 {
			t.Fatalf("got %+v", r)
		}
		for i := range want.Boxes {
			if found.Box(i) != want.Boxes[i] || found.Labels[i] != want.Labels[i] || found.Names[i] != want.Names[i] ||
				found.Scores[i] != want.Scores[i] || found.RLE(i) != want.Masks[i].RLE(0.5) {
				t.Errorf("%s: object %d differs", r.Example, i)
			}
		}
	}
}

func TestDetectorOptions(t *testing.T) {
	zero, nan := 0.0, math.NaN()
	for _, h := range []*Detector{
		{}, {Model: "m", MinSize: -1}, {Model: "m", Score: 2}, {Model: "m", Score: nan}, {Model: "m", Eps: &nan},
		{Model: "m", MaxSize: -1}, {Model: "m", MaxSize: 1<<16 + 1}, {Model: "m", Score: -0.1}, {Model: "m", Threads: -1},
		{Model: "m", Preset: "IMAGENET1K_V1"}, {Model: "m", Preset: "coco"},
	} {
		if err := h.Validate(); err == nil || h.Model != "" && !errors.As(err, new(*vision.OptionError)) {
			t.Errorf("%+v: %v", h, err)
		}
	}
	h := shapesModel(t)
	h.Eps, h.Preset, h.NoMasks = &zero, "COCO_V1", true
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	m, err := h.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.Infer(t.Context(), []Picture{{"a", pngBytes(t, scene(90, 70, 5))}, {"", nil}, {"no such file", nil}})
	each, ok := err.(ExampleErrors)
	if !ok || each[0] != nil || out[0].Masks != nil {
		t.Errorf("got %v, %v", out, err)
	}
	for _, err := range each[1:] {
		if stage, _ := stageOf(err, ""); stage != StageRead {
			t.Errorf("stage %q of %v", stage, err)
		}
	}
	for change, f := range map[string]func(h *Detector){
		"preset": func(h *Detector) { h.Preset = "none" },
		"names":  func(h *Detector) { h.Labels = h.Model },
		"absent": func(h *Detector) { h.Labels = "absent" },
		"model":  func(h *Detector) { h.Model = h.Labels },
	} {
		h := shapesModel(t)
		if f(h); true {
			if _, err := h.Load(t.Context()); err == nil {
				t.Errorf("a wrong %s did not matter", change)
			}
		}
	}
}

func renderClasses(_ context.Context, r PredictionResult[Picture, Classes]) string {
	return fmt.Sprint(r.Example.Name, r.Inference)
}

func renderPictureFailure(_ context.Context, f Failure[Picture]) string {
	return f.Example.Name + " " + f.Stage
}

func TestClassifierEqualsVision(t *testing.T) {
	path := narrowResNet18(7).write(t)
	names := filepath.Join(t.TempDir(), "names")
	write(t, filepath.Dir(names), "names", []byte("a\nb\nc\nd\ne\nf\ng\n"))
	p, s := beam.NewPipelineWithRoot()
	data := jpegBytes(t, scene(40, 60, 3))
	h := &Classifier{Model: path, Labels: names, Top: 3}
	res, bad := RunInferenceDLQ(s, h, beam.Create(s, Picture{"a", data}, Picture{"b", data[:50]}, Picture{"c", data}))
	collect(s, "classes", beam.ParDo(s, renderClasses, res))
	collect(s, "classes bad", beam.ParDo(s, renderPictureFailure, bad))
	run(t, p)
	src, err := loaders.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := vision.NewClassifier(t.Context(), kernels.CPU(), src, vision.WithLabels(strings.Split("abcdefg", "")))
	if err != nil {
		t.Fatal(err)
	}
	img, err := picture.Decode(data, picture.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Classify(t.Context(), img, 3)
	if err != nil {
		t.Fatal(err)
	}
	var want Classes
	for _, a := range answer {
		want.Labels, want.Names = append(want.Labels, a.Label), append(want.Names, a.Name)
		want.Scores = append(want.Scores, a.Probability)
	}
	equal(t, "results", got("classes"), []string{fmt.Sprint("a", want), fmt.Sprint("c", want)})
	equal(t, "failures", got("classes bad"), []string{"b decode"})
	for _, h := range []*Classifier{
		{}, {Model: "m", Top: -1}, {Model: "m", Threads: -1}, {Model: "m", Preset: "COCO_V1"},
	} {
		if h.Validate() == nil {
			t.Errorf("%+v is valid", h)
		}
	}
	if err := (&Classifier{Model: "m", Preset: "IMAGENET1K_V2", Top: 1, Threads: 1}).Validate(); err != nil {
		t.Error(err)
	}
}
