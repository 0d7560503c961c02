package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"image"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/nn/vision"
	"github.com/spf13/cobra"
)

// detectionsJSONL is the file of detections for want of flags.
const detectionsJSONL = "detections.jsonl"

// rows reads a file of JSON lines of which it wants to know every field.
func rows[T any](t *testing.T, path string) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for line := range strings.Lines(string(data)) {
		var v T
		strict(t, line, &v)
		all = append(all, v)
	}
	return all
}

// detections turns a row into what checkOverlay wants.
func detections(t *testing.T, r beamio.Row) []vision.Object {
	t.Helper()
	var all []vision.Object
	for _, o := range r.Object {
		d := vision.Object{Box: [4]float32(o.Box), Name: o.Label, Score: o.Score}
		text, err := json.Marshal(o.Mask)
		if err != nil {
			t.Fatal(err)
		}
		strict(t, string(text), &d.Mask)
		all = append(all, d)
	}
	return all
}

// checkDemo looks at what the demonstration has written into dir and printed.
func checkDemo(t *testing.T, dir, stdout string) {
	t.Helper()
	if got, want := listing(t, dir), "detections.jsonl pictures s256.overlay.png s512.overlay.png s640.overlay.png"; got != want {
		t.Errorf("output has %s, want %s", got, want)
	}
	objects := 0
	var names []string
	for _, r := range rows[beamio.Row](t, filepath.Join(dir, "detections.jsonl")) {
		found := detections(t, r)
		base := filepath.Base(r.File)
		checkOverlay(t, r.File, filepath.Join(dir, strings.TrimSuffix(base, ".png")+".overlay.png"), found)
		names = append(names, base)
		objects += len(found)
		for _, d := range found {
			if !strings.Contains(stdout, d.Name) || !slices.Contains(shapes.Labels(), d.Name) || d.Score < 0.5 {
				t.Errorf("%s: %s %v is wrong or not in the table", base, d.Name, d.Score)
			}
		}
	}
	if !slices.Equal(names, []string{"s256.png", "s512.png", "s640.png"}) || objects < 7 {
		t.Errorf("%d objects in %s", objects, names)
	}
	others := 12                                // what is run, the table's head, the summary, what was found, and blank lines
	if strings.Contains(stdout, "\nwaiting ") { // for the model, as a machine with much else to do has it
		others++
	}
	if n := strings.Count(stdout, "\n"); n != objects+others || !strings.Contains(stdout, "3 pictures, "+strconv.Itoa(objects)+" objects, 0 failures") {
		t.Errorf("%d lines for %d objects:\n%s", n, objects, stdout)
	}
	for _, want := range []string{`\nspeed +[0-9.]+ pictures a second`, `\nbatches +3 of 1 picture\n`,
		`\ninference   p50 .* p95 .* p99 .* a picture\n`, `\ndecoding    p50 .* a picture, [0-9.]+ % of the work\n`,
		`\nmodel +19\.\d MB, loaded in [0-9.]+ m?s\n`, `\nkernels +cpu/\w+, \d+ threads?\n\n3 pictures, `} {
		if !regexp.MustCompile(want).MatchString(stdout) {
			t.Errorf("no %s in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "\x1b") {
		t.Errorf("colours or the like in %q", stdout)
	}
}

func TestPipelineDemo(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary) // not on Windows, where it stays empty
	t.Chdir(t.TempDir())
	status, stdout, stderr := command(t, "pipeline")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	checkDemo(t, "argand-out", stdout)
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left among temporary files: %v, %v", left, err)
	}
}

