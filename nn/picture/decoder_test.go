package picture

import (
	"slices"
	"testing"
)

// TestDecoderReuse: a Decoder that has decoded every other picture gives what a new one gives.
func TestDecoderReuse(t *testing.T) {
	for _, turn := range []Orientation{IgnoreOrientation, ApplyOrientation} {
		o := DecodeOptions{Orientation: turn}
		d, p := NewDecoder(o), new(RGB)
		for _, name := range decodeCases(t) {
			data := readFile(t, "decode", name)
			want, err := Decode(data, o)
			if err != nil {
				t.Fatal(err)
			}
			d.Decode(p, data[:len(data)/2]) // what fails leaves no trace
			if err := d.Decode(p, data); err != nil || p.W != want.W || p.H != want.H || !slices.Equal(p.Pix, want.Pix) {
				t.Errorf("%s: a Decoder that is used again differs, %v", name, err)
			}
		}
	}
}

// TestDecoderKeepsNothing: a Decoder that turns pictures gives right ones into the same memory again and again, and into
// one picture after another.
func TestDecoderKeepsNothing(t *testing.T) {
	data := readFile(t, "decode", "exif6.jpg")
	o := DecodeOptions{Orientation: ApplyOrientation}
	want, err := Decode(data, o)
	if err != nil {
		t.Fatal(err)
	}
	d, memory := NewDecoder(o), make([]uint8, len(want.Pix))
	var before *RGB
	for i := range 4 {
		p := &RGB{Pix: memory}
		if i >= 2 {
			p = new(RGB)
		}
		if err := d.Decode(p, data); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Pix, want.Pix) || i < 2 && &p.Pix[0] != &memory[0] {
			t.Errorf("picture %d is another, or elsewhere", i)
		}
		if before != nil && !slices.Equal(before.Pix, want.Pix) {
			t.Errorf("picture %d changes the one before", i)
		}
		before = p
	}
}

// TestDecoderAllocations holds what Decoder's comment says.
func TestDecoderAllocations(t *testing.T) {
	for _, c := range []struct {
		file []string
		most float64
	}{
		{[]string{"decode", "420_40x30.jpg"}, 0},
		{[]string{"decode", "progressive.jpg"}, 0},
		{[]string{"decode", "exif6.jpg"}, 0},
		{[]string{"decode", "ycck.jpg"}, 0},
		{[]string{"decode", "411.jpg"}, 0},
		{[]string{"decode", "rgb.png"}, 0},
		{[]string{"decode", "palette.png"}, 0},
		{[]string{"resize", "source.png"}, 0},
		{[]string{"decode", "rgb.bmp"}, 0},
		{[]string{"decode", "palette.bmp"}, 0},
	} {
		data := readFile(t, c.file...)
		d, p := NewDecoder(DecodeOptions{Orientation: ApplyOrientation}), new(RGB)
		n := testing.AllocsPerRun(20, func() {
			if err := d.Decode(p, data); err != nil {
				t.Fatal(err)
			}
		})
		if n > c.most {
			t.Errorf("%s: %v allocations, at most %v", c.file, n, c.most)
		}
		t.Logf("%s: %v allocations", c.file, n)
	}
}

// TestPNGOrientation: what a PNG's eXIf holds may begin as in a JPEG, which Pillow passes over.
func TestPNGOrientation(t *testing.T) {
	exif := "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	for _, chunk := range []string{"\x00\x00\x00\x1aeXIf" + exif, "\x00\x00\x00\x20eXIf" + exifHeader + exif} {
		if got := orientationTag(pngEXIF([]byte("\x89PNG\r\n\x1a\n" + chunk + "sum!"))); got != 6 {
			t.Errorf("%q: %d, want 6", chunk, got)
		}
	}
}
