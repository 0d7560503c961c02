package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/beamio"
	"github.com/argand-go/argand/internal/shapes"
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

// TestExample compares with what is in the pictures, which were drawn from
// known seeds: the detector finds each object once, and the three networks
// agree on nearly all.
func TestExample(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := "../../internal/shapes/"
	output := filepath.Join(t.TempDir(), "out.jsonl")
	cmd := exec.Command(self, asProgram, "--judges", ".", "--output", output,
		"--input", root+"*.png", "--model", root+"model_f16.pth")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	objects, agreed := 0, 0
	pictures := make(map[string]int)
	var last string
	for line := range strings.Lines(string(data)) {
		var v verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		file, _, _ := strings.Cut(v.Object, "/")
		name := path.Base(v.Object)
		for _, opinion := range []string{name, v.A, v.B} {
			if !slices.Contains(shapes.Labels()[1:], opinion) {
				t.Errorf("line %q: %q is no shape", line, opinion)
			}
		}
		if v.Agreed != (v.A == name && v.B == name) {
			t.Errorf("line %q: they do not agree", line)
		}
		if v.Object <= last {
			t.Errorf("%q comes after %q", v.Object, last)
		}
		last = v.Object
		if objects++; v.Agreed {
			agreed++
		}
		pictures[file]++
	}
	if len(pictures) != 3 || objects < 8 {
		t.Errorf("%d objects, by picture %v", objects, pictures)
	}
	if 4*agreed < 3*objects {
		t.Errorf("all agree on %d of %d objects only\n%s", agreed, objects, fmt.Sprint(string(data)))
	}
}

// TestCutSpeck cuts an object out that is smaller than a pixel.
func TestCutSpeck(t *testing.T) {
	name := "../../internal/shapes/s256.png"
	r := beamio.PredictionResult[beamio.Picture, beamio.Detections]{Example: beamio.Picture{Name: name}}
	r.Inference = beamio.Detections{Boxes: []float32{9, 9, 9.5, 9.5}, Names: []string{"star"}}
	var cuts []string
	if err := cut(t.Context(), r, func(key string, _ beamio.Picture) { cuts = append(cuts, key) }); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(cuts, []string{"s256.png/0/star"}) {
		t.Errorf("cut out %q", cuts)
	}
}
