package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/argand-go/argand/beamio"
)

// asProgram makes the test binary be the program, so that it is linked once.
const asProgram = "as-program"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asProgram {
		os.Args = append(os.Args[:1], os.Args[2:]...)
		main()
		return
	}
	os.Exit(m.Run())
}

// program runs the program and returns what it printed.
func program(args ...string) (string, error) {
	out, _, err := timed(args...)
	return out, err
}

// timed also returns how much time of processors the program took.
func timed(args ...string) (string, time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return "", 0, err
	}
	cmd := exec.Command(self, append([]string{asProgram}, args...)...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return string(out), 0, err
	}
	return string(out), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), err
}

func TestExample(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out.jsonl")
	out, err := program("--input", "numbers.csv", "--model", "fivetimes.pth", "--output", output)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	want := map[float32]float64{20: 100, 30: 150, 40: 200, 50: 250, 60: 300, 70: 350, 1.5: 7.5, -2: -10, 0: 0}
	for line := range strings.Lines(string(data)) {
		var r beamio.PredictionResult[[]float32, []float32]
		if err := json.Unmarshal([]byte(line), &r); err != nil || len(r.Example) != 1 || len(r.Inference) != 1 {
			t.Fatalf("line %q: %v", line, err)
		}
		y, ok := want[r.Example[0]]
		if !ok || math.Abs(float64(r.Inference[0])-y) > 0.01 || r.ModelID != "fivetimes.pth" {
			t.Errorf("line %q, want 5·x of one of the numbers", line)
		}
		delete(want, r.Example[0])
	}
	if len(want) != 0 {
		t.Errorf("no results for %v", want)
	}
}

func TestBadLine(t *testing.T) {
	dir := t.TempDir()
	input, output := filepath.Join(dir, "bad.csv"), filepath.Join(dir, "out.jsonl")
	if err := os.WriteFile(input, []byte("1,two\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := program("--input", input, "--model", "fivetimes.pth", "--output", output)
	if err == nil || !strings.Contains(out, "1,two") {
		t.Errorf("error %v\n%s", err, out)
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("a failed job has left an output file")
	}
}

// lines writes a file of the numbers 0 to n-1, a line each, and runs the program on it.
func lines(t testing.TB, n int) (output string, cpu time.Duration) {
	t.Helper()
	dir := t.TempDir()
	input, output := filepath.Join(dir, "lines.csv"), filepath.Join(dir, "out.jsonl")
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, i)
	}
	if err := os.WriteFile(input, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	out, cpu, err := timed("--input", input, "--model", "fivetimes.pth", "--output", output)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return output, cpu
}

// TestManyLines is [BenchmarkLines] in small: every line has its result, once.
func TestManyLines(t *testing.T) {
	const n = 20_000
	output, cpu := lines(t, n)
	data, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	seen := make([]bool, n)
	for line := range strings.Lines(string(data)) {
		var r beamio.PredictionResult[[]float32, []float32]
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		x := r.Example[0]
		if seen[int(x)] || math.Abs(float64(r.Inference[0]/5-x)) > 0.01*float64(1+x) {
			t.Fatalf("line %q, want 5·x, once", line)
		}
		seen[int(x)] = true
	}
	if i := slices.Index(seen, false); i >= 0 {
		t.Errorf("no result for %d", i)
	}
	t.Logf("%d lines took %v of processors", n, cpu)
}

// BenchmarkLines runs the program, start and all, on 100,000 lines.
func BenchmarkLines(b *testing.B) {
	const n = 100_000
	var cpu time.Duration
	for b.Loop() {
		_, took := lines(b, n)
		cpu += took
	}
	b.ReportMetric(n*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(cpu.Seconds()/float64(b.N), "cpu-s/op")
}
