package picture

import (
	"encoding/json"
	"image"
	"math"
	"strings"
	"testing"
)

// TestMaskGolden compares with torchvision's paste_masks_in_image and pycocotools' encode.
func TestMaskGolden(t *testing.T) {
	for i, c := range readNumbers(t).Paste {
		m := &Mask{Probs: floats(unbase64(t, c.Probs)), Size: 28, Box: c.Box, W: c.W, H: c.H}
		want, got := floats(inflate(t, unbase64(t, c.Values))), m.Paste()
		if len(got) != len(want) {
			t.Fatalf("%d: %d values, want %d", i, len(got), len(want))
		}
		for k := range want {
			if d := math.Abs(float64(got[k] - want[k])); !(d <= 5e-6) {
				t.Errorf("%d, box %v: pixel (%d, %d) is %v, want %v", i, c.Box, k%c.W, k/c.W, got[k], want[k])
				break
			}
		}
		if got := m.RLE(0.5); got != c.RLE {
			t.Errorf("%d, box %v: RLE %q, want %q", i, c.Box, got.Counts, c.RLE.Counts)
		}
		if got := m.Area(0.5); got != c.Area {
			t.Errorf("%d, box %v: area %d, want %d", i, c.Box, got, c.Area)
		}
	}
}

// TestMaskViewsAgree checks Binary, Area, Alpha and RLE against Paste for many boxes.
func TestMaskViewsAgree(t *testing.T) {
	place := noise(4*200, 3)
	for i := range 200 {
		m := &Mask{Size: 5 + i%11, W: 1 + i%83, H: 1 + i*7%61}
		m.Probs = noise(m.Size*m.Size, uint64(i))
		for k := range m.Box {
			m.Box[k] = place[4*i+k]*120 - 30 // inside, outside, inverted
		}
		probs, b := m.Paste(), m.Binary(0.4)
		alpha, gray, area := b.Alpha(), b.Gray(), 0
		for y := range m.H {
			for x := range m.W {
				want := probs[y*m.W+x] >= 0.4
				if b.At(x, y) != want || (alpha.AlphaAt(x, y).A == 255) != want || (gray.GrayAt(x, y).Y == 255) != want {
					t.Fatalf("%d: pixel (%d, %d): %v, %v, want %v", i, x, y, b.At(x, y), alpha.AlphaAt(x, y), want)
				}
				if want {
					area++
				}
				if want && !(image.Point{X: x, Y: y}).In(b.Bounds()) {
					t.Fatalf("%d: pixel (%d, %d) is outside %v", i, x, y, b.Bounds())
				}
			}
		}
		if b.Area() != area || m.Area(0.4) != area {
			t.Errorf("%d: areas %d and %d, want %d", i, b.Area(), m.Area(0.4), area)
		}
		back, err := m.RLE(0.4).Decode()
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, back, b)
		if !back.Bounds().In(b.Bounds()) {
			t.Errorf("%d: decoded bounds %v reach beyond %v", i, back.Bounds(), b.Bounds())
		}
	}
}

func sameBits(t *testing.T, a, b *Bitmap) {
	t.Helper()
	if a.W != b.W || a.H != b.H {
		t.Fatalf("%d×%d and %d×%d", a.W, a.H, b.W, b.H)
	}
	for y := -1; y <= a.H; y++ {
		for x := -1; x <= a.W; x++ {
			if a.At(x, y) != b.At(x, y) {
				t.Fatalf("pixel (%d, %d) differs", x, y)
			}
		}
	}
}

func TestMaskThatIsEmpty(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	good := Mask{Probs: noise(16, 1), Size: 4, Box: [4]float32{1, 1, 5, 5}, W: 8, H: 6}
	if good.Area(0.2) == 0 {
		t.Fatal("the mask to spoil is empty already")
	}
	for name, spoil := range map[string]func(*Mask){
		"NaN":           func(m *Mask) { m.Box[2] = nan },
		"infinite":      func(m *Mask) { m.Box[0], m.Box[2] = -inf, inf },
		"few numbers":   func(m *Mask) { m.Probs = m.Probs[:15] },
		"many numbers":  func(m *Mask) { m.Probs = noise(17, 1) },
		"no size":       func(m *Mask) { m.Size = 0 },
		"negative size": func(m *Mask) { m.Size = -4 },
		"no picture":    func(m *Mask) { m.W = 0 },
		"left of it":    func(m *Mask) { m.Box = [4]float32{-50, 1, -40, 5} },
		"far away":      func(m *Mask) { m.Box = [4]float32{3e38, 1, 3.1e38, 5} },
		"zero":          func(m *Mask) { *m = Mask{} },
	} {
		m := good
		spoil(&m)
		b := m.Binary(0.2)
		if m.Area(0.2) != 0 || b.Area() != 0 || !b.Bounds().Empty() || len(m.Paste()) != m.W*m.H {
			t.Errorf("%s: area %d, bounds %v", name, m.Area(0.2), b.Bounds())
		}
		if back, err := b.RLE().Decode(); err != nil || back.Area() != 0 {
			t.Errorf("%s: %v, %v", name, back, err)
		}
	}
	huge := good
	huge.Box = [4]float32{-1e30, -1e30, 1e30, 1e30}
	if p := huge.Paste(); len(p) != 48 {
		t.Errorf("%d values", len(p))
	}
}

