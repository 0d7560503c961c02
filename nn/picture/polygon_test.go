package picture

import (
	"encoding/json"
	"image"
	"math"
	"testing"
)

// filled returns the pixels whose centres lie inside the polygons, by the even-odd rule.
func filled(w, h int, list Polygons) *Bitmap {
	b := newBitmap(image.Rect(0, 0, w, h), w, h)
	for _, p := range list {
		for _, ring := range append([][]Point{p.Outer}, p.Holes...) {
			for k, a := range ring {
				c := ring[(k+1)%len(ring)]
				for y := range h {
					py := float64(y) + 0.5
					if (a[1] <= py) == (c[1] <= py) {
						continue
					}
					cut := a[0] + (c[0]-a[0])*(py-a[1])/(c[1]-a[1])
					for x := max(0, int(math.Ceil(cut-0.5))); x < w; x++ { // everything to the right turns over
						b.row(y)[x>>6] ^= 1 << (x & 63)
					}
				}
			}
		}
	}
	return b
}

// blob returns a round region with bays, and often holes, about 2*r pixels wide.
func blob(seed int, r float64) *Bitmap {
	size := int(2.6*r) + 3
	b := newBitmap(image.Rect(0, 0, size, size), size, size)
	v := noise(24, uint64(seed))
	for y := range size {
		for x := range size {
			dx, dy := float64(x)-float64(size)/2, float64(y)-float64(size)/2
			angle, limit := math.Atan2(dy, dx), 1.0
			for k := range 6 {
				limit += 0.09 * float64(v[2*k]) * math.Sin(float64(k+1)*angle+7*float64(v[2*k+1]))
			}
			in := math.Hypot(dx, dy) < r*limit
			for k := 12; k+3 < 24; k += 3 {
				hx, hy := r*float64(2*v[k]-1), r*float64(2*v[k+1]-1)
				if hole := 0.3*r*float64(v[k+2]) - 3; hole > 1 && math.Hypot(dx-hx, dy-hy) < hole {
					in = false
				}
			}
			if in {
				b.set(x, y)
			}
		}
	}
	return b
}

// ringArea is by the shoelace formula.
func ringArea(ring []Point) (sum float64) {
	for i, p := range ring {
		q := ring[(i+1)%len(ring)]
		sum += (p[0]*q[1] - q[0]*p[1]) / 2
	}
	return sum
}

// checkExact checks what Polygons promises of the outlines along the edges of pixels.
func checkExact(t *testing.T, name any, b *Bitmap, list Polygons) {
	t.Helper()
	sameBits(t, filled(b.W, b.H, list), b)
	total := 0.0
	for _, p := range list {
		one := filled(b.W, b.H, Polygons{p})
		area := ringArea(p.Outer)
		if area <= 0 {
			t.Errorf("%v: an outer ring of area %v", name, area)
		}
		for _, h := range p.Holes {
			if a := ringArea(h); a >= 0 {
				t.Errorf("%v: a hole of area %v", name, a)
			} else {
				area += a
			}
			in := filled(b.W, b.H, Polygons{{Outer: h}})
			if in.Intersect(filled(b.W, b.H, Polygons{{Outer: p.Outer}})).Area() != in.Area() {
				t.Errorf("%v: a hole outside of its outer ring", name)
			}
		}
		if float64(one.Area()) != area {
			t.Errorf("%v: the rings' areas are %v, %d pixels are inside", name, area, one.Area())
		}
		if n := len(one.joined()); n != 1 {
			t.Errorf("%v: a polygon of %d regions", name, n)
		}
		total += area
		for _, ring := range append([][]Point{p.Outer}, p.Holes...) {
			seen := map[Point]bool{}
			for k, q := range ring {
				next, last := ring[(k+1)%len(ring)], ring[(k+len(ring)-1)%len(ring)]
				if seen[q] || (q[0] == next[0]) == (q[1] == next[1]) || (last[0] == q[0]) == (q[0] == next[0]) {
					t.Fatalf("%v: point %v comes twice, or is no corner", name, q)
				}
				seen[q] = true
			}
		}
	}
	if total != float64(b.Area()) || len(list) != len(b.joined()) {
		t.Errorf("%v: %d polygons of area %v, want %d of %d", name, len(list), total, len(b.joined()), b.Area())
	}
}

