package main

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/internal/meter"
	"github.com/argand-go/argand/internal/procedural"
)

// TestBench measures the embedded network on a small input and holds the numbers against each other.
func TestBench(t *testing.T) {
	svg := filepath.Join(t.TempDir(), "flame.svg")
	status, stdout, stderr := command(t, "bench", "--input", "1x3x64x96", "--threads", "1", "--count", "3", "--json",
		"--svg", svg)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	var r benchReport
	d := json.NewDecoder(strings.NewReader(stdout))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.Threads != 1 || r.Runs != 3 || len(r.SamplesMS) != 3 || r.Objects == nil || r.Input != "1x3x64x96" {
		t.Errorf("%+v", r)
	}
	if r.MinMS != slices.Min(r.SamplesMS) || r.MedianMS < r.MinMS || r.MinMS <= 0 || r.FirstMS <= 0 || r.LoadMS <= 0 {
		t.Errorf("times: %+v", r)
	}
	sum, operations, convolutions := r.OutsideMS, 0.0, 0
	for _, l := range r.Layers {
		sum += l.MedianMS
		operations += l.GFLOP
		if l.Op == "conv2d" {
			convolutions++
		}
		if l.Path == "backbone.body.conv1" && l.Op == "conv2d" && !agree(l.GFLOP, 2e-9*16*32*48*147) {
			t.Errorf("%+v", l)
		}
	}
	if sum < r.MedianMS*0.999 || !agree(operations, r.GFLOP) || convolutions < 50 {
		t.Errorf("%d convolutions, %v of %v ms, %v of %v GFLOP", convolutions, sum, r.MedianMS, operations, r.GFLOP)
	}
	if !agree(r.GFLOPS, 1000*r.GFLOP/r.MedianMS) || r.PeakGFLOPS > 0 && !agree(r.PercentOfPeak, 100*r.GFLOPS/r.PeakGFLOPS) {
		t.Errorf("rates: %v GFLOP/s, %v %% of %v", r.GFLOPS, r.PercentOfPeak, r.PeakGFLOPS)
	}
	checkSVG(t, svg, "backbone", "roi_heads.box_head.fc6", "of 3 runs")
}

// checkSVG checks that a file is one XML element of SVG with the words in it.
func checkSVG(t *testing.T, path string, words ...string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	elements := 0
	for d := xml.NewDecoder(strings.NewReader(string(data))); ; elements++ {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if elements < 100 || !strings.HasPrefix(string(data), "<svg ") || strings.Contains(string(data), "NaN") {
		t.Errorf("%d elements: %.200s", elements, data)
	}
	for _, w := range words {
		if !strings.Contains(string(data), w) {
			t.Errorf("no %q in the drawing", w)
		}
	}
}

func TestBenchTables(t *testing.T) {
	path := pictures(t, "s256.png")[0]
	status, stdout, stderr := command(t, "bench", "--input", path, "--count", "1", "--warmup", "0", "--profile")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %s", status, stderr)
	}
	for _, want := range []string{"median ", "GFLOP/s", "objects found", "OPERATOR", "LAYER", "roi_heads.box_head.fc6",
		"(no layer)", "s256.png on cpu/"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if _, stdout, _ = command(t, "bench", "--input", "1x3x32x32", "--count", "1"); strings.Contains(stdout, "(no layer)") {
		t.Errorf("a table by operator without --profile:\n%s", stdout)
	}
}

// TestBenchMistakes wants one line on stderr that names what is wrong.
func TestBenchMistakes(t *testing.T) {
	text := writeTemp(t, t.TempDir(), "text.png", []byte("no picture"))
	for _, c := range []struct {
		status int
		args   string
		want   string
	}{
		{2, "--count 0", "--count 0: want at least 1"},
		{2, "--threads -1", "--threads -1"},
		{2, "--warmup -1", "--warmup -1"},
		{1, "--input 1x4x8x8", "3 channels"},
		{1, "--input 1x3x0x8", "at least 1"},
		{1, "--input 1x3x8x99999", "at most 16384"},
		{1, "--input 2x3x32x32", "1 picture"},
		{1, "--input nowhere.png", "nowhere.png"},
		{1, "--input 1x3x8x8x8", "neither a size"},
		{1, "--input " + text, "text.png"},
		{1, "--model nowhere.pth", "nowhere.pth"},
		{2, "more", "takes 0 arguments"},
		{1, "--input 1x3x64x64 --model " + goldenFile(t, "ssd/ssd300.json"), "to one size"},
	} {
		status, stdout, stderr := command(t, append([]string{"bench"}, strings.Fields(c.args)...)...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, %q, %q", c.args, status, stdout, stderr)
		}
	}
}

func TestBenchMedians(t *testing.T) {
	if got := []float64{median([]float64{3}), median([]float64{4, 1}), median([]float64{9, 1, 2})}; !slices.Equal(got,
		[]float64{3, 2.5, 2}) {
		t.Errorf("medians %v", got)
	}
	layer := func(ms int) []meter.Layer {
		return []meter.Layer{{Path: "conv1", Op: "conv2d", Runs: 1, Time: time.Duration(ms) * time.Millisecond, FLOPs: 4e9}}
	}
	r := benchReport{Threads: 2, PeakGFLOPS: 100, SamplesMS: []float64{60, 45, 50}}
	r.summarize([][]meter.Layer{layer(50), layer(40), layer(30)})
	want := benchLayer{Path: "conv1", Op: "conv2d", Times: 1, MedianMS: 40, GFLOP: 4, GFLOPS: 100, PercentOfPeak: 50}
	if r.Layers[0] != want || r.OutsideMS != 10 || r.GFLOPS != 80 || r.PercentOfPeak != 40 {
		t.Errorf("%+v", r)
	}
}

// agree reports whether a and b agree to nine digits.
func agree(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b)) }

// goldenFile writes the network of a file of golden data.
func goldenFile(t *testing.T, name string) string {
	t.Helper()
	c, err := procedural.Golden(os.DirFS("../../testdata"), name)
	return checkpointFile(t, "golden.safetensors", c, err)
}

// TestBenchFamilies runs networks of every task on random numbers, at the size that suits each, and on a picture.
func TestBenchFamilies(t *testing.T) {
	file := pictures(t, "s256.png")[0]
	for name, c := range map[string]struct {
		input   string
		objects bool
	}{
		"ssd/ssd300.json": {"1x3x300x300", true}, "ssd/ssdlite320.json": {"1x3x320x320", true},
		"vit/golden.json": {"1x3x112x112", false}, "mobilenetv2/golden.json": {"1x3x224x224", false},
		"segmentation/lraspp_mobilenet_v3_large.json": {"1x3x520x520", false},
	} {
		model := goldenFile(t, name)
		for want, args := range map[string][]string{c.input: nil, file: {"--input", file}} {
			status, stdout, stderr := command(t, append([]string{"bench", "--model", model, "--count", "1", "--warmup", "0",
				"--json"}, args...)...)
			var r benchReport
			if status == 0 {
				strict(t, stdout, &r)
			}
			if status != 0 || r.Input != want || (r.Objects != nil) != c.objects || len(r.Layers) < 10 {
				t.Errorf("%s on %s: status %d, %q, %+v", name, want, status, stderr, r)
			}
		}
	}
}