func TestRLEGolden(t *testing.T) {
	for _, c := range readNumbers(t).RLE {
		bits := inflate(t, unbase64(t, c.Bits))
		b := newBitmap(image.Rect(0, 0, c.W, c.H), c.W, c.H)
		for i := range c.W * c.H {
			if bits[i/8]>>(7-i%8)&1 == 1 {
				b.set(i%c.W, i/c.W)
			}
		}
		r := b.RLE()
		if r.Counts != c.Counts || b.Area() != c.Area {
			t.Errorf("%d×%d: %.60q with area %d, want %.60q with %d", c.H, c.W, r.Counts, b.Area(), c.Counts, c.Area)
		}
		back, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		sameBits(t, back, b)
		if again := back.RLE(); again != r {
			t.Errorf("%d×%d: the smallest bounds give %.60q", c.H, c.W, again.Counts)
		}
	}
}

func TestRLEDecodeErrors(t *testing.T) {
	for _, c := range []struct {
		r    RLE
		text string
	}{
		{RLE{H: 2, W: 3}, "miss 6"},
		{RLE{H: 2, W: 3, Counts: "5"}, "miss 1"},
		{RLE{H: 2, W: 3, Counts: "7"}, "0 to 6 fit"},
		{RLE{H: 2, W: 3, Counts: "60"}, ""},
		{RLE{H: 2, W: 3, Counts: "3O"}, "run 1 at byte 1 of counts is -1"},
		{RLE{H: 2, W: 3, Counts: "3 3"}, "no digit"},
		{RLE{H: 2, W: 3, Counts: "3\xff"}, "no digit"},
		{RLE{H: 2, W: 3, Counts: "3P"}, "end within the number at byte 1"},
		{RLE{H: 2, W: 3, Counts: strings.Repeat("P", 20) + "1"}, "too long"},
		{RLE{H: -2, W: 3, Counts: "6"}, "negative"},
		{RLE{H: 1 << 40, W: 1 << 40, Counts: "6"}, "128 MiB"},
		{RLE{H: 0, W: 3, Counts: "1"}, "0 to 0 fit"},
		{RLE{H: 0, W: 3, Counts: "0"}, ""},
		{RLE{}, ""},
	} {
		b, err := c.r.Decode()
		switch {
		case c.text == "" && (err != nil || b.Area() != 0):
			t.Errorf("%+v: %v, %v", c.r, b, err)
		case c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)):
			t.Errorf("%+v: error %v, want …%s…", c.r, err, c.text)
		}
	}
}

func TestRLEJSON(t *testing.T) {
	r := RLE{H: 5, W: 7, Counts: "0S1\\<>&"}
	data, err := json.Marshal(map[string]any{"mask": r})
	if err != nil {
		t.Fatal(err)
	}
	var back struct{ Mask RLE }
	if err := json.Unmarshal(data, &back); err != nil || back.Mask != r {
		t.Errorf("%s came back as %+v, %v", data, back, err)
	}
	if own, err := r.MarshalJSON(); err != nil || string(own) != `{"size":[5,7],"counts":"0S1\\<>&"}` {
		t.Errorf("%s, %v", own, err)
	}
	data, _ = json.Marshal(RLE{H: 2, W: 3, Counts: "6"})
	if string(data) != `{"size":[2,3],"counts":"6"}` {
		t.Errorf("%s", data)
	}
	if err := json.Unmarshal([]byte(`{"size":[2,3],"counts":[1,2,3]}`), &r); err != nil {
		t.Fatal(err)
	}
	if b, err := r.Decode(); err != nil || b.Area() != 2 || !b.At(0, 1) || !b.At(1, 0) {
		t.Errorf("uncompressed counts: %+v, %v, %v", r, b, err)
	}
	for _, bad := range []string{
		`7`, `{}`, `{"size":[2],"counts":"6"}`, `{"size":[2,3]}`, `{"size":[2,3],"counts":7}`,
		`{"size":[2,3],"counts":["a"]}`,
	} {
		before := r
		if err := json.Unmarshal([]byte(bad), &r); err == nil || r != before {
			t.Errorf("%s: %+v, %v", bad, r, err)
		}
	}
}

