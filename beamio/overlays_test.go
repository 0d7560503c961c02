package beamio

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/memfs"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/nn/picture"
)

func init() {
	register.Function2x2(keyByName)
}

func keyByName(
	_ context.Context, r PredictionResult[Picture, Detections],
) (string, PredictionResult[Picture, Detections]) {
	return "key of " + r.Example.Name, r
}

// grey returns a PNG file of 24 × 16 pixels.
func grey(t *testing.T) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 24, 16))
	for i := range img.Pix {
		img.Pix[i] = byte(i)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// seen returns two objects in a grey picture, one of them with a mask.
func seen(t *testing.T, name string, data []byte) PredictionResult[Picture, Detections] {
	t.Helper()
	mask := picture.Mask{Probs: []float32{1, 1, 1, 1}, Size: 2, Box: [4]float32{0, 3, 10, 7}, W: 24, H: 16}
	return PredictionResult[Picture, Detections]{Example: Picture{Name: name, Data: data}, ModelID: "m", Inference: Detections{
		Width: 24, Height: 16, Boxes: []float32{0, 3, 10, 7, 12, 1, 20, 9}, Labels: []int{1, 2},
		Names: []string{"cat", "dog"}, Scores: []float32{0.9, 0.5}, Masks: []string{mask.RLE(maskThreshold).Counts},
	}}
}

// TestWriteOverlays writes overlays on two filesystems, of results with and without keys and in windows, and compares
// their bytes.
func TestWriteOverlays(t *testing.T) {
	data := grey(t)
	for _, dir := range []string{filepath.Join(t.TempDir(), "new"), "memfs://overlays/out/"} {
		memfs.Write("memfs://in/deep/a.png", data)
		results := []PredictionResult[Picture, Detections]{
			seen(t, "memfs://in/deep/a.png", nil), seen(t, "memfs://in/b.jpg", data),
		}
		p, s, col := ptest.CreateList(results)
		col = beam.WindowInto(s, window.NewFixedWindows(time.Second), col)
		to := Overlays{Dir: dir, Root: "memfs://in/*"}
		collect(s, dir, WriteOverlays(s, to, col))
		collect(s, dir+"keyed", WriteOverlays(s, Overlays{Dir: dir}, beam.ParDo(s, keyByName, col)))
		run(t, p)
		join := func(below string) string { return strings.TrimSuffix(dir, "/") + "/" + below }
		paths := []string{join("b.jpg.overlay.png"), join("deep/a.overlay.png")}
		if !slices.Equal(sorted(got(dir)), paths) {
			t.Errorf("emitted %q, want %q", got(dir), paths)
		}
		keyed := []string{join("in/b.jpg.overlay.png"), join("in/deep/a.overlay.png")}
		if !slices.Equal(sorted(got(dir+"keyed")), keyed) {
			t.Errorf("emitted %q, want %q", got(dir+"keyed"), keyed)
		}
		want, err := drawn(t.Context(), results[1].Example, &results[1].Inference)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range append(paths, keyed...) {
			if file, err := ReadFile(t.Context(), path, 1<<20); err != nil || !bytes.Equal(file, want) {
				t.Errorf("%s: %d bytes, want %d, %v", path, len(file), len(want), err)
			}
		}
		img, err := png.Decode(bytes.NewReader(want))
		if err != nil || img.Bounds() != image.Rect(0, 0, 24, 16) {
			t.Fatalf("%v, %v", img, err)
		}
		if r, g, b, _ := img.At(5, 5).RGBA(); r == g && g == b {
			t.Error("nothing is drawn over the mask")
		}
	}
}

// TestOverlaysFail wants the picture named that has no overlay, and no part of one left.
func TestOverlaysFail(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "file", nil)
	data := grey(t)
	bad := seen(t, "bad mask.png", data)
	bad.Inference.Masks[0] = "~"
	for _, c := range []struct {
		dir    string
		result PredictionResult[Picture, Detections]
		want   string
	}{
		{dir, seen(t, filepath.Join(dir, "absent.png"), nil), "absent.png: read: "},
		{dir, seen(t, "text.png", []byte("text")), "overlay of text.png: decode: "},
		{dir, seen(t, "", nil), "a picture without name and data"},
		{dir, seen(t, "", data), "a picture without a name"}, // all of which would be one file
		{dir, seen(t, "memfs://", data), "a picture without a name"},
		{dir, bad, "overlay of bad mask.png: "},
		{filepath.Join(dir, "file"), seen(t, "a.png", data), "overlay of a.png: "},
		{"breaking://b", seen(t, "a.png", data), "overlay of a.png: breaking://b/a.overlay.png: connection lost"},
	} {
		_, err := Overlays{Dir: c.dir}.Write(t.Context(), c.result.Example, &c.result.Inference)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left %v, %v", entries, err)
	}
	p, s, col := ptest.CreateList([]PredictionResult[Picture, Detections]{seen(t, "text.png", []byte("text"))})
	WriteOverlays(s, Overlays{Dir: dir}, col)
	if err := ptest.Run(p); err == nil || !strings.Contains(err.Error(), "overlay of text.png: decode: ") {
		t.Errorf("the job ends with %v", err)
	}
}

