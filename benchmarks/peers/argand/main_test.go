package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argand-go/argand/internal/procedural"
	"github.com/argand-go/argand/internal/shapes"
	"github.com/argand-go/argand/tensor"
)

// scratch returns a directory as networks.py makes it, with the embedded network in the place of the full-size one.
func scratch(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	all := map[string]listing{
		"maskrcnn":       {"w.pth", "maskrcnn.f32", []int{3, 64, 96}},
		"maskrcnn+paste": {"w.pth", "maskrcnn.f32", []int{3, 64, 96}},
		"features":       {"w.pth", "features.f32", []int{1, 3, 64, 96}},
		"boxhead":        {"w.pth", "boxhead.f32", []int{3, 64 * 49}},
		"maskhead":       {"w.pth", "maskhead.f32", []int{2, 64, 14, 14}},
		"short":          {"w.pth", "boxhead.f32", []int{1 << 20}},
		"resnet18":       {"w.pth", "features.f32", []int{1, 3, 64, 96}},
	}
	for name, l := range all {
		if name == "short" || name == "resnet18" {
			continue
		}
		x := make([]float32, tensor.Shape(l.Shape).Len())
		procedural.Fill(x, name, 1)
		var b bytes.Buffer
		if err := binary.Write(&b, binary.LittleEndian, x); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, l.Input), b.Bytes())
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "networks.json"), text)
	write(t, filepath.Join(dir, "w.pth"), shapes.Model())
	return dir
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// converse starts a worker, sends lines and returns its answers.
func converse(t *testing.T, args []string, lines ...string) []map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := serve(args, strings.NewReader(strings.Join(lines, "\n")), &out); err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	for d := json.NewDecoder(&out); d.More(); {
		var a map[string]any
		if err := d.Decode(&a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	return answers
}

func TestWorker(t *testing.T) {
	dir := scratch(t)
	// The finest of the five levels comes first: 1 picture, 3 anchors, a quarter of the image.
	want := map[string]int{"features": 3 * 16 * 24, "boxhead": 3 * 5, "maskhead": 2 * 5 * 28 * 28}
	for _, name := range []string{"features", "boxhead", "maskhead", "maskrcnn", "maskrcnn+paste"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(dir, "out.f32")
			a := converse(t, []string{name, "1", dir}, "run 1 3", "output "+file, "peak", "dance")
			if len(a) != 5 || !strings.HasPrefix(fmt.Sprint(a[0]["ready"]), "cpu/") {
				t.Fatalf("%v", a)
			}
			if ms, _ := a[1]["ms"].([]any); len(ms) != 3 || !(ms[0].(float64) > 0) {
				t.Errorf("run: %v", a[1])
			}
			if a[2]["ok"] != true || a[3]["gflops"] == nil || a[4]["error"] == nil {
				t.Errorf("%v", a[2:])
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			y := make([]float32, len(data)/4)
			if err := binary.Read(bytes.NewReader(data), binary.LittleEndian, y); err != nil {
				t.Fatal(err)
			}
			if n, ok := want[name]; ok && len(y) != n {
				t.Errorf("%d numbers, want %d", len(y), n)
			}
			if slices.ContainsFunc(y, func(v float32) bool { return math.IsNaN(float64(v)) }) {
				t.Error("NaN in the output")
			}
		})
	}
}

// TestMistakes wants an answer that says what is wrong, and nothing after it.
func TestMistakes(t *testing.T) {
	dir := scratch(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "want a network"},
		{[]string{"boxhead", "two", dir}, "two"},
		{[]string{"alexnet", "1", dir}, `no network "alexnet"`},
		{[]string{"boxhead", "1", filepath.Join(dir, "nowhere")}, "networks.json"},
		{[]string{"short", "1", dir}, "EOF"},
		{[]string{"resnet18", "1", dir}, "a detector takes it; a classifier takes ResNet"},
	} {
		a := converse(t, c.args, "peak")
		if len(a) != 1 || !strings.Contains(fmt.Sprint(a[0]["error"]), c.want) {
			t.Errorf("%q: %v, want %q", c.args, a, c.want)
		}
	}
}
