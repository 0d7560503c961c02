package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/nn/vision"
)

// golden is what torchvision finds in a picture with the embedded network; testdata/shapes says how it was made.
type golden struct {
	Image    string       `json:"image"`
	MinSize  int          `json:"min_size"`
	MaxSize  int          `json:"max_size"`
	Boxes    [][4]float64 `json:"boxes"`
	Labels   []int        `json:"labels"`
	Scores   []float64    `json:"scores"`
	MaskArea []int        `json:"mask_area"`
}

func goldens(t *testing.T) map[string]golden {
	t.Helper()
	data, err := os.ReadFile("../../testdata/shapes/expected_f16.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []golden `json:"cases"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	m := make(map[string]golden)
	for _, c := range file.Cases {
		m[c.Image] = c
	}
	return m
}

// strict decodes one JSON line, of which it wants to know every field.
func strict(t *testing.T, line string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in %.300s", err, line)
	}
}

// TestDetectGolden compares detect --jsonl with torchvision, down to its lowest scores.
func TestDetectGolden(t *testing.T) {
	want := goldens(t)
	files := pictures(t, "s256.png", "s512.png", "s640.png")
	dir := t.TempDir()
	model := writeTemp(t, dir, "model.pth", shapes.Model())
	labels := writeTemp(t, dir, "labels.txt", []byte(strings.Join(shapes.Labels(), "\n")))
	for _, file := range append(files, "../../testdata/shapes/default800.png") {
		g := want[filepath.Base(file)]
		t.Run(g.Image, func(t *testing.T) {
			args := []string{"detect", "--jsonl", "--score", "0.05", file}
			if g.MinSize == defaultMinSize && g.MaxSize == defaultMaxSize { // torchvision's, and ours for a file
				args = append(args, "--model", model, "--labels", labels)
			} else {
				args = append(args, "--min-size", strconv.Itoa(g.MinSize), "--max-size", strconv.Itoa(g.MaxSize))
			}
			status, stdout, stderr := command(t, args...)
			if status != 0 || stderr != "" || strings.Count(stdout, "\n") != 1 {
				t.Fatalf("status %d, stderr %q, stdout %.300q", status, stderr, stdout)
			}
			var got result
			strict(t, stdout, &got)
			w, h := size(t, file)
			if got.File != file || got.Width != w || got.Height != h || len(got.Detections) != len(g.Boxes) {
				t.Fatalf("file %s, %d×%d, %d detections; want %s, %d×%d, %d", got.File, got.Width, got.Height,
					len(got.Detections), file, w, h, len(g.Boxes))
			}
			for i, d := range got.Detections {
				if d.Label != g.Labels[i] || d.Name != shapes.Labels()[d.Label] || math.Abs(float64(d.Score)-g.Scores[i]) > 1e-4 {
					t.Errorf("detection %d: %d %s %v, want %d %v", i, d.Label, d.Name, d.Score, g.Labels[i], g.Scores[i])
				}
				for j := range d.Box {
					if math.Abs(float64(d.Box[j])-g.Boxes[i][j]) > 0.01 {
						t.Errorf("detection %d: box %v, want %v", i, d.Box, g.Boxes[i])
					}
				}
				mask, err := d.Mask.Decode()
				if err != nil || mask.W != w || mask.H != h {
					t.Fatalf("detection %d: mask %v, %v; want %d×%d", i, mask, err, w, h)
				}
				if off := math.Abs(float64(mask.Area() - g.MaskArea[i])); off > max(2, 0.001*float64(g.MaskArea[i])) {
					t.Errorf("detection %d: mask of %d pixels, want %d", i, mask.Area(), g.MaskArea[i])
				}
			}
		})
	}
	if entries := listing(t, filepath.Dir(files[0])); entries != "s256.png s512.png s640.png" {
		t.Errorf("without --overlay it wrote: %s", entries)
	}
}

func size(t *testing.T, path string) (w, h int) {
	t.Helper()
	b := decodePNG(t, path).Bounds()
	return b.Dx(), b.Dy()
}

func decodePNG(t *testing.T, path string) image.Image {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return m
}

