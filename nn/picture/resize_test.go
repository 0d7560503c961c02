package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"math/big"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// numbers is testdata/numbers.json.
type numbers struct {
	Bilinear []struct {
		Seed         uint64
		Source, Size [2]int
		Values       string
	}
	Paste []struct {
		Box           [4]float32
		H, W, Area    int
		Probs, Values string
		RLE           RLE
	}
	RLE []struct {
		H, W, Area   int
		Bits, Counts string
	}
}

func readNumbers(t testing.TB) (n numbers) {
	t.Helper()
	if err := json.Unmarshal(readFile(t, "numbers.json"), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func inflate(t testing.TB, b []byte) []byte {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b, err = io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func floats(b []byte) []float32 {
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v
}

// noise returns n exact float32 in [0, 1), the same as the Python script's.
func noise(n int, seed uint64) []float32 {
	v := make([]float32, n)
	for i := range v {
		z := (uint64(i+1) + seed*1000003) * 0x9E3779B97F4A7C15
		z ^= z >> 29
		z *= 0xBF58476D1CE4E5B9
		v[i] = float32(float64(z>>40) / (1 << 24))
	}
	return v
}

// TestResizeGolden compares with Pillow 13 and 12; some sizes must tell the two apart.
func TestResizeGolden(t *testing.T) {
	src := stored(t, "resize", "source.png")
	different := 0
	old, pillow12 := Resizer{WidthFirst: true}, new(RGB)
	for _, folder := range []string{"resize", "resize12"} {
		paths, _ := filepath.Glob("testdata/" + folder + "/*x*.png")
		if len(paths) != 17 {
			t.Fatalf("%d goldens in %s", len(paths), folder)
		}
		for _, path := range paths {
			name := filepath.Base(path)
			ws, hs, _ := strings.Cut(strings.TrimSuffix(name, ".png"), "x")
			w, _ := strconv.Atoi(ws)
			h, _ := strconv.Atoi(hs)
			want := stored(t, folder, name)
			old.Resize(pillow12, src, w, h)
			got := pillow12
			if folder == "resize" {
				got = src.Resize(w, h, Bilinear)
			}
			if d, equal := difference(t, got, want); d != 0 {
				t.Errorf("%s/%s: differs by %d, %.1f %% equal", folder, name, d, 100*equal)
			}
			if d, _ := difference(t, pillow12, want); d != 0 {
				different++
			}
		}
	}
	if different < 3 {
		t.Errorf("only %d sizes differ between Pillow 12 and 13", different)
	}
}

func TestResizeEdges(t *testing.T) {
	p := NewRGB(3, 2)
	for _, c := range [][4]int{{0, 5, 0, 5}, {5, 0, 5, 0}, {-1, -1, 0, 0}} {
		if q := p.Resize(c[0], c[1], Bilinear); q.W != c[2] || q.H != c[3] || len(q.Pix) != 0 {
			t.Errorf("%v gave %d×%d", c, q.W, q.H)
		}
	}
	if q := NewRGB(0, 4).Resize(2, 2, Bilinear); len(q.Pix) != 12 {
		t.Errorf("an empty picture gave %d samples", len(q.Pix))
	}
	q := p.Resize(3, 2, Bilinear)
	q.Pix[0] = 1
	if p.Pix[0] != 0 {
		t.Error("the same size shares memory")
	}
}

// TestResizeBilinearGolden compares with torch 2.15, whose positions are float32: the difference grows with them.
func TestResizeBilinearGolden(t *testing.T) {
	for _, c := range readNumbers(t).Bilinear {
		want := floats(unbase64(t, c.Values))
		got := make([]float32, c.Size[0]*c.Size[1])
		ResizeBilinear(got, c.Size[0], c.Size[1], noise(c.Source[0]*c.Source[1], c.Seed), c.Source[0], c.Source[1])
		for i := range want {
			if d := math.Abs(float64(got[i] - want[i])); !(d <= 3e-6) {
				t.Errorf("%v to %v: value %d differs by %g", c.Source, c.Size, i, d)
				break
			}
		}
	}
}

// exactFMA rounds once, with as many bits as it takes.
func exactFMA(a, b, c float32) float32 {
	f := func(v float32) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(float64(v)) }
	s := new(big.Float).SetPrec(400).Mul(f(a), f(b))
	v, _ := s.Add(s, f(c)).Float32()
	return v
}

func TestFMA32(t *testing.T) {
	cases := [][3]float32{{3, 5, 7}, {0, 0, 0}, {1, 1, 1e-20}, {1, 1, -1e-20}, {1e20, 1e20, 1}, {-1, 1, 1}}
	for i := range 16 { // products that are midpoints of float32, and a crumb far below, which float64 loses
		for j := range 16 {
			a, b := 1+float32(2*i+1)/(1<<12), 1+float32(2*j+1)/(1<<12)
			cases = append(cases, [3]float32{a, b, 0x1p-60}, [3]float32{a, b, -0x1p-60}, [3]float32{-a, b, 0x1p-60})
		}
	}
	v := noise(60000, 7)
	for i := 0; i+2 < len(v); i += 3 {
		cases = append(cases, [3]float32{v[i], v[i+1], v[i+2]}, [3]float32{v[i], v[i+1] - 0.5, -v[i+2] * 1e-4})
	}
	naive := 0
	for _, c := range cases {
		got, want := fma32(c[0], c[1], c[2]), exactFMA(c[0], c[1], c[2])
		if got != want {
			t.Fatalf("fma32(%v, %v, %v) = %v, want %v", c[0], c[1], c[2], got, want)
		}
		if float32(float64(c[0])*float64(c[1])+float64(c[2])) != want {
			naive++
		}
	}
	if naive == 0 {
		t.Error("no case needs the second rounding repaired, so none tests it")
	}
}

// TestResizeBilinearReference compares every bit with the formula written out, sample by sample.
func TestResizeBilinearReference(t *testing.T) {
	position := func(i, in, out int) (int, float32) {
		if in == out {
			return i, 0
		}
		r := float32(in) / float32(out)
		at := math.Max(float64(r)*(float64(i)+0.5)-0.5, 0)
		return int(at), float32(at - math.Floor(at))
	}
	for k, c := range [][4]int{{7, 9, 23, 5}, {30, 30, 61, 47}, {5, 1, 2, 8}, {13, 11, 13, 40}, {40, 40, 1, 1}} {
		sh, sw, dh, dw := c[0], c[1], c[2], c[3]
		src := noise(sh*sw, uint64(50+k))
		got := make([]float32, dh*dw)
		ResizeBilinear(got, dh, dw, src, sh, sw)
		for y := range dh {
			y0, ly := position(y, sh, dh)
			y1 := min(y0+1, sh-1)
			for x := range dw {
				x0, lx := position(x, sw, dw)
				x1 := min(x0+1, sw-1)
				across := func(y int) float32 { return exactFMA(src[y*sw+x0], 1-lx, src[y*sw+x1]*lx) }
				if want := exactFMA(across(y0), 1-ly, across(y1)*ly); got[y*dw+x] != want {
					t.Fatalf("%v: (%d, %d) is %v, want %v", c, x, y, got[y*dw+x], want)
				}
			}
		}
	}
	ResizeBilinear(nil, 0, 5, nil, 3, 3) // nothing to do
	ResizeBilinear(nil, 5, 5, nil, 0, 3)
}

func BenchmarkResizeBilinear(b *testing.B) {
	src, dst := noise(480*640, 1), make([]float32, 800*1066)
	b.SetBytes(int64(4 * len(dst)))
	for b.Loop() {
		ResizeBilinear(dst, 800, 1066, src, 480, 640)
	}
}

func BenchmarkResize(b *testing.B) {
	p := NewRGB(640, 480)
	for b.Loop() {
		p.Resize(341, 256, Bilinear)
	}
}
