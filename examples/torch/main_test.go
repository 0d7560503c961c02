package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
func program(t *testing.T, args ...string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(self, append([]string{asProgram}, args...)...).CombinedOutput()
	return string(out), err
}

func read[T any](t *testing.T, path string) []T {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for line := range strings.Lines(string(data)) {
		var v T
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, v)
	}
	return out
}

// TestExample compares with how the readings were made: line i is of digit i%10.
func TestExample(t *testing.T) {
	data, err := os.ReadFile("readings.csv")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	input := filepath.Join(dir, "readings.csv")
	bad := []string{"1,one,1,1,1,1,1", "1,2,3", "1,1,NaN,1,1,1,1"}
	if err := os.WriteFile(input, append(data, strings.Join(bad, "\n")...), 0o644); err != nil {
		t.Fatal(err)
	}
	digits, failures := filepath.Join(dir, "digits"), filepath.Join(dir, "failures")
	out, err := program(t, "--input", input, "--model", "segments.pth", "--output", digits, "--failures", failures)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	results := read[beamio.PredictionResult[string, Digit]](t, digits)
	if len(results) != len(lines) {
		t.Errorf("%d results of %d lines", len(results), len(lines))
	}
	for _, r := range results {
		i := slices.Index(lines, r.Example)
		if d := r.Inference; i < 0 || d.Digit != i%10 || !(d.Probability > 0.5 && d.Probability <= 1) {
			t.Errorf("%+v, line %d", r, i)
		}
	}
	failed := make(map[string]string)
	for _, f := range read[beamio.Failure[string]](t, failures) {
		failed[f.Example] = f.Stage + ": " + f.Error
	}
	if len(failed) != 3 || failed[bad[0]] != `preprocess: "one" is no brightness` ||
		failed[bad[2]] != `preprocess: "NaN" is no brightness` ||
		!strings.HasPrefix(failed[bad[1]], "inference: fc1: linear: got float32 (1, 3)") {
		t.Errorf("failures %q", failed)
	}
}

func TestOtherNetwork(t *testing.T) {
	dir := t.TempDir()
	out, err := program(t, "--input", "readings.csv", "--model", "segments.pth", "--hidden", "23",
		"--output", filepath.Join(dir, "digits"), "--failures", filepath.Join(dir, "failures"))
	if err == nil || !strings.Contains(out, "size mismatch for fc1.weight") || !strings.Contains(out, "fc2.weight") {
		t.Errorf("error %v\n%s", err, out)
	}
}