// checkOverlay wants the overlay to differ from the picture inside the mask of each detection, and to be the picture
// where no mask, box or plate can be: at a distance from all boxes.
func checkOverlay(t *testing.T, input, overlay string, found []vision.Object) {
	t.Helper()
	was, is := decodePNG(t, input), decodePNG(t, overlay)
	if was.Bounds() != is.Bounds() {
		t.Fatalf("overlay of %v for a picture of %v", is.Bounds(), was.Bounds())
	}
	b := was.Bounds()
	equal := func(x, y int) bool {
		r0, g0, b0, _ := was.At(x, y).RGBA()
		r1, g1, b1, _ := is.At(x, y).RGBA()
		return r0>>8 == r1>>8 && g0>>8 == g1>>8 && b0>>8 == b1>>8
	}
	for i, d := range found {
		mask, err := d.Mask.Decode()
		if err != nil {
			t.Fatal(err)
		}
		changed := 0
		for y := b.Min.Y; y < b.Max.Y; y++ {
			for x := b.Min.X; x < b.Max.X; x++ {
				if mask.At(x, y) && !equal(x, y) {
					changed++
				}
			}
		}
		if changed*10 < mask.Area()*9 {
			t.Errorf("%s: %d of %d pixels of mask %d are coloured", overlay, changed, mask.Area(), i)
		}
	}
	const plate = 40 // pixels: no plate is higher in pictures of this size
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			free := true
			for _, d := range found {
				free = free && (y < int(d.Box[1])-plate || y > int(d.Box[3])+plate)
			}
			if free && !equal(x, y) {
				t.Fatalf("%s: pixel (%d, %d), far from all boxes, has changed", overlay, x, y)
			}
		}
	}
}

func TestDetectTableAndOverlays(t *testing.T) {
	files := pictures(t, "s256.png", "s512.png")
	dir := filepath.Join(t.TempDir(), "new")
	status, stdout, stderr := command(t, append([]string{"detect", "--profile", "--overlay", dir}, files...)...)
	if status != 0 {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	if !strings.Contains(stderr, " % ") || !strings.Contains(stderr, "× conv2d") {
		t.Errorf("--profile says %q", stderr)
	}
	if got := listing(t, dir); got != "s256.overlay.png s512.overlay.png" {
		t.Errorf("directory has %s", got)
	}
	_, lines, _ := command(t, append([]string{"detect", "--jsonl"}, files...)...)
	table := strings.Split(strings.TrimSpace(stdout), "\n")[1:]
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var r result
		strict(t, line, &r)
		checkOverlay(t, files[i], filepath.Join(dir, overlayName(filepath.Base(files[i]))), r.Detections)
		for _, d := range r.Detections {
			if len(table) == 0 {
				t.Fatal("the table is too short")
			}
			f := strings.Fields(table[0])
			table = table[1:]
			if len(f) != 8 || f[0] != files[i] || f[1] != d.Name {
				t.Fatalf("line %q for %s in %s", f, d.Name, files[i])
			}
			for j, want := range []float64{float64(d.Score), float64(d.Box[0]), float64(d.Box[1]), float64(d.Box[2]), float64(d.Box[3])} {
				if got, err := strconv.ParseFloat(f[j+2], 64); err != nil || math.Abs(got-want) > 0.051 {
					t.Errorf("line %q: column %d is %v, %v; want %v", f, j+2, got, err, want)
				}
			}
		}
	}
	if len(table) != 0 {
		t.Errorf("the table goes on: %q", table)
	}
}

