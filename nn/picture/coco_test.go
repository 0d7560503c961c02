package picture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"strings"
	"testing"
)

// cocoGoldens is what pycocotools makes of masks and polygons of the formulas below.
type cocoGoldens struct {
	Masks    []string
	Pairs    [][3]any // IoU, union and intersection of masks 2n and 2n+1
	Polygons [][2]string
}

func readCOCO(t testing.TB) (g cocoGoldens) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, "coco.json"), &g); err != nil {
		t.Fatal(err)
	}
	if len(g.Masks) < 1000 || len(g.Pairs) < 500 || len(g.Polygons) < 500 {
		t.Fatalf("coco.json has %d masks, %d pairs and %d polygons", len(g.Masks), len(g.Pairs), len(g.Polygons))
	}
	return g
}

// splitMix is SplitMix64.
func splitMix(z uint64) uint64 {
	z += 0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// drawn is the k-th number of a seed, from 0 to below-1.
func drawn(seed, k, below int) int {
	return int(splitMix(uint64(seed)<<20|uint64(k)) >> 16 % uint64(below))
}

// maskByFormula is mask i of make_coco_goldens.py.
func maskByFormula(i int) *Bitmap {
	h, w := 1+drawn(i/2, 0, 90), 1+drawn(i/2, 1, 140)
	b := newBitmap(image.Rect(0, 0, w, h), w, h)
	kind, shapes := drawn(i, 2, 4), 1+drawn(i, 4, 6)
	for y := range h {
		for x := range w {
			in := kind == 0 && splitMix(uint64(i)<<20+uint64(64+y*w+x))>>16%100 < uint64(drawn(i, 3, 101))
			for k := 0; kind > 0 && k < shapes; k++ {
				dx, dy := x-drawn(i, 8+4*k, w), y-drawn(i, 9+4*k, h)
				r := drawn(i, 10+4*k, 2+max(h, w)/2)
				if kind == 1 {
					in = in != (absolute(dx) <= r && absolute(dy) <= drawn(i, 11+4*k, 40))
				} else {
					in = in != (dx*dx+dy*dy <= r*r)
				}
			}
			if in {
				b.set(x, y)
			}
		}
	}
	return b
}

// polygonByFormula is polygon i of make_coco_goldens.py and its picture's size.
func polygonByFormula(i int) (w, h int, p []float64) {
	h, w = 1+drawn(i, 0, 60), 1+drawn(i, 1, 60)
	for k := range 2 * (3 + drawn(i, 2, 12)) {
		p = append(p, float64(drawn(i, 8+k, 8*([2]int{w, h}[k%2]+12)))/8-6)
	}
	return w, h, p
}

func digest(what ...any) string {
	sum := sha256.Sum256([]byte(strings.TrimSuffix(fmt.Sprintln(what...), "\n")))
	return hex.EncodeToString(sum[:8])
}

// TestCOCOMasks compares 1,000 masks with pycocotools: sizes, areas, boxes, runs and counts, and the way back.
func TestCOCOMasks(t *testing.T) {
	for i, want := range readCOCO(t).Masks {
		b := maskByFormula(i)
		r := b.RLE()
		u, err := r.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		box := ToXYWH(b.Box())
		what := []any{b.H, b.W, b.Area(), box[0], box[1], box[2], box[3]}
		for _, n := range u.Counts {
			what = append(what, n)
		}
		if got := digest(append(what, r.Counts)...); got != want {
			t.Fatalf("mask %d: digest %s, want %s; %d×%d, box %v, counts %q", i, got, want, b.H, b.W, box, r.Counts)
		}
		if back, err := u.Compress(); err != nil || back != r {
			t.Errorf("mask %d: the runs give %q, %v", i, back.Counts, err)
		}
		if area, err := r.Area(); err != nil || area != b.Area() {
			t.Errorf("mask %d: area %d of the code, %v, want %d", i, area, err, b.Area())
		}
		back, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if back.Box() != b.Box() || back.Area() != b.Area() || back.RLE() != r {
			t.Errorf("mask %d does not survive its code", i)
		}
		for _, form := range []any{r, u} {
			data, _ := json.Marshal(form)
			var again RLE
			if err := json.Unmarshal(data, &again); err != nil || again != r {
				t.Errorf("mask %d: %T's JSON came back as %q, %v", i, form, again.Counts, err)
			}
		}
	}
}

// TestCOCOPairs compares IoU, union and intersection of 500 pairs with pycocotools; one of a pair has small bounds.
func TestCOCOPairs(t *testing.T) {
	for i, want := range readCOCO(t).Pairs {
		a, b := maskByFormula(2*i), maskByFormula(2*i+1)
		a, err := a.RLE().Decode()
		if err != nil {
			t.Fatal(err)
		}
		union, both, iou := digest(a.Union(b).RLE().Counts), digest(b.Intersect(a).RLE().Counts), a.IoU(b)
		if union != want[1] || both != want[2] || math.Abs(iou-want[0].(float64)) > 1e-12 || b.IoU(a) != iou {
			t.Errorf("pair %d: %v, %s and %s, want %v", i, iou, union, both, want)
		}
		if n := a.Union(b).Area() + a.Intersect(b).Area(); n != a.Area()+b.Area() {
			t.Errorf("pair %d: union and intersection have %d pixels, the two %d", i, n, a.Area()+b.Area())
		}
	}
}

// TestSetsOfOtherPictures: what lies outside of the first picture counts for nothing.
func TestSetsOfOtherPictures(t *testing.T) {
	for i := range 100 {
		a, b := maskByFormula(2*i), maskByFormula(2*i+300)
		union, both := a.Union(b), a.Intersect(b)
		if union.W != a.W || union.H != a.H || !union.Bounds().In(image.Rect(0, 0, a.W, a.H)) {
			t.Fatalf("%d: %d×%d in %v", i, union.W, union.H, union.Bounds())
		}
		n, m := 0, 0
		for y := range a.H {
			for x := range a.W {
				if union.At(x, y) != (a.At(x, y) || b.At(x, y)) || both.At(x, y) != (a.At(x, y) && b.At(x, y)) {
					t.Fatalf("%d: pixel (%d, %d) is wrong", i, x, y)
				}
				if union.At(x, y) {
					n++
				}
				if both.At(x, y) {
					m++
				}
			}
		}
		if union.Area() != n || both.Area() != m {
			t.Errorf("%d: %d and %d pixels, want %d and %d", i, union.Area(), both.Area(), n, m)
		}
	}
}

// TestCOCOPolygons compares the masks of 500 polygons, and of two that overlap, with pycocotools.
func TestCOCOPolygons(t *testing.T) {
	for i, want := range readCOCO(t).Polygons {
		w, h, p := polygonByFormula(i)
		q := append(p[2:len(p):len(p)], 3.3, 7.7)
		for k, polygons := range [][][]float64{{p}, {p, q}} {
			b, err := NewBitmapFromCOCO(w, h, polygons)
			if err != nil {
				t.Fatal(err)
			}
			if got := digest(b.RLE().Counts); got != want[k] {
				t.Errorf("polygon %d, %d×%d, %v: counts %q", i, w, h, polygons, b.RLE().Counts)
			}
		}
	}
}

func TestCOCOPolygonErrors(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	long := make([]float64, 2000)
	for i := range long {
		long[i] = float64(i%4/2) * 1e6
	}
	for text, p := range map[string][]float64{
		"not at least 3 pairs": {1, 2, 3, 4}, "7 numbers": {1, 2, 3, 4, 5, 6, 7}, "point 1": {1, 2, nan, 4, 5, 6},
		"point 2": {1, 2, 3, 4, 5, inf}, "not within": {1, 2, 3, 4, -1e300, 6}, "too long": long,
	} {
		if _, err := NewBitmapFromCOCO(9, 9, [][]float64{p}); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%.20v: %v, want …%s…", p, err, text)
		}
	}
	for _, size := range [][2]int{{-1, 4}, {4, -1}, {1 << 40, 1 << 40}} {
		if _, err := NewBitmapFromCOCO(size[0], size[1], nil); err == nil {
			t.Errorf("a picture of %v was taken", size)
		}
	}
	for _, size := range [][2]int{{0, 0}, {0, 5}, {5, 0}} {
		b, err := NewBitmapFromCOCO(size[0], size[1], [][]float64{{0, 0, 9, 0, 9, 9}})
		if err != nil || b.Area() != 0 {
			t.Errorf("%v: %v, %v", size, b, err)
		}
	}
}
