package shapes

import (
	"archive/zip"
	"bytes"
	"image/png"
	"io/fs"
	"slices"
	"testing"
)

func TestPicturesDecode(t *testing.T) {
	names, err := fs.Glob(Pictures(), "*")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"s256.png", "s512.png", "s640.png"}; !slices.Equal(names, want) {
		t.Fatalf("pictures %v, want %v", names, want)
	}
	shorter := map[string]int{"s256.png": 256, "s512.png": 512, "s640.png": 640}
	for _, name := range names {
		data, err := fs.ReadFile(Pictures(), name)
		if err != nil {
			t.Fatal(err)
		}
		im, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := min(im.Bounds().Dx(), im.Bounds().Dy()); got != shorter[name] {
			t.Errorf("%s: shorter side %d, want %d", name, got, shorter[name])
		}
	}
}

// TestModelIsWhole reads every member of the zip file, whose checksums would show a damaged embedding.
func TestModelIsWhole(t *testing.T) {
	z, err := zip.NewReader(bytes.NewReader(Model()), int64(len(Model())))
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		var buf bytes.Buffer
		if _, err := buf.ReadFrom(r); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		r.Close()
		total += buf.Len()
	}
	if total < 4_500_000 {
		t.Errorf("members hold %d bytes, want at least 4.5 million", total)
	}
}

func TestLabelsAreFresh(t *testing.T) {
	Labels()[1] = "changed"
	if got := Labels()[1]; got != "circle" {
		t.Errorf("Labels()[1] = %q, want circle", got)
	}
}