// joined returns the sizes of the regions of pixels that are joined by edges.
func (b *Bitmap) joined() (sizes []int) {
	seen := newBitmap(b.rect, b.W, b.H)
	for y := b.rect.Min.Y; y < b.rect.Max.Y; y++ {
		for x := b.rect.Min.X; x < b.rect.Max.X; x++ {
			n := 0
			for open := []image.Point{{X: x, Y: y}}; len(open) > 0; {
				p := open[len(open)-1]
				open = open[:len(open)-1]
				if !b.At(p.X, p.Y) || seen.At(p.X, p.Y) {
					continue
				}
				seen.set(p.X, p.Y)
				n++
				for _, s := range step {
					open = append(open, p.Add(s))
				}
			}
			if n > 0 {
				sizes = append(sizes, n)
			}
		}
	}
	return sizes
}

// TestPolygonsAreExact traces noise, discs, rectangles and what is left of them, and patterns that touch at corners.
func TestPolygonsAreExact(t *testing.T) {
	for i := range 300 {
		b := maskByFormula(i)
		if b.W*b.H > 4000 {
			continue
		}
		checkExact(t, i, b, b.Polygons(0))
		small, err := b.RLE().Decode() // of the smallest bounds
		if err != nil {
			t.Fatal(err)
		}
		checkExact(t, i, small, small.Polygons(0))
	}
	for seed := range 512 { // all pictures of 3×3 pixels
		b := newBitmap(image.Rect(1, 1, 4, 4), 5, 5)
		for k := range 9 {
			if seed>>k&1 == 1 {
				b.set(1+k%3, 1+k/3)
			}
		}
		checkExact(t, seed, b, b.Polygons(0))
	}
}

// TestPolygonsFillAgain fills the polygons of 1,000 random blobs, 16 to 120 pixels wide: by the even-odd rule at
// the centres of pixels, and of COCO's form as pycocotools does.
func TestPolygonsFillAgain(t *testing.T) {
	cases := []struct {
		tolerance, points       float64 // at most this share of the exact outline's points is left
		small, smallCOCO        float64 // least IoU up to 40 pixels
		large, largeCOCO, total float64
	}{
		{tolerance: 0, points: 1, small: 1, smallCOCO: 1, large: 1, largeCOCO: 1},
		{tolerance: 0.5, points: 0.45, small: 1, smallCOCO: 0.97, large: 1, largeCOCO: 0.99},
		{tolerance: 1, points: 0.25, small: 0.9, smallCOCO: 0.9, large: 0.96, largeCOCO: 0.96},
	}
	for i := range 1000 {
		b := blob(i, 8+float64(i%53))
		for k := range cases {
			c := &cases[k]
			list := b.Polygons(c.tolerance)
			coco, err := NewBitmapFromCOCO(b.W, b.H, list.COCO())
			if err != nil {
				t.Fatal(err)
			}
			least, leastCOCO := c.large, c.largeCOCO
			if i%53 < 12 {
				least, leastCOCO = c.small, c.smallCOCO
			}
			if u, v := filled(b.W, b.H, list).IoU(b), coco.IoU(b); u < least || v < leastCOCO {
				t.Errorf("blob %d, tolerance %v: IoU %v and, as COCO, %v", i, c.tolerance, u, v)
			}
			for _, ring := range rings(list) {
				c.total += float64(len(ring))
			}
		}
	}
	for _, c := range cases {
		if share := c.total / cases[0].total; share > c.points {
			t.Errorf("tolerance %v leaves %.2f of the points", c.tolerance, share)
		}
	}
}

func rings(list Polygons) (all [][]Point) {
	for _, p := range list {
		all = append(append(all, p.Outer), p.Holes...)
	}
	return all
}

// TestPolygonsStayNear: each corner of an outline is near its simpler form, and each simpler ring is one.
func TestPolygonsStayNear(t *testing.T) {
	for i := range 60 {
		b := maskByFormula(i)
		for _, tolerance := range []float64{0.2, 0.5, 0.8, 1.3, 4, 1e9} {
			exact, simple := rings(b.Polygons(0)), rings(b.Polygons(tolerance))
			if len(exact) != len(simple) {
				t.Fatalf("mask %d: %d rings, exactly %d", i, len(simple), len(exact))
			}
			for k, ring := range simple {
				if len(ring) < 3 || (ringArea(ring) > 0) != (ringArea(exact[k]) > 0) {
					t.Fatalf("mask %d, tolerance %v: ring %v", i, tolerance, ring)
				}
				for _, p := range exact[k] {
					if d := distance(p, ring); d > tolerance+1e-9 {
						t.Fatalf("mask %d, tolerance %v: %v is %v from %v", i, tolerance, p, d, ring)
					}
				}
			}
		}
		if nan, exact := b.Polygons(math.NaN()), b.Polygons(0); len(rings(nan)) != len(rings(exact)) {
			t.Errorf("mask %d: NaN gives %d rings", i, len(rings(nan)))
		}
	}
}

