package main

import (
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestDocuments draws the pictures again. Other processors round otherwise, which may move a border or change a digit.
func TestDocuments(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("go", "run", ".", dir).CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"overlay.png", "segmentation.png", "keypoints.png"} {
		got, want := decode(t, filepath.Join(dir, name)), decode(t, filepath.Join("../../docs", name))
		if got.Bounds() != want.Bounds() {
			t.Fatalf("%s: %v, want %v", name, got.Bounds(), want.Bounds())
		}
		different, size := 0, got.Bounds().Size()
		for y := range size.Y {
			for x := range size.X {
				if got.At(x, y) != want.At(x, y) {
					different++
				}
			}
		}
		if different > size.X*size.Y/200 {
			t.Errorf("%s: %d of %d pixels differ; run go run ./examples/overlays docs", name, different, size.X*size.Y)
		}
	}
	if out, err := exec.Command("go", "run", ".").CombinedOutput(); err == nil {
		t.Errorf("without a directory: %s", out)
	}
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