// TestPipelineEqualsDetect runs the same pictures through both, rubbish among them, with flags that matter.
func TestPipelineEqualsDetect(t *testing.T) {
	in := t.TempDir()
	for _, path := range pictures(t, "s256.png", "s640.png") {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(in, "deep"), 0o755); err != nil {
			t.Fatal(err)
		}
		writeTemp(t, filepath.Join(in, "deep"), filepath.Base(path), data)
	}
	writeTemp(t, filepath.Join(in, "deep"), "text.png", []byte("this is no picture"))
	labels := writeTemp(t, t.TempDir(), "labels.json", []byte(`["round","square","triangle","star"]`))
	model := writeTemp(t, t.TempDir(), "model.pth", shapes.Model())
	flags := []string{"--model", model, "--labels", labels, "--score", "0.3", "--min-size", "256", "--max-size", "400",
		"--eps", "0.0001", "--threads", "1"}

	out := t.TempDir()
	args := append([]string{"pipeline", "--input", filepath.Join(in, "*", "*.png"), "--output", out}, flags...)
	status, stdout, stderr := command(t, args...)
	text := filepath.Join(in, "deep", "text.png")
	if status != 0 || !strings.HasPrefix(stderr, "argand: "+text+": decode: ") || strings.Count(stderr, "\n") != 1 {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	if !strings.Contains(stdout, "3 pictures, ") || !strings.Contains(stdout, " 1 failure in") {
		t.Errorf("stdout %q", stdout)
	}
	failures := rows[beamio.FailureRow](t, filepath.Join(out, "failures.jsonl"))
	if len(failures) != 1 || failures[0].File != text || failures[0].Stage != beamio.StageDecode {
		t.Errorf("failures %+v", failures)
	}
	if got := listing(t, filepath.Join(out, "deep")); got != "s256.overlay.png s640.overlay.png" {
		t.Errorf("overlays %s", got)
	}

	got := rows[beamio.Row](t, filepath.Join(out, "detections.jsonl"))
	args = append([]string{"detect", "--jsonl"}, flags...)
	_, lines, _ := command(t, append(args, got[0].File, got[1].File)...)
	for i, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		var want result
		strict(t, line, &want)
		found := detections(t, got[i])
		if want.File != got[i].File || len(want.Detections) != len(found) || len(found) == 0 {
			t.Fatalf("pipeline: %s, %d objects; detect: %s, %d", got[i].File, len(found), want.File, len(want.Detections))
		}
		for j, w := range want.Detections {
			if g := found[j]; g.Box != w.Box || g.Score != w.Score || g.Name != w.Name || *g.Mask != *w.Mask {
				t.Errorf("%s: object %d: pipeline %+v, detect %+v", want.File, j, g, w)
			}
		}
	}
	if !strings.Contains(lines, `"name":"round"`) {
		t.Error("the names are not those of --labels")
	}
}

// TestPipelineTwice writes among its own input: the second run finds what the first found.
func TestPipelineTwice(t *testing.T) {
	dir := filepath.Dir(pictures(t, "s256.png")[0])
	writeTemp(t, dir, "alone.overlay.png", []byte("of no picture here"))
	var found []string
	for range 2 {
		status, stdout, stderr := command(t, "pipeline", "--input", filepath.Join(dir, "*"), "--output", dir,
			"--min-size", "128", "--max-size", "200")
		if status != 0 || !strings.Contains(stdout, "2 pictures, ") || !strings.Contains(stdout, " 1 failure in") {
			t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		data, err := os.ReadFile(filepath.Join(dir, detectionsJSONL))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, string(data))
	}
	if found[0] != found[1] || !strings.Contains(found[0], "s256.png") {
		t.Errorf("first %s\nthen %s", found[0], found[1])
	}
	const want = "alone.overlay.png detections.jsonl failures.jsonl s256.overlay.png s256.png"
	if got := listing(t, dir); got != want {
		t.Errorf("the directory has %s, want %s", got, want)
	}
}