// TestDetectGoesOn mixes good pictures with rubbish: the good ones are done, and nothing is left half-written.
func TestDetectGoesOn(t *testing.T) {
	good := pictures(t, "s256.png")[0]
	dir := t.TempDir()
	data, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	files := []string{
		writeTemp(t, dir, "text.png", []byte("this is no picture")),
		writeTemp(t, dir, "empty.png", nil),
		filepath.Join(dir, "absent.png"),
		good,
		writeTemp(t, dir, "truncated.png", data[:len(data)/2]),
		good,
	}
	reasons := []string{"not a picture", "no bytes", "no such file", "", "PNG:", ""}
	out := filepath.Join(t.TempDir(), "out")
	status, stdout, stderr := command(t, append([]string{"detect", "--jsonl", "--overlay", out}, files...)...)
	if status != 3 || stderr != "argand: 4 of 6 pictures failed\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d lines for %d files: %q", len(lines), len(files), lines)
	}
	for i, line := range lines {
		if reasons[i] == "" {
			var r result
			if strict(t, line, &r); r.File != files[i] || len(r.Detections) == 0 {
				t.Errorf("line %d: %.200s", i, line)
			}
			continue
		}
		var f failure
		if strict(t, line, &f); f.File != files[i] || !strings.Contains(f.Error, reasons[i]) {
			t.Errorf("line %s, want %s with %q", line, files[i], reasons[i])
		}
	}
	if got := listing(t, out); got != "s256-2.overlay.png s256.overlay.png" {
		t.Errorf("output has %q", got)
	}

	status, stdout, stderr = command(t, append([]string{"detect", "--overlay", out}, files...)...)
	if status != 3 || strings.Count(stderr, "\n") != 5 || strings.Count(stdout, "\n") != 3 {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	status, _, stderr = command(t, "detect", files[0], files[1])
	if status != 1 || !strings.HasSuffix(stderr, "argand: all 2 pictures failed\n") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	status, stdout, stderr = command(t, "detect", files[0])
	if status != 1 || !strings.HasPrefix(stderr, "argand: "+files[0]+": ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

// TestDetectCannotWrite gives a file for the output directory.
func TestDetectCannotWrite(t *testing.T) {
	good := pictures(t, "s256.png")[0]
	blocked := writeTemp(t, t.TempDir(), "file", nil)
	status, _, stderr := command(t, "detect", "--overlay", blocked, good)
	if status != 1 || !strings.HasPrefix(stderr, "argand: "+good+": ") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

func TestDetectFindsNothing(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 64, 48))); err != nil {
		t.Fatal(err)
	}
	file := writeTemp(t, t.TempDir(), "black.png", b.Bytes())
	status, stdout, _ := command(t, "detect", "--score", "1", file)
	if status != 0 || !strings.HasSuffix(stdout, "nothing\n") {
		t.Errorf("status %d, %q", status, stdout)
	}
	status, stdout, _ = command(t, "detect", "--jsonl", "--score", "1", file)
	if want := `,"width":64,"height":48,"detections":[]}` + "\n"; status != 0 || !strings.HasSuffix(stdout, want) {
		t.Errorf("status %d, %q, want …%q", status, stdout, want)
	}
}

// TestDetectLabels renames the classes, with and without a name for the background.
func TestDetectLabels(t *testing.T) {
	picture := pictures(t, "s256.png")[0]
	for _, text := range []string{"round\ntwo\nthree\nfour\n", `["background", "round", "two", "three", "four"]`} {
		labels := writeTemp(t, t.TempDir(), "labels", []byte(text))
		status, stdout, stderr := command(t, "detect", "--json", "--labels", labels, picture)
		if status != 0 || !strings.Contains(stdout, `"label":1,"name":"round"`) {
			t.Errorf("status %d, stderr %q, stdout %.200q", status, stderr, stdout)
		}
	}
}

func TestExpand(t *testing.T) {
	dir := t.TempDir()
	var all []string
	for _, name := range []string{"a.jpg", "a.jpg.overlay.png", "b.overlay.png", "b.png", "c.overlay.png", "odd[1].png"} {
		all = append(all, writeTemp(t, dir, name, nil))
	}
	want := []string{all[0], all[3], all[4], all[5]}
	for _, args := range [][]string{all, {filepath.Join(dir, "*")}, {filepath.Join(dir, "[a-c].*"), all[5]}} {
		if got, err := expand(args); err != nil || !slices.Equal(got, want) {
			t.Errorf("expand(%q) = %q, %v; want %q", args, got, err, want)
		}
	}
	if got, err := expand([]string{all[4], filepath.Join(dir, "absent")}); err != nil || len(got) != 2 {
		t.Errorf("got %q, %v; want both", got, err)
	}
}

func TestDetectInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupt"))
	var stderr strings.Builder
	status := run(ctx, []string{"detect", "--json", pictures(t, "s256.png")[0]}, io.Discard, &stderr)
	if status != 1 || stderr.String() != "argand: interrupted\n" {
		t.Errorf("status %d, stderr %q", status, stderr.String())
	}
}