func FuzzRLE(f *testing.F) {
	for _, c := range readNumbers(f).RLE {
		if len(c.Counts) < 1000 {
			f.Add(c.H, c.W, c.Counts)
		}
	}
	f.Add(2, 3, "3P")
	f.Fuzz(func(t *testing.T, h, w int, counts string) {
		if h > 1<<10 || w > 1<<10 {
			return // larger pictures only cost time
		}
		b, err := RLE{H: h, W: w, Counts: counts}.Decode()
		if err != nil {
			return
		}
		again, err := b.RLE().Decode()
		if err != nil || again.Area() != b.Area() || again.RLE() != b.RLE() {
			t.Errorf("%q does not survive coding: %v", counts, err)
		}
	})
}

// FuzzRLEJSON reads anything as run lengths; what can be decoded has the same pixels in both forms of JSON.
func FuzzRLEJSON(f *testing.F) {
	f.Add([]byte(`{"size":[2,3],"counts":[1,2,3]}`))
	f.Add([]byte(`{"size":[2,3],"counts":"122"}`))
	f.Add([]byte(`{"size":[-2,3],"counts":[7,-1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again RLE
		if json.Unmarshal(data, &r) != nil || r.H > 1<<10 || r.W > 1<<10 {
			return // larger pictures only cost time
		}
		b, err := r.Decode()
		u, failed := r.Uncompressed()
		if (err == nil) != (failed == nil) {
			t.Fatalf("%+v: %v and %v", r, err, failed)
		}
		if err != nil {
			return
		}
		if text, err := json.Marshal(u); err != nil || json.Unmarshal(text, &again) != nil {
			t.Fatalf("%+v: %v", u, err)
		}
		if area, err := again.Area(); err != nil || area != b.Area() || again.H != b.H || again.W != b.W {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}

func BenchmarkMaskRLE(b *testing.B) {
	m := &Mask{Probs: noise(28*28, 1), Size: 28, Box: [4]float32{100, 80, 500, 400}, W: 640, H: 480}
	for b.Loop() {
		m.RLE(0.5)
	}
}

// TestNewBitmap: words are bits of rows, and as many as there are pixels.
func TestNewBitmap(t *testing.T) {
	words := []uint64{1, ^uint64(0), 0, 2, 1 << 63, 4}
	b, err := NewBitmap(66, 3, words)
	if err != nil {
		t.Fatal(err)
	}
	want := map[image.Point]bool{{0, 0}: true, {64, 0}: true, {65, 0}: true, {65, 1}: true, {63, 2}: true}
	for y := range 3 {
		for x := range 66 {
			if b.At(x, y) != want[image.Pt(x, y)] {
				t.Errorf("pixel %d, %d is %v", x, y, b.At(x, y))
			}
		}
	}
	if b.Area() != len(want) || b.Bounds() != image.Rect(0, 0, 66, 3) {
		t.Errorf("%d pixels in %v", b.Area(), b.Bounds())
	}
	for _, size := range [][3]int{{65, 3, 5}, {64, 3, 4}, {0, 3, 1}, {-5, 3, 0}, {5, -3, 0}, {1 << 40, 1 << 40, 0}, {-64, -1, 1}} {
		if _, err := NewBitmap(size[0], size[1], make([]uint64, size[2])); err == nil {
			t.Errorf("%d×%d of %d words was taken", size[0], size[1], size[2])
		}
	}
	if _, err := NewBitmap(0, 3, nil); err != nil {
		t.Error(err)
	}
}

func (b *Bitmap) set(x, y int) {
	x -= b.rect.Min.X
	b.row(y)[x>>6] |= 1 << (x & 63)
}

// TestRunsAnywhere sets every run of small pictures, and of one wider than a word, and compares pixel by pixel.
func TestRunsAnywhere(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {3, 4}, {5, 1}, {1, 5}, {150, 2}} {
		w, h := size[0], size[1]
		for from := range w*h + 1 {
			for to := from; to <= w*h; to++ {
				b := bitmapOfRuns([]int{from, to - from, w*h - to}, w, h)
				for i := range w * h {
					if got := b.At(i/h, i%h); got != (i >= from && i < to) {
						t.Fatalf("%d×%d, run %d to %d: pixel %d is %v", w, h, from, to, i, got)
					}
				}
			}
		}
	}
}

// TestRLELimits: a few bytes take neither long nor more than 128 MiB.
func TestRLELimits(t *testing.T) {
	whole := RLE{H: 1 << 15, W: 1 << 15, Counts: "0PPPPPP1"}
	b, err := whole.Decode()
	if err != nil || b.Area() != 1<<30 {
		t.Errorf("2^30 pixels: %v", err)
	}
	for _, r := range []RLE{{H: 1 << 30, W: 1}, {H: 1<<24 + 1, W: 1}, {H: 1, W: 1<<30 + 1}, {H: 1 << 40, W: 1 << 40}} {
		_, err := r.Decode()
		if want := "its bits take over 128 MiB"; err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%d×%d: %v, want %q", r.H, r.W, err, want)
		}
	}
}