func TestOverlayPaths(t *testing.T) {
	for _, c := range []struct{ root, name, want string }{
		{"a/*.png", "a/x.png", "x"}, {"./a/*/x?.png", "a/b/x1.jpg", "b/x1.jpg"}, {"*.png", "x.png", "x"},
		{"../a/*", "../a/x.png", "x"}, {"/*", "/x.png", "x"}, {"/a//b/", "/a/b/c/x.png", "c/x"}, {"a/x.png", "a/x.png", "x"},
		{"", "/a/x.png", "a/x"}, {"", "../../x.png", "x"}, {"b/*", "a/x.png", "a/x"}, {"a/*", "a/../../etc/x", "etc/x"},
		{"gs://b/in/*", "gs://b/in/a b#1?.png", "a b#1?"}, {"gs://b/i[n]/*", "gs://b/in/a.png", "in/a"},
		{"", "gs://b/in/a.png", "b/in/a"}, {"gs://c/*", "gs://b/../a.png", "a"}, {"in/", "gs://b/in/a.png", "b/in/a"},
		{"memfs://in/*", "pictures", "pictures"}, {"a/b*/c/*.png", "a/bb/c/x.png", "bb/c/x"}, {"in/*", "in/../../x.png", "x"},
		{"/abs/x.png", "/abs/x.png", "x"}, {"gs://b/in/**.jpg", "gs://b/in/a/b.png", "a/b"},
	} {
		if got := (Overlays{"gs://o/out/", c.root}).Path(c.name); got != "gs://o/out/"+c.want+".overlay.png" {
			t.Errorf("%s of %s: %s", c.name, c.root, got)
		}
	}
	if got := (Overlays{Dir: "out"}).Path("a/b.jpg"); got != filepath.Join("out", "a", "b.jpg.overlay.png") {
		t.Error(got)
	}
}

// FuzzOverlayPath wants every overlay in its directory, whatever its picture is called.
func FuzzOverlayPath(f *testing.F) {
	f.Add("a/*", "a/../../x.png")
	f.Add("gs://b/*", "gs://b/../../../etc/x.png")
	f.Add("/", "//..//x")
	f.Fuzz(func(t *testing.T, root, name string) {
		dir := filepath.Join("a", "b")
		path := Overlays{Dir: dir, Root: root}.Path(name)
		below, err := filepath.Rel(dir, path)
		if err != nil || !filepath.IsLocal(below) || !strings.HasSuffix(path, ".overlay.png") {
			t.Errorf("%q of %q: %q, %v", name, root, path, err)
		}
	})
}
