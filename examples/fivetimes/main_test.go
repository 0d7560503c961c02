package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
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
func program(args ...string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(self, append([]string{asProgram}, args...)...).CombinedOutput()
	return string(out), err
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
