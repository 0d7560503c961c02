package beamio

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

func init() {
	Register(&Segmenter{})
	register.Function2x1(renderSegments)
	register.Function2x1(renderFound)
}

// golden is a network of the repository's golden data, to be written to a file.
type golden struct{ *procedural.Checkpoint }

func (g golden) Info(key string) (loaders.Info, bool) {
	x, err := g.Tensor(key)
	if err != nil {
		return loaders.Info{}, false
	}
	return loaders.Info{DType: x.DType(), Shape: x.Shape()}, true
}

// writeGolden writes the network of a file of golden data and returns the checkpoint's path.
func writeGolden(t *testing.T, name string) string {
	t.Helper()
	c, err := procedural.Golden(os.DirFS("../testdata"), name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "network.safetensors")
	if err := loaders.SaveSafetensors(path, golden{c}); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, path string) *loaders.Checkpoint {
	t.Helper()
	c, err := loaders.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDetectorFamilies runs every kind of detector with nothing but its checkpoint, on pictures of several sizes and
// what is none, and compares the rows with vision's answers.
func TestDetectorFamilies(t *testing.T) {
	data := map[string][]byte{
		"a": pngBytes(t, shapesScene(120, 80, 1)), "b": pngBytes(t, shapesScene(64, 96, 2)), "c": []byte("no picture"),
	}
	var pictures []Picture
	for name, d := range data {
		pictures = append(pictures, Picture{name, d})
	}
	for name, c := range map[string]struct {
		minSize  int
		score    float64
		sizeless bool
	}{
		"dense/retinanet.json": {96, 0, false}, "dense/fcos.json": {96, 0, false},
		"rcnn/fasterrcnn_mobile.json": {96, 0, false}, "rcnn/keypointrcnn.json": {96, 0, false},
		"ssd/ssd300.json": {0, 0, true}, "ssd/ssdlite320.json": {0, 0.3, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Detector{Model: writeGolden(t, name), MinSize: c.minSize, Score: c.score}
			p, s := beam.NewPipelineWithRoot()
			results, failures := RunInferenceDLQ(s, h, beam.CreateList(s, pictures), WithBatchSize(2, 3))
			collect(s, name, beam.ParDo(s, renderFound, results))
			collect(s, name+" failures", beam.ParDo(s, renderPictureFailure, failures))
			run(t, p)
			equal(t, "failures", got(name+" failures"), []string{"c decode"})

			d, err := vision.NewDetector(t.Context(), kernels.CPU(), open(t, h.Model), h.options()...)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			var want []string
			for _, file := range []string{"a", "b"} {
				img, err := picture.Decode(data[file], picture.DecodeOptions{})
				if err != nil {
					t.Fatal(err)
				}
				found, err := d.Detect(t.Context(), img)
				if err != nil {
					t.Fatal(err)
				}
				if found.Len() == 0 {
					t.Errorf("nothing in %s", file)
				}
				row := newDetections(found, true)
				want = append(want, renderFound(t.Context(), PredictionResult[Picture, Detections]{Picture{Name: file}, row, ""}))
			}
			equal(t, "results", got(name), want)

			if h.MinSize = 96; c.sizeless {
				_, err := h.Load(t.Context())
				if e, ok := errors.AsType[*vision.OptionError](err); !ok || !strings.Contains(e.Want, "a fixed one") {
					t.Errorf("MinSize: %v", err)
				}
			}
		})
	}
}

