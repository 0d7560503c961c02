package main

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/argand-go/argand/cuda"
	"github.com/argand-go/argand/internal/shapes"
)

// sharedDir is a directory for what several tests share.
var sharedDir string

func TestMain(m *testing.M) {
	flag.Parse()
	beam.Init()
	var err error
	if sharedDir, err = os.MkdirTemp("", "argand-test-*"); err != nil {
		panic(err)
	}
	status := m.Run()
	_ = os.RemoveAll(sharedDir)
	os.Exit(status)
}

// command runs a command line in this process and returns its exit status and what it printed.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	status = run(t.Context(), args, &out, &err)
	return status, out.String(), err.String()
}

// pictures writes embedded pictures into a new directory and returns their paths.
func pictures(t *testing.T, names ...string) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	for _, name := range names {
		data, err := fs.ReadFile(shapes.Pictures(), name)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, writeTemp(t, dir, name, data))
	}
	return paths
}

func writeTemp(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// listing returns the names in a directory, sorted, separated by spaces.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// TestMistakes wants one clear line on stderr, nothing on stdout, and status 1, or 2 if the command line is to blame.
func TestMistakes(t *testing.T) {
	if err := flag.Set("endpoint", ""); err != nil { // prism sets it for the process
		t.Fatal(err)
	}
	dir := t.TempDir()
	truncated := writeTemp(t, dir, "truncated.pth", shapes.Model()[:100_000])
	text := writeTemp(t, dir, "text.pth", []byte("not a checkpoint"))
	labels := writeTemp(t, dir, "labels.txt", []byte("circle\nsquare\n"))
	broken := writeTemp(t, dir, "labels.json", []byte(`["circle"`))
	blank := writeTemp(t, dir, "blank.txt", []byte("\n\n"))
	empty := t.TempDir()
	picture := pictures(t, "s256.png")[0]
	const nowhere = "/nowhere/libcuda.so.1"
	noGPU := cuda.Probe(cuda.Options{Driver: nowhere}).Absent // or else what was tried
	if noGPU == "" {
		noGPU = "tried " + nowhere
	}
	for _, c := range []struct {
		status int
		args   []string
		want   []string
	}{
		{2, []string{"help", "bogus"}, []string{`no command "bogus"`, "the commands are bench, classify, compare, completion, convert, detect, devices, "}},
		{2, []string{"help", "detect", "bogus"}, []string{`no command "bogus"`}},
		{2, []string{"dectect"}, []string{`no command "dectect"`, "the commands are bench, classify, compare, completion, convert, detect, devices, "}},
		{2, []string{"--nonsense"}, []string{"unknown flag: --nonsense"}},
		{2, []string{"detect"}, []string{"detect takes at least one picture"}},
		{2, []string{"classify"}, []string{"classify takes at least one picture"}},
		{2, []string{"classify", picture}, []string{"classify takes --model", "the embedded network is for detect"}},
		{2, []string{"segment", picture}, []string{"segment takes --model"}},
		{2, []string{"segment", "--model", truncated, "--min-size", "0", picture}, []string{"--min-size 0"}},
		{2, []string{"classify", "--model", truncated, "--top", "0", picture}, []string{"--top 0: want at least 1"}},
		{2, []string{"detect", "--top-n", "-1", picture}, []string{"--top-n -1"}},
		{2, []string{"detect", "--json", "--jsonl", picture}, []string{"--json and --jsonl together"}},
		{2, []string{"detect", "--orientation", "turn", picture}, []string{`--orientation "turn"`, "apply or ignore"}},
		{2, []string{"detect", "--overlay=", picture}, []string{"--overlay is empty"}},
		{2, []string{"detect", "--coco=", picture}, []string{"--coco is empty"}},
		{2, []string{"detect", "-", "-"}, []string{"- is given twice"}},
		{2, []string{"detect", "--output", dir, picture}, []string{"unknown flag: --output"}},
		{1, []string{"detect", "--list", filepath.Join(dir, "absent")}, []string{"--list", "absent"}},
		{1, []string{"detect", "--list", blank}, []string{"--list " + blank, "no names in it"}},
		{1, []string{"detect", empty}, []string{empty + ": no pictures in it"}},
		{1, []string{"detect", "--coco", filepath.Join(labels, "a.json"), picture}, []string{"--coco", labels}},
		{1, []string{"detect", "--sidecar", filepath.Join(dir, "absent"), picture}, []string{"absent"}},
		{1, []string{"detect", "--sidecar", broken, picture}, []string{broken, "side-car", "want a JSON object"}},
		{2, []string{"models", "extra"}, []string{"0 arguments"}},
		{2, []string{"man"}, []string{"1 directory"}},
		{2, []string{"detect", "--nonsense", picture}, []string{"unknown flag: --nonsense"}},
		{2, []string{"detect", "--model", "", picture}, []string{"--model is empty"}},
		{2, []string{"pipeline", "--input="}, []string{"--input is empty"}},
		{2, []string{"detect", "--score", "1.5", picture}, []string{"--score 1.5", "0 to 1"}},
		{2, []string{"detect", "--score", "NaN", picture}, []string{"--score NaN"}},
		{2, []string{"detect", "--score", "x", picture}, []string{"--score"}},
		{2, []string{"detect", "--min-size", "0", picture}, []string{"--min-size 0"}},
		{2, []string{"detect", "--min-size", "900", "--max-size", "800", picture}, []string{"--max-size 800", "900"}},
		{2, []string{"detect", "--eps", "-1", picture}, []string{"--eps -1"}},
		{2, []string{"pipeline", "--eps", "inf"}, []string{"--eps +Inf"}},
		{2, []string{"pipeline", "--min-size", "65537"}, []string{"--min-size 65537", "1 to 65536"}},
		{2, []string{"pipeline", "--max-size", "65537"}, []string{"--max-size 65537", "at most 65536"}},
		{1, []string{"pipeline", "--summary", dir}, []string{"--summary " + dir, "a directory; want a file"}},
		{1, []string{"pipeline", "--summary", filepath.Join(labels, "a")}, []string{"--summary", labels + " is a file"}},
		{2, []string{"detect", "--threads", "-1", picture}, []string{"--threads -1"}},
		{2, []string{"detect", "--preset", "x", picture}, []string{`--preset "x"`, "argand models", "beam-article"}},
		{2, []string{"detect", "--device=", picture}, []string{"--device is empty"}},
		{2, []string{"detect", "--device", "gpu", picture}, []string{"--device gpu", "want cpu, auto, cuda, or cuda:1"}},
		{2, []string{"detect", "--precision", "bf16", picture}, []string{`"bf16" is not a precision: want float32, tf32`}},
		{2, []string{"detect", "--precision", "bfloat16", picture}, []string{"cpu/", "cannot run: precision bfloat16"}},
		{2, []string{"detect", "--device-memory", "-1", picture}, []string{"--device-memory -1"}},
		{2, []string{"pipeline", "--device", "cuda:x"}, []string{"--device cuda:x", "want cpu, auto, cuda, or cuda:1"}},
		{2, []string{"pipeline", "--precision", "tf32"}, []string{"cannot run: precision tf32"}},
		{2, []string{"bench", "--device", "cuda:-1"}, []string{"--device cuda:-1"}},
		{1, []string{"detect", "--device", "cuda", "--driver", nowhere, picture}, []string{"--device cuda", noGPU}},
		{1, []string{"bench", "--device", "cuda:1", "--driver", nowhere}, []string{"--device cuda:1", noGPU}},
		{1, []string{"pipeline", "--device", "cuda", "--driver", nowhere, "--input", picture}, []string{"--device cuda", noGPU}},
		{1, []string{"detect", "--device", "auto", "--precision", "tf32", "--driver", nowhere, picture},
			[]string{"--device auto", noGPU, "cannot run: precision tf32"}},
		{1, []string{"detect", "--labels", labels, picture}, []string{"2 names", "5"}},
		{1, []string{"detect", "--labels", broken, picture}, []string{broken, "JSON"}},
		{1, []string{"detect", "--labels", filepath.Join(dir, "absent"), picture}, []string{"absent"}},
		{1, []string{"detect", "--model", truncated, picture}, []string{truncated}},
		{1, []string{"detect", "--model", text, picture}, []string{text, "neither a file of torch.save"}},
		{1, []string{"detect", "--model", filepath.Join(dir, "absent"), picture}, []string{"absent"}},
		{1, []string{"detect", filepath.Join(dir, "*.jpg")}, []string{"*.jpg", "no file matches"}},
		{2, []string{"inspect"}, []string{"1 checkpoint file"}},
		{1, []string{"inspect", truncated}, []string{truncated}},
		{1, []string{"inspect", "--json", text}, []string{text}},
		{1, []string{"inspect", dir}, []string{dir, "not a regular file"}},
		{1, []string{"inspect", "--sha256", strings.Repeat("0", 64), truncated}, []string{truncated, "SHA-256 is"}},
		{2, []string{"detect", "--sha256", strings.Repeat("0", 64), picture}, []string{"--sha256 without --model"}},
		{1, []string{"detect", "--sha256", "0", "--model", truncated, picture}, []string{`"0" is not a SHA-256`}},
		{2, []string{"pipeline", "--runner", "bogus"}, []string{`--runner "bogus"`, "dataflow, direct, dot, flink"}},
		{2, []string{"pipeline", "--runner", "flink"}, []string{"--endpoint"}},
		{2, []string{"pipeline", "extra"}, []string{"0 arguments"}},
		{2, []string{"pipeline", "--model", truncated}, []string{"--input"}},
		{1, []string{"pipeline", "--model", truncated, "--input", picture}, []string{truncated}},
		{1, []string{"pipeline", "--input", filepath.Join(dir, "*.jpg")}, []string{"*.jpg", "no file matches"}},
		{1, []string{"pipeline", "--input", dir}, []string{dir + ": a directory", filepath.Join(dir, "*")}},
		{2, []string{"pipeline", "--parallelism", "x"}, []string{"parallelism"}},
		{2, []string{"pipeline", "--input", picture, "--list", labels}, []string{"--input and --list together"}},
		{2, []string{"pipeline", "--list="}, []string{"--list is empty"}},
		{2, []string{"pipeline", "--list", labels, "--model", ""}, []string{"--model is empty"}},
		{2, []string{"pipeline", "--summary="}, []string{"--summary is empty"}},
		{2, []string{"pipeline", "--format", "csv"}, []string{`--format "csv"`, "jsonl or parquet"}},
		{2, []string{"pipeline", "--table="}, []string{"--table is empty"}},
		{2, []string{"pipeline", "--table", "dataset.table"}, []string{`--table "dataset.table"`, "PROJECT.DATASET.TABLE"}},
		{2, []string{"pipeline", "--table", "p.d.t", "--shards", "2"}, []string{"--shards", "--table"}},
		{2, []string{"pipeline", "--table", "p.d.t", "--format", "jsonl"}, []string{"--format", "--table"}},
		{2, []string{"pipeline", "--table", "p.d.t", "--unsorted"}, []string{"--unsorted", "--table"}},
		{2, []string{"pipeline", "--shards", "0"}, []string{"--shards 0", "1 to 100000"}},
		{2, []string{"pipeline", "--shards", "100001"}, []string{"--shards 100001"}},
		{2, []string{"pipeline", "--shards", "x"}, []string{"--shards"}},
		{2, []string{"pipeline", "--batch-size", "0"}, []string{`--batch-size "0"`, "from 1"}},
		{2, []string{"pipeline", "--batch-size", "8-4"}, []string{`--batch-size "8-4"`}},
		{2, []string{"pipeline", "--batch-size", "4-"}, []string{`--batch-size "4-"`}},
		{2, []string{"pipeline", "--batch-size", "-4"}, []string{`--batch-size "-4"`}},
		{2, []string{"pipeline", "--batch-delay", "-1s"}, []string{"--batch-delay -1s"}},
		{2, []string{"pipeline", "--batch-delay", "5"}, []string{"--batch-delay", "missing unit"}},
		{2, []string{"pipeline", "--timeout", "-1s"}, []string{"--timeout -1s"}},
		{2, []string{"pipeline", "--threshold", "1.5"}, []string{"--threshold 1.5", "0 to 1"}},
		{2, []string{"pipeline", "--threshold", "NaN"}, []string{"--threshold NaN"}},
		{1, []string{"pipeline", "--input", picture, "--sidecar", broken}, []string{broken, "side-car", "want a JSON object"}},
		{1, []string{"pipeline", "--input", picture, "--sidecar", filepath.Join(dir, "absent")}, []string{"absent"}},
		{2, []string{"pipeline", "--watch="}, []string{"--watch is empty"}},
		{2, []string{"pipeline", "--watch-interval", "1s"}, []string{"--watch-interval without --watch"}},
		{2, []string{"pipeline", "--watch", "*.pth", "--watch-interval", "0s"}, []string{"--watch-interval 0s"}},
		{2, []string{"pipeline", "--watch", "*.pth", "--model", truncated, "--input", picture, "--sha256", "0"},
			[]string{"--sha256 with --watch"}},
		{1, []string{"pipeline", "--input", picture, "--watch", "[.pth"}, []string{"--watch [.pth", "syntax error"}},
		{1, []string{"pipeline", "--input", picture, "--watch", "nowhere://a/*.pth"}, []string{"--watch nowhere://a/*.pth"}},
		{1, []string{"pipeline", "--list", filepath.Join(dir, "absent")}, []string{"--list", "absent"}},
		{1, []string{"pipeline", "--list", dir}, []string{"--list " + dir + ": a directory", filepath.Join(dir, "*")}},
		{1, []string{"pipeline", "--list", truncated}, []string{"--list " + truncated, "line 1 is not UTF-8"}},
		{1, []string{"pipeline", "--list", blank}, []string{"--list " + blank, "no names in it"}},
		{1, []string{"pipeline", "--list", "nowhere://a/list.txt"}, []string{"nowhere://a/list.txt"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			out := t.TempDir()
			t.Cleanup(func() { // Beam's flags are the process's
				if err := flag.Set("runner", ""); err != nil {
					t.Error(err)
				}
			})
			if c.args[0] == "pipeline" {
				c.args = append(c.args, "--output", out)
			}
			status, stdout, stderr := command(t, c.args...)
			if status != c.status || stdout != "" {
				t.Errorf("status %d, stdout %q; want %d and nothing", status, stdout, c.status)
			}
			if !strings.HasPrefix(stderr, "argand: ") || strings.Count(stderr, "\n") != 1 {
				t.Errorf("stderr %q, want one line that begins with argand", stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr %q does not tell %q", stderr, want)
				}
			}
			if got := listing(t, out); got != "" {
				t.Errorf("left behind %s", got)
			}
		})
	}
}

func TestVersionAndHelp(t *testing.T) {
	if status, stdout, _ := command(t, "--version"); status != 0 || !strings.HasPrefix(stdout, "argand ") {
		t.Errorf("status %d, %q", status, stdout)
	}
	for _, args := range [][]string{nil, {"--help"}, {"pipeline", "--help"}, {"detect", "--help"}, {"inspect", "--help"},
		{"convert", "--help"}, {"help"}, {"help", "detect"}, {"classify", "--help"}, {"segment", "--help"}, {"models", "--help"},
		{"completion", "--help"}, {"man", "--help"}} {
		status, stdout, stderr := command(t, args...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%q: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
		if strings.Contains(stdout, "staging_location") {
			t.Errorf("%q shows Beam's flags", args)
		}
	}
	if _, stdout, _ := command(t, "pipeline", "--beam-flags"); !strings.Contains(stdout, "--staging_location") {
		t.Errorf("--beam-flags does not show --staging_location: %q", stdout)
	}
}