// TestPipelineFlags runs a job with flags that change how and where, but not what: its results are those without.
func TestPipelineFlags(t *testing.T) {
	paths := pictures(t, "s256.png", "s512.png")
	dir := filepath.Dir(paths[0])
	absent := filepath.Join(dir, "absent.png")
	list := writeTemp(t, t.TempDir(), "list.txt", []byte("\xef\xbb\xbf"+paths[0]+"\r\n\n"+absent+"\n"+paths[1]))
	small := []string{"--min-size", "128", "--max-size", "200"}
	plain, out := t.TempDir(), t.TempDir()
	status, table, _ := command(t, append([]string{"pipeline", "--input", filepath.Join(dir, "*"), "--output", plain}, small...)...)
	if status != 0 {
		t.Fatal(status)
	}
	figuresFile := filepath.Join(t.TempDir(), "figures.json")
	status, stdout, stderr := command(t, append([]string{"pipeline", "--list", list, "--output", out, "--shards", "3",
		"--unsorted", "--no-overlays", "--batch-size", "1-4", "--batch-delay", "20ms", "--timeout", "1m", "--threshold", "0.5",
		"--watch", filepath.Join(dir, "*.pth"), "--watch-interval", "1h", "--summary", figuresFile, "--quiet"}, small...)...)
	if status != 0 || stderr != "argand: "+absent+": read: stat "+absent+": no such file or directory\n" {
		t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	const files = "detections-00000-of-00003.jsonl detections-00001-of-00003.jsonl detections-00002-of-00003.jsonl failures.jsonl"
	if got := listing(t, out); got != files {
		t.Errorf("the output has %s", got)
	}
	var got []string
	for i := range 3 {
		got = append(got, lines(t, filepath.Join(out, fmt.Sprintf("detections-%05d-of-00003.jsonl", i)))...)
	}
	slices.Sort(got)
	if want := lines(t, filepath.Join(plain, detectionsJSONL)); !slices.Equal(got, want) || len(want) != 2 {
		t.Errorf("got %.300q\nwant %.300q", got, want)
	}
	for line := range strings.Lines(table[:strings.Index(table, "\n\n")]) {
		if !strings.Contains(stdout, strings.TrimSpace(line)) {
			t.Errorf("no %q in\n%s", line, stdout)
		}
	}
	if !strings.Contains(stdout, "failures    1: 1 at read\n") || !strings.Contains(stdout, "3 pictures, ") {
		t.Errorf("stdout\n%s", stdout)
	}
	var f struct {
		Pictures, Objects, Failures int
		Seconds                     float64
		Metrics                     struct {
			Inferences int
			FailedAt   map[string]int                    `json:"failed_at"`
			Batch      struct{ Count, P50, P99 float64 } `json:"batch_micros"`
		}
	}
	data, err := os.ReadFile(figuresFile)
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil || f.Pictures != 3 || f.Failures != 1 || f.Objects != strings.Count(strings.Join(got, ""), `"label"`) ||
		f.Seconds <= 0 || f.Metrics.Inferences != 2 || f.Metrics.FailedAt["read"] != 1 || f.Metrics.Batch.P50 <= 0 ||
		f.Metrics.Batch.P99 < f.Metrics.Batch.P50 {
		t.Errorf("%v, figures %s", err, data)
	}
}

// lines returns the lines of a file.
func lines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
}

// TestPipelineParquet writes rows as Parquet files, a file or two, and reads them again for the table.
func TestPipelineParquet(t *testing.T) {
	dir := filepath.Dir(pictures(t, "s256.png", "s512.png")[0])
	args := []string{"pipeline", "--input", filepath.Join(dir, "*.png"), "--no-overlays", "--min-size", "128", "--max-size", "200"}
	plain := t.TempDir()
	_, table, _ := command(t, append(args, "--output", plain)...)
	table = table[:strings.Index(table, "\n\n")]
	want := rows[beamio.Row](t, filepath.Join(plain, detectionsJSONL))
	for shards, files := range map[string][]string{
		"1": {"detections.parquet"}, "2": {"detections-00000-of-00002.parquet", "detections-00001-of-00002.parquet"},
	} {
		out := t.TempDir()
		status, stdout, stderr := command(t, append(args, "--output", out, "--format", "parquet", "--shards", shards)...)
		if status != 0 || stderr != "" || !strings.HasPrefix(stdout, table) || listing(t, out) != strings.Join(files, " ") {
			t.Errorf("status %d, stderr %q, wrote %s, stdout\n%s\nwant\n%s", status, stderr, listing(t, out), stdout, table)
		}
		var got []beamio.Row
		for _, name := range files {
			err := eachParquet(t.Context(), filepath.Join(out, name), func(r beamio.Row) { got = append(got, r) })
			if err != nil {
				t.Error(err)
			}
		}
		slices.SortFunc(got, func(a, b beamio.Row) int { return strings.Compare(a.File, b.File) })
		if !reflect.DeepEqual(got, want) || len(want) != 2 {
			t.Errorf("got  %.500v\nwant %.500v", got, want)
		}
	}
	torn := writeTemp(t, t.TempDir(), "torn.parquet", []byte("PAR1"))
	if err := eachParquet(t.Context(), torn, func(beamio.Row) {}); err == nil || !strings.HasPrefix(err.Error(), torn) {
		t.Errorf("a torn file: %v", err)
	}
}

