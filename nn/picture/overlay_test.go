package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"
)

// scene returns a gray picture of w×h and n instances spread over it, each with a round mask.
func scene(w, h, n int) (*RGB, []Instance) {
	p := NewRGB(w, h)
	for i := range p.Pix {
		p.Pix[i] = 90
	}
	round := make([]float32, 28*28)
	for y := range 28 {
		for x := range 28 {
			if math.Hypot(float64(x)-13.5, float64(y)-13.5) < 12 {
				round[28*y+x] = 1
			}
		}
	}
	var list []Instance
	v := noise(4*n, 9)
	for i := range n {
		x, y := v[4*i]*float32(w)*0.7, v[4*i+1]*float32(h)*0.7
		box := [4]float32{x, y, x + 2 + v[4*i+2]*float32(w)*0.4, y + 2 + v[4*i+3]*float32(h)*0.4}
		m := &Mask{Probs: round, Size: 28, Box: box, W: w, H: h}
		list = append(list, Instance{Box: box, Name: fmt.Sprint("thing ", i), Score: 0.98, Mask: m})
	}
	return p, list
}

// TestOverlayOfRunLengths draws masks from their run-length codes, which must make no difference.
func TestOverlayOfRunLengths(t *testing.T) {
	p, list := scene(160, 120, 5)
	want := Overlay(p, list)
	for i := range list {
		b, err := list[i].Mask.RLE(0.5).Decode()
		if err != nil {
			t.Fatal(err)
		}
		list[i].Mask, list[i].Pixels = nil, b
	}
	if got := Overlay(p, list); !bytes.Equal(got.Pix, want.Pix) {
		t.Error("the overlay differs")
	}
	list[0].Pixels = newBitmap(image.Rect(0, 0, 9, 9), 9, 9)
	Overlay(p, list) // of another picture: it draws none, and does not panic
}

func TestOverlayDrawsEverything(t *testing.T) {
	p, list := scene(640, 480, 1)
	before := bytes.Clone(p.Pix)
	got := Overlay(p, list)
	if !bytes.Equal(p.Pix, before) {
		t.Error("the picture itself has changed")
	}
	if got.Bounds() != p.Bounds() {
		t.Fatalf("bounds %v", got.Bounds())
	}
	c, box := instanceColour(0), list[0].Box
	x1, y1, x2, y2 := int(box[0]+0.5), int(box[1]+0.5), int(box[2]+0.5), int(box[3]+0.5)
	for _, at := range []image.Point{{x1, y1}, {x1 + 1, y2 - 1}, {x2 - 2, y2 - 2}, {x2 - 1, (y1 + y2) / 2}} {
		if got.RGBAAt(at.X, at.Y) != c {
			t.Errorf("box line at %v is %v, want %v", at, got.RGBAAt(at.X, at.Y), c)
		}
	}
	want := color.RGBA{A: 255}
	want.R = uint8(90*0.55 + float64(c.R)*0.45 + 0.5)
	want.G = uint8(90*0.55 + float64(c.G)*0.45 + 0.5)
	want.B = uint8(90*0.55 + float64(c.B)*0.45 + 0.5)
	if in := got.RGBAAt((x1+x2)/2, (y1+y2)/2); in != want {
		t.Errorf("the mask's middle is %v, want %v", in, want)
	}
	if out := got.RGBAAt(x2+5, y2+5); out != (color.RGBA{90, 90, 90, 255}) {
		t.Errorf("outside is %v", out)
	}
	ink := 0
	for y := y1 - 20; y < y1; y++ {
		for x := x1; x < x1+100; x++ {
			if got.RGBAAt(x, y) == inkOn(c) {
				ink++
			}
		}
	}
	if ink < 30 {
		t.Errorf("%d pixels of the label have the letters' colour", ink)
	}
}

// TestPlates checks that plates stay inside the picture, off each other, and hold their text, at many sizes.
func TestPlates(t *testing.T) {
	for _, size := range [][2]int{
		{1, 1}, {8, 8}, {64, 64}, {64, 10}, {300, 14}, {12, 300}, {256, 256}, {640, 480}, {2000, 1500},
	} {
		p, list := scene(size[0], size[1], 12)
		list = append(list,
			Instance{Box: [4]float32{-5, -5, 1e9, 1e9}, Name: "a name that is far too long for a small picture"},
			Instance{Box: list[0].Box, Score: 0.5})
		c := newCanvas(p.RGBA())
		l := newLabels(c)
		for i := range list {
			if r, ok := c.place(list[i].Box); ok {
				l.add(r, list[i], instanceColour(i))
			}
		}
		if l.face == nil {
			t.Fatal("the embedded font cannot be read")
		}
		if size[0] >= 64 && size[1] >= 64 && len(l.plates) == 0 {
			t.Errorf("%v: no plates", size)
		}
		if size[0] >= 640 && len(l.plates) < 8 {
			t.Errorf("%v: only %d plates of 14", size, len(l.plates))
		}
		for i, a := range l.plates {
			if !a.In(p.Bounds()) || a.text == "" {
				t.Errorf("%v: plate %q at %v", size, a.text, a.Rectangle)
			}
			for _, b := range l.plates[:i] {
				if a.Overlaps(b.Rectangle) {
					t.Errorf("%v: plates %q and %q overlap", size, a.text, b.text)
				}
			}
		}
		Overlay(p, list)
	}
}