// TestWrongHandler gives checkpoints to handlers of other tasks, which say what runs them.
func TestWrongHandler(t *testing.T) {
	classifier, detector := writeGolden(t, "vit/golden.json"), writeGolden(t, "ssd/ssd300.json")
	segmenter := writeGolden(t, "segmentation/lraspp_mobilenet_v3_large.json")
	labels := filepath.Join(t.TempDir(), "names")
	write(t, filepath.Dir(labels), "names", []byte("a\nb\n"))
	for _, c := range []struct {
		load func(context.Context) error
		want string
	}{
		{loader(&Detector{Model: classifier}), "vit_3_16 is a network for classification, not for detection: beamio.Classifier"},
		{loader(&Detector{Model: segmenter, Labels: labels}), "for segmentation, not for detection: beamio.Segmenter runs it"},
		{loader(&Classifier{Model: detector}), "for detection, not for classification: beamio.Detector runs it"},
		{loader(&Classifier{Model: segmenter, Labels: labels}), "beamio.Segmenter runs it"},
		{loader(&Segmenter{Model: classifier, Labels: labels}), "beamio.Classifier runs it"},
		{loader(&Segmenter{Model: detector}), "beamio.Detector runs it"},
		{loader(&Torch{Model: detector}), "beamio.Detector is for those"},
	} {
		if err := c.load(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

func loader[E, P any](h ModelHandler[E, P]) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := h.Load(ctx)
		return err
	}
}

// TestTorchFamilies runs networks of package vision on tensors, with their names and recognised.
func TestTorchFamilies(t *testing.T) {
	for file, c := range map[string]struct {
		arch string
		side int
	}{
		"vit/golden.json": {"vit_3_16", 0}, "convnext/golden.json": {"convnext_2_1_3_2", 64},
		"vgg/golden.json": {"vgg13_bn", 0}, "mobilenetv2/golden.json": {"mobilenet_v2", 64},
		"segmentation/lraspp_mobilenet_v3_large.json": {"lraspp_mobilenet_v3_large", 32},
	} {
		path := writeGolden(t, file)
		src := open(t, path)
		a, err := vision.Recognize(src)
		if err != nil {
			t.Fatal(err)
		}
		side := max(c.side, a.Picture)
		m := loadTorch(t, &Torch{Model: path, Arch: c.arch})
		x := sequence(t, 2, 3, side, side)
		out, err := m.Infer(t.Context(), examples(t, x))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var net logiter
		if a.Task == vision.Segmentation {
			net, err = vision.NewSegmenter(t.Context(), kernels.CPU(), src)
		} else {
			net, err = vision.NewClassifier(t.Context(), kernels.CPU(), src)
		}
		if err != nil {
			t.Fatal(err)
		}
		y, err := net.Logits(t.Context(), x)
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range out {
			want, err := y.Index(i)
			if err != nil || len(row) != 1 || !row[0].Shape().Equal(want.Shape()) || string(row[0].Bytes()) != string(want.Bytes()) {
				t.Errorf("%s, example %d: %v, want %v, %v", file, i, row, want, err)
			}
		}
		if err := net.Close(); err != nil {
			t.Error(err)
		}
		if _, err := (&Torch{Model: path, Arch: "resnet50"}).Load(t.Context()); err == nil ||
			!strings.Contains(err.Error(), "and not a resnet50") {
			t.Errorf("%s as a resnet50: %v", file, err)
		}
	}
}

// TestSegmenter segments pictures of two sizes, one that cannot be decoded and one that is too oblong, with and without
// keys, and compares the rows with vision's answers.
func TestSegmenter(t *testing.T) {
	h := &Segmenter{Model: writeGolden(t, "segmentation/lraspp_mobilenet_v3_large.json"), MinSize: 64}
	data := map[string][]byte{
		"a": pngBytes(t, shapesScene(90, 70, 1)), "b": pngBytes(t, shapesScene(64, 96, 2)), "c": []byte("no picture"),
		"d": pngBytes(t, shapesScene(100, 1, 3)),
	}
	var pictures []Picture
	for name, d := range data {
		pictures = append(pictures, Picture{name, d})
	}
	p, s := beam.NewPipelineWithRoot()
	results, failures := RunInferenceDLQ(s, h, beam.CreateList(s, pictures), WithBatchSize(2, 4))
	collect(s, "segments", beam.ParDo(s, renderSegments, results))
	collect(s, "segments failed", beam.ParDo(s, renderPictureFailure, failures))
	const rows, keyed = "memfs://segments/rows", "memfs://segments/keyed"
	WriteJSONL(s, rows, SegmentRows(s, results))
	WriteJSONL(s, keyed, SegmentRows(s, beam.AddFixedKey(s, results)))
	run(t, p)
	equal(t, "failures", got("segments failed"), []string{"c decode", "d inference"})

	net, err := vision.NewSegmenter(t.Context(), kernels.CPU(), open(t, h.Model), vision.WithMinSize(64))
	if err != nil {
		t.Fatal(err)
	}
	defer net.Close()
	var want, lines, keyedLines []string
	for _, file := range []string{"a", "b"} {
		img, err := picture.Decode(data[file], picture.DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := net.Segment(t.Context(), img)
		if err != nil {
			t.Fatal(err)
		}
		found := newSegments(m, true)
		checkSegments(t, m, found)
		want = append(want, renderSegments(t.Context(), PredictionResult[Picture, Segments]{Picture{Name: file}, found, ""}))
		row := NewSegmentRow(file, &found)
		lines = append(lines, mustJSON(t, row))
		keyedLines = append(keyedLines, mustJSON(t, KeyedSegmentRow{"0", row.File, row.Class}))
	}
	equal(t, "results", got("segments"), want)
	for path, want := range map[string][]string{rows: lines, keyed: keyedLines} {
		text, err := ReadFile(t.Context(), path, 1<<20)
		if err != nil || string(text) != strings.Join(want, "\n")+"\n" {
			t.Errorf("%s: %s, %v, want %s", path, text, err, want)
		}
	}
	for _, h := range []*Segmenter{
		{}, {Model: "m", MinSize: -1}, {Model: "m", Threads: -1}, {Model: "m", Preset: "COCO_V1"}, {Model: "m", SHA256: "0"},
		{Model: "m", Device: "tpu"},
	} {
		if h.Validate() == nil {
			t.Errorf("%+v is valid", h)
		}
	}
	if err := (&Segmenter{Model: "m", Preset: "COCO_WITH_VOC_LABELS_V1", MinSize: 520}).Validate(); err != nil {
		t.Error(err)
	}
}

// checkSegments wants of a picture's row every pixel in one mask, that of its class, and the shares in order.
func checkSegments(t *testing.T, m *vision.ClassMap, found Segments) {
	t.Helper()
	if len(found.Labels) < 2 {
		t.Errorf("%d classes show nothing", len(found.Labels))
	}
	sum, counted := 0.0, 0
	for i, label := range found.Labels {
		b, err := picture.RLE{H: found.Height, W: found.Width, Counts: found.Masks[i]}.Decode()
		if err != nil {
			t.Fatal(err)
		}
		counted += b.Area()
		for y := range found.Height {
			for x := range found.Width {
				if b.At(x, y) != (m.At(x, y) == label) {
					t.Fatalf("the mask of %s is wrong at (%d, %d)", found.Names[i], x, y)
				}
			}
		}
		if sum += found.Shares[i]; i > 0 && found.Shares[i] > found.Shares[i-1] {
			t.Errorf("shares %v", found.Shares)
		}
	}
	if math.Abs(sum-1) > 1e-9 || counted != found.Width*found.Height {
		t.Errorf("shares %v and %d pixels", found.Shares, counted)
	}
	if got := newSegments(m, false); got.Masks != nil || len(got.Shares) != len(found.Shares) {
		t.Errorf("without masks: %v", got)
	}
}

func renderSegments(_ context.Context, r PredictionResult[Picture, Segments]) string {
	return fmt.Sprint(r.Example.Name, r.Inference)
}

func renderFound(_ context.Context, r PredictionResult[Picture, Detections]) string {
	return fmt.Sprint(r.Example.Name, r.Inference)
}