// TestPipelineTable builds a job that writes to BigQuery. Such jobs, and those with their files on another machine, are
// summed up from their metrics alone.
func TestPipelineTable(t *testing.T) {
	t.Cleanup(func() {
		if err := flag.Set("runner", ""); err != nil {
			t.Error(err)
		}
	})
	dot := filepath.Join(t.TempDir(), "job.dot")
	status, stdout, stderr := command(t, "pipeline", "--runner=dot", "--dot_file", dot, "--output", t.TempDir(),
		"--no-overlays", "--table", "project.dataset.table")
	if status != 0 || !strings.Contains(stdout, "what it writes will be in project.dataset.table\n") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	graph, err := os.ReadFile(dot)
	if n := strings.Count(string(graph), "bigquery.insertFn"); err != nil || n < 2 || strings.Contains(string(graph), "writeLinesFn") {
		t.Errorf("%v, %d insertFn in %.300s", err, n, graph)
	}
	key := func(namespace, name string) metrics.StepKey {
		return metrics.StepKey{Step: "s", Namespace: namespace, Name: name}
	}
	told := metrics.NewResults([]metrics.CounterResult{
		{Committed: 8, Key: key(beamio.DefaultNamespace, "num_inferences")},
		{Committed: 2, Key: key(beamio.DefaultNamespace, "failed_examples")},
		{Attempted: 2, Key: key(beamio.DefaultNamespace, "failed_examples_read")},
		{Committed: 30, Key: key(metricsNamespace, objectsCounter)},
		{Committed: 70, Key: key("else", objectsCounter)},
	}, nil, nil, nil, nil)
	const speed = "speed       5.00 pictures a second\nfailures    2: 2 at read\n\n10 pictures, 30 objects, 2 failures in 2.0 s; "
	table := jobFlags{output: "out", table: "a.b.c"}
	there := jobFlags{output: filepath.Join(t.TempDir(), "of another machine"), format: formatJSONL, shards: 1}
	for _, c := range []struct {
		runner string
		flags  jobFlags
		result beam.PipelineResult
		want   string
	}{
		{"", table, finished{told}, speed + "results are in a.b.c and out\n"},
		{"", table, nil, "results are in a.b.c and out\n"},
		{"universal", there, finished{told}, speed + "results are in " + there.output + "\n"},
		{"universal", there, nil, "results are in " + there.output + "\n"},
		{"", there, finished{told}, ""},
	} {
		if err := flag.Set("runner", c.runner); err != nil {
			t.Fatal(err)
		}
		var out, errs strings.Builder
		p := &pipeline{jobFlags: c.flags, stdout: &out, stderr: &errs}
		err := p.summarise(t.Context(), c.result, 2*time.Second)
		got := regexp.MustCompile(`(?m)^kernels.*\n`).ReplaceAllString(out.String(), "")
		if (err == nil) != (c.want != "") || errs.Len() > 0 || got != c.want {
			t.Errorf("%q %v, stderr %q, got\n%s\nwant\n%s", c.runner, err, errs.String(), got, c.want)
		}
	}
}

// finished is the result of a job.
type finished struct{ metrics *metrics.Results }

func (f finished) Metrics() metrics.Results { return *f.metrics }
func (f finished) JobID() string            { return "" }

// TestPipelineThreshold lets more pictures fail than may.
func TestPipelineThreshold(t *testing.T) {
	dir := filepath.Dir(pictures(t, "s256.png")[0])
	writeTemp(t, dir, "a.png", []byte("no picture"))
	out := t.TempDir()
	status, stdout, stderr := command(t, "pipeline", "--input", filepath.Join(dir, "*"), "--output", out,
		"--threshold", "0.4", "--no-overlays", "--min-size", "128", "--max-size", "200")
	if status != 1 || stdout != "" || !strings.Contains(stderr, "the job failed: beamio: 1 of 2 examples failed") ||
		strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if got := listing(t, out); strings.Contains(got, ".tmp-") {
		t.Errorf("left %s", got)
	}
}