func TestPlateTextIsShortened(t *testing.T) {
	l := newLabels(newCanvas(NewRGB(640, 640).RGBA()))
	in := Instance{Name: "Überwachungskamera", Score: 0.987}
	for width, want := range map[int]string{1000: "Überwachungskamera 0.99", 165: "Überwachungskamera", 0: ""} {
		if got := l.fit(in, width); got != want {
			t.Errorf("width %d: %q, want %q", width, got, want)
		}
	}
	if got := l.fit(in, 40); len(got) < 5 || got[:2] != "Ü" || got[len(got)-3:] != "…" {
		t.Errorf("width 40: %q", got)
	}
	in.Name = strings.Repeat("é", 50_000) // whose every beginning would take a minute to measure
	if got := l.fit(in, 300); len(got) < 20 || strings.Trim(got, "é") != "…" || l.width("é"+got) <= 300 {
		t.Errorf("a long name: %.60q", got)
	}
	if got := l.fit(Instance{Score: 0.5}, 100); got != "0.50" {
		t.Errorf("without a name: %q", got)
	}
}

func TestOverlayLeavesOutWhatCannotBeDrawn(t *testing.T) {
	p, _ := scene(50, 40, 0)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	other := &Mask{Probs: []float32{1}, Size: 1, Box: [4]float32{0, 0, 9, 9}, W: 10, H: 10} // of another picture
	got := Overlay(p, []Instance{
		{Box: [4]float32{nan, 1, 5, 5}},
		{Box: [4]float32{60, 1, 70, 5}, Name: "right of the picture"},
		{Box: [4]float32{-9, -9, -3, -3}, Name: "left of it"},
		{Box: [4]float32{nan, nan, nan, nan}, Mask: &Mask{}},
		{Box: [4]float32{-9, -9, -3, -3}, Mask: other},
	})
	if !bytes.Equal(got.Pix, p.RGBA().Pix) {
		t.Error("something was drawn")
	}
	Overlay(p, []Instance{{Box: [4]float32{-inf, -inf, inf, inf}}, {Box: [4]float32{9, 9, 3, 3}}})
	if e := Overlay(NewRGB(0, 0), []Instance{{Box: [4]float32{0, 0, 1, 1}, Name: "x"}}); !e.Bounds().Empty() {
		t.Errorf("an empty picture gave %v", e.Bounds())
	}
}

// TestInstanceColours checks that the first colours are far apart and that letters stand out on each.
func TestInstanceColours(t *testing.T) {
	luminance := func(c color.RGBA) float64 {
		return 0.2126*decodeSRGB(c.R) + 0.7152*decodeSRGB(c.G) + 0.0722*decodeSRGB(c.B)
	}
	for i := range 100 {
		c := instanceColour(i)
		a, b := luminance(c), luminance(inkOn(c))
		if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < 4.5 {
			t.Errorf("colour %d, %v: contrast of letters %.2f, WCAG AA asks for 4.5", i, c, contrast)
		}
		for k := range min(i, 8) {
			if i >= 8 {
				break
			}
			d := instanceColour(k)
			apart := math.Sqrt(math.Pow(float64(c.R)-float64(d.R), 2) + math.Pow(float64(c.G)-float64(d.G), 2) +
				math.Pow(float64(c.B)-float64(d.B), 2))
			if apart < 60 {
				t.Errorf("colours %d %v and %d %v are only %.0f apart", i, c, k, d, apart)
			}
		}
	}
}

func BenchmarkOverlay(b *testing.B) {
	p, list := scene(640, 480, 10)
	for b.Loop() {
		Overlay(p, list)
	}
}

// TestOverlayMasks compares a mask on a picture with loops over its pixels.
func TestOverlayMasks(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {5, 3}, {70, 9}, {130, 40}, {900, 800}} {
		w, h := size[0], size[1]
		photo := NewRGB(w, h)
		v := noise(3*w*h, 3)
		for i := range photo.Pix {
			photo.Pix[i] = uint8(v[i] * 256)
		}
		for k, r := range []image.Rectangle{
			image.Rect(0, 0, w, h), image.Rect(0, 0, (w+1)/2, h), image.Rect(w/2, h/2, w, h), image.Rect(w/3, 0, w, h/2+1),
		} {
			b := newBitmap(r, w, h)
			for y := r.Min.Y; y < r.Max.Y; y++ {
				for x := r.Min.X; x < r.Max.X; x++ {
					if v[y*w+x] < 0.97 {
						b.set(x, y)
					}
				}
			}
			got, want := newCanvas(photo.RGBA()), newCanvas(photo.RGBA())
			ink := instanceColour(k)
			got.mask(b, ink)
			rim := max(1, want.line/2)
			inner := func(x, y int) bool { return x < 0 || y < 0 || x >= w || y >= h || b.At(x, y) }
			for i := range w * h {
				x, y, alpha := i%w, i/w, maskAlpha
				if !b.At(x, y) {
					continue
				}
				if !inner(x-rim, y) || !inner(x+rim, y) || !inner(x, y-rim) || !inner(x, y+rim) {
					alpha = contourAlpha
				}
				want.blend(x, y, ink, alpha)
			}
			if !bytes.Equal(got.dst.Pix, want.dst.Pix) {
				t.Errorf("%d×%d, mask in %v: other pixels than the loops'", w, h, r)
			}
		}
	}
}
