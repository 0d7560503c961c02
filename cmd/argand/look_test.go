package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/loaders"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/nn/vision"
)

// procedurals are the tensors of a network of the golden tests.
type procedurals struct{ *procedural.Checkpoint }

func (p procedurals) Info(key string) (loaders.Info, bool) {
	x, err := p.Tensor(key)
	if err != nil {
		return loaders.Info{}, false
	}
	return loaders.Info{Key: key, DType: x.DType(), Shape: x.Shape()}, true
}

// checkpointFile writes a network of the golden tests as a file.
func checkpointFile(t *testing.T, name string, c *procedural.Checkpoint, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := loaders.WriteSafetensors(&b, procedurals{c}); err != nil {
		t.Fatal(err)
	}
	return writeTemp(t, t.TempDir(), name, b.Bytes())
}

func classifierFile(t *testing.T) string {
	t.Helper()
	c, err := procedural.Classifier(os.DirFS("../../testdata"), "mobilenet_v3_small")
	return checkpointFile(t, "mobile.safetensors", c, err)
}

func segmenterFile(t *testing.T) string {
	t.Helper()
	c, err := procedural.Golden(os.DirFS("../../testdata"), "segmentation/lraspp_mobilenet_v3_large.json")
	return checkpointFile(t, "lraspp.safetensors", c, err)
}