// TestPipelineNotRun describes the job instead of running it: there are no results, old ones are not taken for them.
func TestPipelineNotRun(t *testing.T) {
	out := t.TempDir()
	t.Cleanup(func() {
		if err := flag.Set("runner", ""); err != nil {
			t.Error(err)
		}
	})
	writeTemp(t, out, detectionsJSONL, []byte("old\n"))
	dot := filepath.Join(out, "job.dot")
	status, stdout, stderr := command(t, "pipeline", "--runner=dot", "--dot_file", dot, "--output", out)
	if status != 0 || !strings.Contains(stdout, "the job is the runner's now") || strings.Contains(stdout, "OBJECT") {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
	if data, err := os.ReadFile(dot); err != nil || !strings.Contains(string(data), "drawFn") {
		t.Errorf("graph %.100q, %v", data, err)
	}
}

// TestPipelineAsync submits a job to a runner that says it has it, and looks for what its workers are to read.
func TestPipelineAsync(t *testing.T) {
	for _, async := range []string{"true", "false"} {
		temporary := t.TempDir()
		t.Setenv("TMPDIR", temporary)
		t.Cleanup(func() {
			for name, value := range map[string]string{"runner": "", "async": "false"} {
				if err := flag.Set(name, value); err != nil {
					t.Error(err)
				}
			}
		})
		out := t.TempDir()
		status, stdout, stderr := command(t, "pipeline", "--runner=dot", "--dot_file", filepath.Join(out, "job.dot"),
			"--async="+async, "--output", out)
		if status != 0 || !strings.Contains(stdout, "the job is the runner's now") {
			t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		for _, name := range []string{"shapes.pth", "labels.json"} {
			found, err := filepath.Glob(filepath.Join(temporary, "argand-*", name))
			if err != nil || (len(found) == 1) != (async == "true") {
				t.Errorf("--async=%s leaves %q, %v", async, found, err)
			}
		}
	}
}

// TestHandlerTakesLowScores: beamio takes a Score of 0 for its default.
func TestHandlerTakesLowScores(t *testing.T) {
	p := &pipeline{}
	p.detectorNetwork.addTo(&cobra.Command{})
	p.score = 0
	if s := p.handler("m", "").Score; s <= 0 || s > math.SmallestNonzeroFloat32 {
		t.Errorf("score %v", s)
	}
}

func TestSummaryIsBounded(t *testing.T) {
	dir := t.TempDir()
	row, err := json.Marshal(beamio.Row{File: "a.png", Object: []beamio.RowObject{{Label: "x", Box: []float32{0, 0, 1, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	bad, err := json.Marshal(beamio.FailureRow{File: "b.png", Stage: "decode", Error: "no\nbytes"})
	if err != nil {
		t.Fatal(err)
	}
	writeTemp(t, dir, detectionsJSONL, []byte(strings.Repeat(string(row)+"\n", 1000)))
	writeTemp(t, dir, failuresFile, []byte(strings.Repeat(string(bad)+"\n", 1000)))
	var out, errs strings.Builder
	p := &pipeline{jobFlags: jobFlags{output: dir, shards: 1, format: formatJSONL}, stdout: &out, stderr: &errs}
	if err := p.summarise(t.Context(), nil, 0); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1+shownRows+1+2 {
		t.Errorf("%d lines of table", n)
	}
	if n := strings.Count(errs.String(), "\n"); n != shownFailures+1 || !strings.Contains(errs.String(), "and 980 more") {
		t.Errorf("%d lines of failures:\n%s", n, errs.String())
	}
}

func TestOverlayOfMemory(t *testing.T) {
	want := image.Rect(0, 0, 3, 2)
	path := filepath.Join(t.TempDir(), "a", "b.png")
	if err := writePNG(path, image.NewGray(want)); err != nil {
		t.Fatal(err)
	}
	if got := decodePNG(t, path).Bounds(); got != want {
		t.Errorf("bounds %v, want %v", got, want)
	}
}

// TestPipelineSidecar has the names of classes and the sizes in the file beside the checkpoint.
func TestPipelineSidecar(t *testing.T) {
	dir := t.TempDir()
	model := writeTemp(t, dir, "shapes.pth", shapes.Model())
	writeTemp(t, dir, "shapes.json", []byte(`{"categories": ["none", "round", "b", "c", "d"], "min_size": 256}`))
	out := filepath.Join(t.TempDir(), "out")
	file := pictures(t, "s256.png")[0]
	status, _, stderr := command(t, "pipeline", "--model", model, "--input", file, "--output", out, "--no-overlays")
	if status != 0 {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	_, line, _ := command(t, "detect", "--jsonl", "--model", model, file)
	var want result
	strict(t, line, &want)
	got := detections(t, rows[beamio.Row](t, filepath.Join(out, "detections.jsonl"))[0])
	if len(got) == 0 || len(got) != len(want.Detections) || got[0].Name != "round" || got[0].Box != want.Detections[0].Box {
		t.Errorf("pipeline %+v, detect %+v", got, want.Detections)
	}
}

// TestPipelineRefusesNetworks: networks for other tasks and options of theirs are told before there is a job.
func TestPipelineRefusesNetworks(t *testing.T) {
	file := pictures(t, "s256.png")[0]
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--model", classifierFile(t)}, 1, "argand classify runs it"},
		{[]string{"--model", segmenterFile(t)}, 1, "argand segment runs it"},
		{[]string{"--preset", "ResNet50_Weights.IMAGENET1K_V1"}, 2, "torchvision's weights of a detector"},
	} {
		out := filepath.Join(t.TempDir(), "out")
		status, stdout, stderr := command(t, append([]string{"pipeline", "--input", file, "--output", out}, c.args...)...)
		if status != c.status || stdout != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v: status %d, stdout %q, stderr %q", c.args, status, stdout, stderr)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v: there is an output", c.args)
		}
	}
}
