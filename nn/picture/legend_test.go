package picture

import (
	"bytes"
	"image/color"
	"slices"
	"testing"
)

// zones returns a gray picture of w×h and a map of it: n bands of decreasing height from the top, then background.
func zones(w, h, n int) (*RGB, *LabelMap) {
	p, m := NewRGB(w, h), &LabelMap{Pix: make([]uint8, w*h), W: w, H: h}
	for i := range p.Pix {
		p.Pix[i] = 100
	}
	for i := range m.Pix {
		for k := 1; k <= n; k++ {
			if i/w < h*(n+1-k)/(2*n) {
				m.Pix[i] = uint8(k)
			}
		}
	}
	return p, m
}

// TestLegend checks that legends lie inside the picture, name the largest classes first, and hold their text.
func TestLegend(t *testing.T) {
	names := []string{"background", "a name that is far too long for a small picture", "cat", "", "Überwachungskamera"}
	for _, size := range [][2]int{{1, 1}, {8, 8}, {64, 20}, {64, 64}, {20, 300}, {640, 480}, {3000, 2000}} {
		p, m := zones(size[0], size[1], 5)
		l := newLegend(newCanvas(p.RGBA()), m, names)
		if l.face == nil {
			t.Fatal("the embedded font cannot be read")
		}
		if size[0] >= 64 && size[1] >= 64 && len(l.rows) == 0 || size[0] >= 640 && len(l.rows) != 5 {
			t.Errorf("%v: %d rows", size, len(l.rows))
		}
		if !l.In(p.Bounds()) || 2*l.Dy() > size[1] || 3*l.Dx() > 2*size[0] || len(l.rows) > 0 == l.Empty() {
			t.Errorf("%v: %d rows in %v", size, len(l.rows), l.Rectangle)
		}
		for _, r := range l.rows {
			if l.width(r.text) > l.Dx()-l.swatch-3*l.pad {
				t.Errorf("%v: %q is wider than %v", size, r.text, l.Rectangle)
			}
		}
		got := OverlayMap(p, m, names)
		if got.Bounds() != p.Bounds() {
			t.Errorf("%v: %v", size, got.Bounds())
		}
	}
	p, m := zones(640, 480, 5)
	l := newLegend(newCanvas(p.RGBA()), m, names)
	var texts []string
	for _, r := range l.rows {
		texts = append(texts, r.text)
	}
	want := []string{names[1] + " 10 %", "cat 10 %", " 10 %", names[4] + " 10 %", "5 10 %"}
	if !slices.Equal(texts, want) {
		t.Errorf("%q, want %q", texts, want)
	}
	m.Pix = make([]uint8, len(m.Pix))
	m.Pix[7] = 2
	if l := newLegend(newCanvas(p.RGBA()), m, names); len(l.rows) != 1 || l.rows[0].text != "cat <1 %" {
		t.Errorf("%q of one pixel", l.rows)
	}
}

// TestLegendLiesOnBackground puts the classes in three corners.
func TestLegendLiesOnBackground(t *testing.T) {
	for free := range 4 {
		p, m := zones(400, 300, 0)
		for y := range m.H {
			for x := range m.W {
				if c := x/200 + 2*(y/150); c != free {
					m.Pix[y*m.W+x] = uint8(1 + c)
				}
			}
		}
		l := newLegend(newCanvas(p.RGBA()), m, nil)
		if c := l.Min.X/200 + 2*(l.Min.Y/150); c != free {
			t.Errorf("the legend lies at %v, not in corner %d", l.Rectangle, free)
		}
	}
}

// TestOverlayMap: colours inside, borders between, white letters on the legend, and all else as it was.
func TestOverlayMap(t *testing.T) {
	p, m := zones(400, 300, 2)
	got, blended := OverlayMap(p, m, []string{"", "sky", "sea"}), Blend(p, m, 0.5)
	for _, y := range []int{10, 100, 170} {
		if got.RGBAAt(300, y) != blended.RGBAAt(300, y) {
			t.Errorf("row %d: %v, want %v", y, got.RGBAAt(300, y), blended.RGBAAt(300, y))
		}
	}
	for _, y := range []int{74, 149} {
		if c := got.RGBAAt(300, y); c.R < 200 || c.G < 200 || c.B < 170 {
			t.Errorf("the border at row %d is %v", y, c)
		}
	}
	l := newLegend(newCanvas(p.RGBA()), m, []string{"", "sky", "sea"})
	white, swatches := 0, map[color.RGBA]int{}
	for y := l.Min.Y; y < l.Max.Y; y++ {
		for x := l.Min.X; x < l.Max.X; x++ {
			if c := got.RGBAAt(x, y); c == (color.RGBA{255, 255, 255, 255}) {
				white++
			} else {
				swatches[c]++
			}
		}
	}
	if white < 60 || swatches[vocColour(1)] < 40 || swatches[vocColour(2)] < 40 {
		t.Errorf("%d white samples, %d and %d of the two colours", white, swatches[vocColour(1)], swatches[vocColour(2)])
	}
	other := &LabelMap{W: 399, H: 300, Pix: make([]uint8, 399*300)}
	other.Pix[0] = 1
	if !bytes.Equal(OverlayMap(p, other, nil).Pix, p.RGBA().Pix) {
		t.Error("a map of another picture was drawn")
	}
}