// distance is from p to the nearest point of a ring.
func distance(p Point, ring []Point) float64 {
	least := math.Inf(1)
	for i, a := range ring {
		b := ring[(i+1)%len(ring)]
		dx, dy := b[0]-a[0], b[1]-a[1]
		t := 0.0
		if n := dx*dx + dy*dy; n > 0 {
			t = min(max(((p[0]-a[0])*dx+(p[1]-a[1])*dy)/n, 0), 1)
		}
		least = min(least, math.Hypot(p[0]-a[0]-t*dx, p[1]-a[1]-t*dy))
	}
	return least
}

// TestGeoJSON: a square with a hole, and a pixel inside of the hole.
func TestGeoJSON(t *testing.T) {
	b := newBitmap(image.Rect(0, 0, 7, 7), 7, 7)
	for y := range 5 {
		for x := range 5 {
			if x == 0 || y == 0 || x == 4 || y == 4 || x == 2 && y == 2 {
				b.set(x+1, y+1)
			}
		}
	}
	got, err := json.Marshal(b.Polygons(0).GeoJSON())
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"type":"MultiPolygon","coordinates":[` +
		`[[[6,1],[6,6],[1,6],[1,1],[6,1]],[[5,5],[5,2],[2,2],[2,5],[5,5]]],` +
		`[[[4,3],[4,4],[3,4],[3,3],[4,3]]]]}`
	if string(got) != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	coco, _ := json.Marshal(b.Polygons(0).COCO())
	const wantCOCO = `[[6,1,6,6,1,6,1,2,2,2,2,5,5,5,5,2,2,2,1,2,1,1],[4,3,4,4,3,4,3,3]]`
	if string(coco) != wantCOCO {
		t.Errorf("%s, want\n%s", coco, wantCOCO)
	}
	if empty, _ := json.Marshal(newBitmap(image.Rectangle{}, 9, 9).Polygons(1).GeoJSON()); string(empty) !=
		`{"type":"MultiPolygon","coordinates":[]}` {
		t.Errorf("of nothing: %s", empty)
	}
}

func FuzzPolygons(f *testing.F) {
	f.Add(uint8(3), []byte{1, 0, 1, 0, 1, 0, 1, 0, 1}, 0.7)
	f.Add(uint8(5), []byte("1110010101111111010111100"), 1.0)
	f.Fuzz(func(t *testing.T, width uint8, cells []byte, tolerance float64) {
		w := int(width%70) + 1
		h := min(len(cells)/w, 40)
		b := newBitmap(image.Rect(0, 0, w, h), w, h)
		for i := range w * h {
			if cells[i]&1 == 1 {
				b.set(i%w, i/w)
			}
		}
		list := b.Polygons(0)
		checkExact(t, "fuzz", b, list)
		if coco, err := NewBitmapFromCOCO(w, h, list.COCO()); err != nil {
			t.Error(err)
		} else {
			sameBits(t, coco, b)
		}
		if _, err := NewBitmapFromCOCO(w, h, b.Polygons(tolerance).COCO()); err != nil {
			t.Error(err)
		}
	})
}

// FuzzNewBitmapFromCOCO takes the bytes as a polygon's numbers, eighths of a pixel or anything.
func FuzzNewBitmapFromCOCO(f *testing.F) {
	f.Add(uint8(9), uint8(9), []byte{0, 0, 80, 0, 80, 80, 0, 80}, 1.0)
	f.Add(uint8(9), uint8(200), []byte{0, 9, 255, 0, 80, 7, 0, 80}, -7e5)
	f.Fuzz(func(t *testing.T, w, h uint8, bytes []byte, scale float64) {
		var p []float64
		for _, v := range bytes {
			p = append(p, float64(v)/8*scale)
		}
		b, err := NewBitmapFromCOCO(int(w), int(h), [][]float64{p})
		if err == nil && (b.W != int(w) || b.H != int(h) || !b.Bounds().In(image.Rect(0, 0, int(w), int(h)))) {
			t.Errorf("%d×%d in %v", b.W, b.H, b.Bounds())
		}
	})
}

func BenchmarkPolygons(b *testing.B) {
	m := blob(3, 200)
	for b.Loop() {
		m.Polygons(1)
	}
}
