package main

import (
	"bytes"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/argand-go/argand/internal/shapes"
)

func TestExample(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "maskrcnn.exe")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := fs.ReadFile(shapes.Pictures(), "s256.png")
	if err != nil {
		t.Fatal(err)
	}
	model, input, output := filepath.Join(dir, "model.pth"), filepath.Join(dir, "in.png"), filepath.Join(dir, "out.png")
	for path, content := range map[string][]byte{model: shapes.Model(), input: data} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(bin, model, input, output).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := regexp.MustCompile(`(?m)^class 1 +[01]\.\d{3} +\[ *\d+\.\d( +\d+\.\d){3}\]$`); !want.Match(out) {
		t.Errorf("output %q does not match %s", out, want)
	}
	overlay, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(overlay))
	if err != nil {
		t.Fatal(err)
	}
	was, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if got.Bounds() != was.Bounds() {
		t.Errorf("overlay of %v for a picture of %v", got.Bounds(), was.Bounds())
	}
	if bytes.Equal(overlay, data) {
		t.Error("the overlay is the picture itself")
	}

	if out, err := exec.Command(bin, model, model, output).CombinedOutput(); err == nil ||
		!bytes.Contains(out, []byte("not a picture")) {
		t.Errorf("with a checkpoint for a picture: %v, %q", err, out)
	}
}
