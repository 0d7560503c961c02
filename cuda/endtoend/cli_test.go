//go:build linux && cgo && !nocuda

// Package endtoend has tests of programs that run networks on a GPU: the command argand, and pipelines of package beamio.
// The GPU is a fake one, or with -driver a real one.
package endtoend

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/argand-go/argand/cuda/internal/fakedriver"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/nn/vision"
)

var dir string // for what tests share

func TestMain(m *testing.M) {
	var err error
	if dir, err = os.MkdirTemp("", "endtoend-*"); err != nil {
		panic(err)
	}
	status := ptest.MainRetWithDefault(m, "prism")
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// argand builds the command, once.
var argand = sync.OnceValues(func() (string, error) {
	path := filepath.Join(dir, "argand")
	cmd := exec.Command("go", "build", "-o", path, "github.com/argand-go/argand/cmd/argand")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", &exec.Error{Name: stderr.String(), Err: err}
	}
	return path, nil
})

// command runs argand with a driver and returns what it prints.
func command(t *testing.T, fake *fakedriver.Driver, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := argand()
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, append(args, "--driver", fake.Path)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// picture writes a small embedded picture into a new directory.
func picture(t *testing.T) string {
	t.Helper()
	data, err := fs.ReadFile(shapes.Pictures(), "s512.png")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "s512.png")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// small is the size of pictures at which the fake GPU needs a second for one, and finds something.
const small = "128"

func report(t *testing.T, stdout string) *vision.Report {
	t.Helper()
	r := new(vision.Report)
	if err := json.Unmarshal([]byte(stdout), r); err != nil {
		t.Fatalf("%v: %q", err, stdout)
	}
	return r
}

// TestDetect finds on the GPU what the CPU finds, and says where it was.
func TestDetect(t *testing.T) {
	fake, file := fakedriver.New(t), picture(t)
	args := []string{"detect", "--jsonl", "--min-size", small, "--max-size", small, file}
	onCPU, stderr, err := command(t, fake, args...)
	if err != nil || stderr != "" {
		t.Fatalf("%v, %s", err, stderr)
	}
	want := report(t, onCPU)
	if len(want.Detections) < 3 {
		t.Fatalf("only %d objects", len(want.Detections))
	}
	onGPU, stderr, err := command(t, fake, append(args, "--device", "cuda")...)
	if err != nil {
		t.Fatalf("%v, %s", err, stderr)
	}
	saysGPU(t, stderr)
	same(t, report(t, onGPU), want)
}

// saysGPU wants one line on stderr that says which GPU it was.
func saysGPU(t *testing.T, stderr string) {
	t.Helper()
	if !strings.HasPrefix(stderr, "argand: on cuda:0 ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("stderr %q", stderr)
	}
}

// same wants the same objects, but for rounding.
func same(t *testing.T, got, want *vision.Report) {
	t.Helper()
	if len(got.Detections) != len(want.Detections) {
		t.Fatalf("%d objects, want %d", len(got.Detections), len(want.Detections))
	}
	for i, g := range got.Detections {
		w := want.Detections[i]
		away := math.Abs(float64(g.Score - w.Score))
		for j := range g.Box {
			away = max(away, math.Abs(float64(g.Box[j]-w.Box[j])))
		}
		maskG, errG := g.Mask.Decode()
		maskW, errW := w.Mask.Decode()
		if g.Name != w.Name || !(away < 1e-3) || errG != nil || errW != nil ||
			math.Abs(float64(maskG.Area()-maskW.Area())) > 3 {
			t.Errorf("object %d: %+v, want %+v", i, g, w)
		}
	}
}

// TestBench measures on the GPU that auto finds: times of its own clock for every layer, and no peak that nobody knows.
func TestBench(t *testing.T) {
	stdout, stderr, err := command(t, fakedriver.New(t), "bench", "--json", "--device", "auto",
		"--precision", "bfloat16", "--input", "1x3x64x64",
		"--count", "1", "--warmup", "0")
	if err != nil {
		t.Fatalf("%v, %s", err, stderr)
	}
	saysGPU(t, stderr)
	var r struct {
		Backend, Precision string
		Threads            int
		Median             float64 `json:"median_ms"`
		Peak               float64 `json:"peak_gflops"`
		Layers             []struct {
			Op, Kernel string
			Times      int
		}
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	convolutions := 0
	for _, l := range r.Layers {
		if l.Op == "conv2d" && l.Kernel != "" && l.Times > 0 {
			convolutions++
		}
	}
	if r.Backend != "cuda:0" || r.Precision != "bfloat16" || r.Threads != 0 || r.Peak != 0 || r.Median <= 0 || convolutions < 50 {
		t.Errorf("%s, %d convolutions", stdout, convolutions)
	}
}

// TestCommandErrors has a GPU that does not do: one line says so, and nothing runs on the CPU instead.
func TestCommandErrors(t *testing.T) {
	file := picture(t)
	for name, c := range map[string]struct {
		fake *fakedriver.Driver
		args []string
		want string
	}{
		"another device": {fakedriver.New(t), []string{"--device", "cuda:7"}, "there is no device cuda:7"},
		"a limit":        {fakedriver.New(t), []string{"--device", "cuda", "--device-memory", "0.001"}, "the limit, which could be raised"},
		"an old device":  {fakedriver.New(t, "FAKE_MAJOR=6"), []string{"--device", "cuda"}, "use another device or the CPU"},
	} {
		stdout, stderr, err := command(t, c.fake, append([]string{"detect", "--jsonl", file}, c.args...)...)
		if err == nil || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: %v, %q, %s", name, err, stdout, stderr)
		}
	}
}