func decoded(t *testing.T, path string) *picture.RGB {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p, err := picture.Decode(data, picture.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestClassify(t *testing.T) {
	model := classifierFile(t)
	files := pictures(t, "s256.png", "s512.png")
	src, err := loaders.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	k, err := vision.NewClassifier(t.Context(), kernels.CPU(), src, vision.WithPreset("IMAGENET1K_V1"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	out := t.TempDir()
	status, stdout, stderr := command(t, "classify", "--model", model, "--json", "--top", "3", "--overlay", out,
		files[0], files[1])
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	var got []classification
	strict(t, stdout, &got)
	if len(got) != 2 {
		t.Fatalf("%d records in %q", len(got), stdout)
	}
	for i, r := range got {
		want, err := k.Classify(t.Context(), decoded(t, files[i]), 3)
		if err != nil {
			t.Fatal(err)
		}
		if r.File != files[i] || r.Frame != nil || len(r.Classes) != 3 {
			t.Errorf("record %+v", r)
		}
		for j, c := range r.Classes {
			if vision.Class(c) != want[j] {
				t.Errorf("class %d is %+v, want %+v", j, c, want[j])
			}
		}
	}
	if got := listing(t, out); got != "s256.overlay.png s512.overlay.png" {
		t.Errorf("overlays %s", got)
	}
	status, stdout, _ = command(t, "classify", "--model", model, files[0])
	if lines := strings.Split(strings.TrimSpace(stdout), "\n"); status != 0 || len(lines) != 6 ||
		!strings.HasPrefix(lines[0], "FILE") || !strings.Contains(lines[1], got[0].Classes[0].Name) {
		t.Errorf("status %d, table %q", status, stdout)
	}

	// The side-car beside the checkpoint decides, unless another or none is asked for.
	beside := strings.TrimSuffix(model, ".safetensors") + ".json"
	names := slices.Repeat([]string{"beside"}, 1000)
	data, err := json.Marshal(map[string]any{"categories": names})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(beside, data, 0o644); err != nil {
		t.Fatal(err)
	}
	other := writeTemp(t, t.TempDir(), "other.json", bytes.ReplaceAll(data, []byte("beside"), []byte("other")))
	for want, flags := range map[string][]string{
		"beside": nil, "other": {"--sidecar", other}, got[0].Classes[0].Name: {"--sidecar", "none"},
	} {
		_, stdout, stderr := command(t, append([]string{"classify", "--model", model, "--jsonl", files[0]}, flags...)...)
		var r classification
		if strict(t, stdout, &r); r.Classes[0].Name != want {
			t.Errorf("%q: %q, %q; want %s", flags, r.Classes[0].Name, stderr, want)
		}
	}
}

func TestSegment(t *testing.T) {
	model := segmenterFile(t)
	file := pictures(t, "s256.png")[0]
	maps, overlays := t.TempDir(), t.TempDir()
	status, stdout, stderr := command(t, "segment", "--model", model, "--jsonl", "--min-size", "128", "--maps", maps,
		"--overlay", overlays, file)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	var got segmentation
	strict(t, stdout, &got)
	src, err := loaders.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	s, err := vision.NewSegmenter(t.Context(), kernels.CPU(), src, vision.WithMinSize(128))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want, err := s.Segment(t.Context(), decoded(t, file))
	if err != nil {
		t.Fatal(err)
	}
	if got.File != file || got.Width != want.Width || got.Height != want.Height || len(got.Classes) < 2 {
		t.Fatalf("got %+v", got)
	}
	shares := 0.0
	for _, c := range got.Classes {
		shares += c.Share
		mask, err := c.Mask.Decode()
		if err != nil {
			t.Fatal(err)
		}
		for i, label := range want.Classes {
			if mask.At(i%want.Width, i/want.Width) != (int(label) == c.Label) {
				t.Fatalf("the mask of %s is wrong at pixel %d", c.Name, i)
			}
		}
	}
	if math.Abs(shares-1) > 1e-9 {
		t.Errorf("shares are %v together", shares)
	}
	m, ok := decodePNG(t, filepath.Join(maps, "s256.png")).(*image.Paletted)
	if !ok || !bytes.Equal(m.Pix, want.Classes) {
		t.Error("the map is not that of the network")
	}
	if got := listing(t, overlays); got != "s256.overlay.png" {
		t.Errorf("overlays %s", got)
	}
	status, stdout, _ = command(t, "segment", "--model", model, "--min-size", "128", file)
	if status != 0 || strings.Count(stdout, "\n") != 1+len(got.Classes) || !strings.Contains(stdout, got.Classes[0].Name) {
		t.Errorf("status %d, table %q", status, stdout)
	}
}

// TestOtherTask gives networks to the wrong commands, which name the right ones.
func TestOtherTask(t *testing.T) {
	file := pictures(t, "s256.png")[0]
	for model, want := range map[string]string{
		classifierFile(t): "mobilenet_v3_small is a network for classification, not for detection: argand classify runs it",
		segmenterFile(t):  "a network for segmentation, not for detection: argand segment runs it",
	} {
		status, _, stderr := command(t, "detect", "--model", model, file)
		if status != 1 || !strings.Contains(stderr, want) {
			t.Errorf("status %d, %q, want %q", status, stderr, want)
		}
	}
}

// TestWholeModule tells what makes a checkpoint of a pickled module.
func TestWholeModule(t *testing.T) {
	status, _, stderr := command(t, "classify", "--model", "../../loaders/testdata/net_legacy.pth", "x.png")
	if status != 1 || !strings.Contains(stderr, "argand convert --inert") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// animation returns a GIF of pictures, with so many colours as it may have.
func animation(t *testing.T, frames ...string) []byte {
	t.Helper()
	var g gif.GIF
	for _, f := range frames {
		img := decodePNG(t, f)
		var palette color.Palette
		for i := range 216 {
			palette = append(palette, color.RGBA{uint8(i % 6 * 51), uint8(i / 6 % 6 * 51), uint8(i / 36 * 51), 255})
		}
		p := image.NewPaletted(img.Bounds(), palette)
		for y := range img.Bounds().Dy() {
			for x := range img.Bounds().Dx() {
				p.Set(x, y, img.At(x, y))
			}
		}
		g.Image, g.Delay = append(g.Image, p), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDetectSeries looks at a directory with an animation in it, and at the animation on standard input.
func TestDetectSeries(t *testing.T) {
	file := pictures(t, "s256.png")[0]
	dir := t.TempDir()
	clip := writeTemp(t, dir, "clip.gif", animation(t, file, file, file))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	single := writeTemp(t, dir, "SINGLE.PNG", data)
	writeTemp(t, dir, "notes.txt", nil)
	writeTemp(t, dir, ".hidden.png", nil)
	if err := os.MkdirAll(filepath.Join(dir, "below.png"), 0o777); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	coco := filepath.Join(out, "coco.json")
	status, stdout, stderr := command(t, "detect", "--min-size", "256", "--json", "--overlay", out, "--coco", coco,
		"--top-n", "1", dir)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	var got []result
	strict(t, stdout, &got)
	var titles []string
	for _, r := range got {
		title := r.File
		if r.Frame != nil {
			title = fmt.Sprintf("%s[%d]", r.File, *r.Frame)
		}
		titles = append(titles, title)
		if len(r.Detections) != 1 {
			t.Errorf("%s: %d objects, want the best", title, len(r.Detections))
		}
	}
	if want := []string{single, clip + "[0]", clip + "[1]", clip + "[2]"}; !slices.Equal(titles, want) {
		t.Errorf("looked at %q, want %q", titles, want)
	}
	if got := listing(t, out); got != "SINGLE.PNG.overlay.png clip.gif.0000.overlay.png clip.gif.0001.overlay.png "+
		"clip.gif.0002.overlay.png coco.json" {
		t.Errorf("wrote %s", got)
	}
	var results []vision.COCOResult
	if data, err = os.ReadFile(coco); err != nil {
		t.Fatal(err)
	}
	strict(t, string(data), &results)
	for i, r := range results {
		if r.ImageID != i+1 || r.CategoryID != got[i].Detections[0].Label || *r.Segmentation != *got[i].Detections[0].Mask {
			t.Errorf("result %d: %+v", i, r)
		}
	}

	from, err := os.Open(clip)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	was := os.Stdin
	os.Stdin = from
	defer func() { os.Stdin = was }()
	status, stdout, stderr = command(t, "detect", "--min-size", "256", "--jsonl", "-")
	if status != 0 || strings.Count(stdout, `{"file":"-","frame":`) != 3 {
		t.Errorf("status %d, stderr %q, stdout %.300q", status, stderr, stdout)
	}
}

// TestSeriesColours draws objects in another order: in a series they keep their colours.
func TestSeriesColours(t *testing.T) {
	found := func(labels ...int) detected {
		d := &vision.Detections{Width: 400, Height: 400}
		for _, l := range labels {
			x := float32(100 * l)
			d.Boxes = append(d.Boxes, [4]float32{x, 200, x + 80, 300})
			d.Labels, d.Names, d.Scores = append(d.Labels, l), append(d.Names, ""), append(d.Scores, 1)
		}
		return detected{d}
	}
	for _, series := range []bool{true, false} {
		v := &view{series: series, img: picture.NewRGB(400, 400)}
		a, b := found(1, 2).draw(v), found(2, 1).draw(v)
		if same := a.At(100, 290) == b.At(100, 290) && a.At(200, 290) == b.At(200, 290); same != series {
			t.Errorf("series %v: the same colours %v", series, same)
		}
	}
}

func TestDetectList(t *testing.T) {
	files := pictures(t, "s256.png", "s512.png")
	list := writeTemp(t, t.TempDir(), "list.txt", []byte("\uFEFF"+files[1]+"\r\n\n"+files[0]))
	_, stdout, stderr := command(t, "detect", "--jsonl", "--min-size", "128", "--list", list)
	lines := strings.Split(stdout, "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], "s512.png") || !strings.Contains(lines[1], "s256.png") {
		t.Errorf("stdout %.300q, stderr %q", stdout, stderr)
	}
}

// TestOrientation gives a picture that was taken with the camera turned by 90°.
func TestOrientation(t *testing.T) {
	const turned = "../../testdata/pictures/turned_6.jpg"
	wide, high := map[string]int{}, map[string]int{}
	for _, o := range []string{"apply", "ignore"} {
		_, stdout, stderr := command(t, "detect", "--jsonl", "--min-size", "64", "--orientation", o, turned)
		var r result
		if stdout == "" {
			t.Fatal(stderr)
		}
		strict(t, stdout, &r)
		wide[o], high[o] = r.Width, r.Height
	}
	if wide["apply"] == wide["ignore"] || wide["apply"] != high["ignore"] || high["apply"] != wide["ignore"] {
		t.Errorf("%v × %v", wide, high)
	}
}

func TestImageIDs(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  []int
	}{
		{[]string{"000000000139.jpg", "a/COCO_val2014_000000000042.png"}, []int{139, 42}},
		{[]string{"1.jpg", "x1.png"}, nil},
		{[]string{"1.jpg", "x.png"}, nil},
		{[]string{"1.jpg", "2.GIF"}, nil},
		{[]string{"-"}, nil},
		{[]string{"99999999999999999999999.jpg"}, nil},
		{[]string{"1."}, nil},
		{[]string{"1.a"}, []int{1}},
	} {
		var list []input
		for _, n := range c.names {
			list = append(list, input{path: n})
		}
		if got := imageIDs(list); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.names, got, c.want)
		}
	}
}

// TestInOrder runs jobs that take different times, and stops early.
func TestInOrder(t *testing.T) {
	for _, stop := range []int{3, 100} {
		var running, most atomic.Int32
		ended := false
		jobs := func(yield func(func() int) bool) {
			defer func() { ended = true }()
			for i := range 40 {
				job := func() int {
					most.Store(max(most.Load(), running.Add(1)))
					defer running.Add(-1)
					time.Sleep(time.Duration(i*7%5) * time.Millisecond)
					return i
				}
				if !yield(job) {
					return
				}
			}
		}
		n := 0
		for got := range inOrder(4, iter.Seq[func() int](jobs)) {
			if got != n {
				t.Fatalf("%d, want %d", got, n)
			}
			if n++; n == stop {
				break
			}
		}
		if n != min(stop, 40) || !ended || running.Load() != 0 {
			t.Errorf("%d jobs told, ended %v, %d running", n, ended, running.Load())
		}
		if most.Load() > 6 { // 4, one that is told, and one that waits for its place
			t.Errorf("%d jobs at once", most.Load())
		}
	}
}

// TestAheadIsBounded takes no view: only some files are opened.
func TestAheadIsBounded(t *testing.T) {
	file := pictures(t, "s256.png")[0]
	list := slices.Repeat([]input{{path: file}}, 50)
	ctx, cancel := context.WithCancel(t.Context())
	views := ahead(ctx, list, picture.DecodeOptions{}, 2, 3)
	n := 0
	for v := range views {
		if v.err != nil || v.input != n {
			t.Fatalf("view %d: %+v", n, v)
		}
		if n++; n == 10 {
			break
		}
	}
	cancel()
	time.Sleep(50 * time.Millisecond)
	left := 0
	for range views {
		left++
	}
	if left > 3+1 {
		t.Errorf("%d views were delivered after the end", left)
	}
}

// TestJSONIsWhole wants an array of what was told when a run is interrupted, and no half of a file for COCO.
func TestJSONIsWhole(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	file := pictures(t, "s256.png")[0]
	coco := filepath.Join(t.TempDir(), "coco.json")
	var out interrupter
	out.after, out.interrupt = 2, cancel
	args := append([]string{"detect", "--json", "--min-size", "128", "--coco", coco}, slices.Repeat([]string{file}, 20)...)
	if status := run(ctx, args, &out, io.Discard); status != 1 {
		t.Errorf("status %d", status)
	}
	var got []result
	strict(t, out.printed.String(), &got)
	if len(got) < 2 || len(got) > 4 || listing(t, filepath.Dir(coco)) != "" {
		t.Errorf("%d records; files %q", len(got), listing(t, filepath.Dir(coco)))
	}
}

// An interrupter interrupts a run after so many records.
type interrupter struct {
	printed   strings.Builder
	after     int
	interrupt func()
}

func (i *interrupter) Write(p []byte) (int, error) {
	if i.after--; i.after == 0 {
		i.interrupt()
	}
	return i.printed.Write(p)
}

func TestModels(t *testing.T) {
	status, stdout, _ := command(t, "models", "--json")
	var got []model
	strict(t, stdout, &got)
	if status != 0 || len(got) < 40 {
		t.Fatalf("status %d, %d models", status, len(got))
	}
	for _, m := range got {
		if !m.Tested || len(m.Presets) == 0 || m.Command == "" {
			t.Errorf("%+v", m)
		}
	}
	for _, dir := range goldenDirs() {
		scripts, err := filepath.Glob(filepath.Join("../../testdata", dir, "make_golden.py"))
		if err != nil || len(scripts) != 1 {
			t.Errorf("testdata/%s has no golden", dir)
		}
	}
	status, stdout, _ = command(t, "models")
	if status != 0 || strings.Count(stdout, "\n") != 1+len(vision.Presets()) {
		t.Errorf("status %d, %q", status, stdout)
	}
}

func TestManAndCompletion(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man")
	if status, _, stderr := command(t, "man", dir); status != 0 {
		t.Fatal(stderr)
	}
	for _, name := range []string{"argand.1", "argand-detect.1", "argand-segment.1", "argand-pipeline.1"} {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Contains(page, []byte(".TH")) || bytes.Contains(page, []byte("staging_location")) {
			t.Errorf("%s: %v, %.100q", name, err, page)
		}
	}
	if _, stdout, _ := command(t, "completion", "bash"); !strings.Contains(stdout, "__start_argand") {
		t.Errorf("completion bash: %.200q", stdout)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"detect", "--preset", "Mask"}, "MaskRCNN_ResNet50_FPN_Weights.COCO_V1\n"},
		{[]string{"classify", "--preset", "ViT_H"}, "ViT_H_14_Weights.IMAGENET1K_SWAG_E2E_V1\n"},
		{[]string{"segment", "--device", ""}, "auto\n"},
		{[]string{"bench", "--precision", ""}, "bfloat16\n"},
		{[]string{"detect", ""}, "JPEG\n"},
		{[]string{"clas"}, "classify"},
	} {
		_, stdout, _ := command(t, append([]string{"__complete"}, c.args...)...)
		if !strings.Contains(stdout, c.want) {
			t.Errorf("%q: %q does not have %q", c.args, stdout, c.want)
		}
	}
	if _, stdout, _ := command(t, "__complete", "segment", "--preset", ""); strings.Contains(stdout, "MaskRCNN") {
		t.Error("segment completes presets of detectors")
	}
}

// TestClassifyNaN tells of a network that computes no probabilities as of a picture that fails, in JSON and outside.
func TestClassifyNaN(t *testing.T) {
	src, err := loaders.Open(classifierFile(t))
	if err != nil {
		t.Fatal(err)
	}
	model := filepath.Join(t.TempDir(), "nan.safetensors")
	if err := loaders.SaveSafetensors(model, &altered{src, "classifier.3.bias", float32(math.NaN())}); err != nil {
		t.Fatal(err)
	}
	for _, flags := range [][]string{nil, {"--jsonl"}} {
		args := append([]string{"classify", "--model", model}, pictures(t, "s256.png")...)
		status, stdout, stderr := command(t, append(args, flags...)...)
		if status != 1 || !strings.Contains(stdout+stderr, "computes NaN") {
			t.Errorf("%q: status %d, stdout %q, stderr %q", flags, status, stdout, stderr)
		}
	}
}

// TestClassifiedOverlay draws the best class.
func TestClassifiedOverlay(t *testing.T) {
	v := &view{img: picture.NewRGB(200, 100)}
	img := classified{{Label: 3, Name: "shark", Probability: 0.5}}.draw(v)
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil || img.Bounds() != v.img.Bounds() || img.At(0, 50) == v.img.At(0, 50) {
		t.Errorf("%v, %v", img.Bounds(), err)
	}
}

// TestCannotPrint ends soon if nobody reads what it prints, with the error of that.
func TestCannotPrint(t *testing.T) {
	var stderr strings.Builder
	args := append([]string{"detect", "--jsonl", "--min-size", "64"}, slices.Repeat(pictures(t, "s256.png"), 20)...)
	status := run(t.Context(), args, brokenPipe{}, &stderr)
	if status != 1 || !strings.Contains(stderr.String(), "closed pipe") {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestMapsSparePictures wants no picture to be replaced by its map.
func TestMapsSparePictures(t *testing.T) {
	dir := t.TempDir()
	photo := writeTemp(t, dir, "a.jpg", nil)
	drawn := writeTemp(t, dir, "b.png", nil)
	for _, c := range []struct {
		maps   string
		status int
		want   string
	}{
		{dir + "/../" + filepath.Base(dir), 2, "would replace the picture " + drawn},
		{filepath.Join(dir, "maps"), 1, "none.pth"},
	} {
		status, _, stderr := command(t, "segment", "--model", "none.pth", "--maps", c.maps, photo, drawn)
		if status != c.status || !strings.Contains(stderr, c.want) {
			t.Errorf("--maps %s: status %d, stderr %q", c.maps, status, stderr)
		}
	}
}
