package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

// TestVOCPalette knows the first 22 colours as VOC's development kit prints them, and a few later ones.
func TestVOCPalette(t *testing.T) {
	p := VOCPalette()
	for i, want := range map[int][3]uint8{
		0: {0, 0, 0}, 1: {128, 0, 0}, 2: {0, 128, 0}, 3: {128, 128, 0}, 4: {0, 0, 128}, 5: {128, 0, 128},
		6: {0, 128, 128}, 7: {128, 128, 128}, 8: {64, 0, 0}, 9: {192, 0, 0}, 15: {192, 128, 128}, 16: {0, 64, 0},
		20: {0, 64, 128}, 21: {128, 64, 128}, 64: {32, 0, 0}, 255: {224, 224, 192},
	} {
		if got := p[i]; got != (color.RGBA{want[0], want[1], want[2], 255}) {
			t.Errorf("colour %d is %v, want %v", i, got, want)
		}
	}
	seen := map[color.Color]int{}
	for i, c := range p {
		if k, ok := seen[c]; ok {
			t.Errorf("%d and %d are both %v", k, i, c)
		}
		seen[c] = i
	}
}

// TestLabelMapPNG: the classes are in the PNG file, with a palette of any length.
func TestLabelMapPNG(t *testing.T) {
	m := &LabelMap{W: 51, H: 5, Pix: make([]uint8, 255)}
	for i := range m.Pix {
		m.Pix[i] = uint8(255 - i)
	}
	red := color.RGBA{255, 0, 0, 255}
	for _, palette := range []color.Palette{nil, {red, red}} {
		var buf bytes.Buffer
		if err := EncodePNG(&buf, m.Paletted(palette)); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&buf)
		if err != nil {
			t.Fatal(err)
		}
		back, ok := img.(*image.Paletted)
		if !ok || !bytes.Equal(back.Pix, m.Pix) || back.Stride != 51 {
			t.Errorf("the classes came back as %T", img)
		}
		want := VOCPalette()
		copy(want, palette)
		for i, c := range back.Palette {
			if c != want[i] {
				t.Errorf("%d colours: colour %d is %v, want %v", len(palette), i, c, want[i])
			}
		}
	}
	if m.At(0, 0) != 255 || m.At(50, 4) != 1 || m.At(51, 4) != 0 || m.At(0, -1) != 0 {
		t.Error("At is wrong")
	}
}

func TestBlend(t *testing.T) {
	p := NewRGB(3, 2)
	for i := range p.Pix {
		p.Pix[i] = uint8(10 * i)
	}
	m := &LabelMap{W: 3, H: 2, Pix: []uint8{0, 1, 2, 1, 255, 0}}
	before := bytes.Clone(p.Pix)
	got := Blend(p, m, 0.25)
	for i, class := range m.Pix {
		c, alpha := vocColour(class), 0.25
		if class == 0 {
			alpha = 0
		}
		for k, v := range [3]uint8{c.R, c.G, c.B} {
			want := uint8(float64(p.Pix[3*i+k])*(1-alpha) + float64(v)*alpha + 0.5)
			if got.Pix[4*i+k] != want {
				t.Errorf("pixel %d, channel %d: %d, want %d", i, k, got.Pix[4*i+k], want)
			}
		}
	}
	if !bytes.Equal(p.Pix, before) {
		t.Error("the photo itself has changed")
	}
	if c := Blend(p, m, 7).RGBAAt(1, 0); c != vocColour(1) {
		t.Errorf("an alpha above 1 gives %v", c)
	}
	for name, bad := range map[string]*LabelMap{
		"zero": {}, "short": {W: 3, H: 2, Pix: m.Pix[:5]}, "long": {W: 3, H: 2, Pix: make([]uint8, 7)},
		"turned": {W: 2, H: 3, Pix: m.Pix}, "negative": {W: -3, H: -2, Pix: m.Pix},
	} {
		if got := Blend(p, bad, 0.5); !bytes.Equal(got.Pix, p.RGBA().Pix) {
			t.Errorf("%s: something was drawn", name)
		}
		if name != "turned" && (!bad.Paletted(nil).Bounds().Empty() || bad.At(0, 0) != 0) {
			t.Errorf("%s: the map is not empty", name)
		}
	}
}

// TestLabelMapBitmap wants every pixel in the bitmap of its class alone, in rows of more than a word too.
func TestLabelMapBitmap(t *testing.T) {
	m := LabelMap{Pix: make([]uint8, 67*3), W: 67, H: 3}
	for i := range m.Pix {
		m.Pix[i] = uint8(i * i % 5)
	}
	for class := range uint8(6) {
		b, area := m.Bitmap(class), 0
		for y := range m.H {
			for x := range m.W {
				if got := b.At(x, y); got != (m.At(x, y) == class) {
					t.Errorf("class %d at (%d, %d): %v", class, x, y, got)
				} else if got {
					area++
				}
			}
		}
		if b.Area() != area {
			t.Errorf("class %d: %d pixels, want %d", class, b.Area(), area)
		}
	}
	if b := (&LabelMap{Pix: make([]uint8, 5), W: 2, H: 3}).Bitmap(0); b.Area() != 0 || b.At(0, 0) || b.W != 2 || b.H != 3 {
		t.Errorf("a map that is not whole: %+v", b)
	}
}
