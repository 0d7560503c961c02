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
