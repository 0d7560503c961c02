package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/picture/internal/jpegvec"
)

func readFile(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// stored reads a golden: PNG without alpha, which needs nothing that is tested here.
func stored(t testing.TB, path ...string) *RGB {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(readFile(t, path...)))
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	p := &RGB{W: b.Dx(), H: b.Dy()}
	for y := range p.H {
		for x := range p.W {
			r, g, b, _ := m.At(x, y).RGBA()
			p.Pix = append(p.Pix, uint8(r>>8), uint8(g>>8), uint8(b>>8))
		}
	}
	return p
}

// difference returns the largest difference and the share of equal samples.
func difference(t testing.TB, got, want *RGB) (largest int, equal float64) {
	t.Helper()
	if got.W != want.W || got.H != want.H || len(got.Pix) != len(want.Pix) {
		t.Fatalf("got %d×%d, %d samples, want %d×%d, %d", got.W, got.H, len(got.Pix), want.W, want.H, len(want.Pix))
	}
	n := 0
	for i := range got.Pix {
		d := int(got.Pix[i]) - int(want.Pix[i])
		largest = max(largest, d, -d)
		if d == 0 {
			n++
		}
	}
	return largest, float64(n) / float64(len(got.Pix))
}

// decodeCases are the files with a golden.
func decodeCases(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("testdata/decode/*.rgb.png")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d goldens, %v", len(paths), err)
	}
	var names []string
	for _, p := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(p), ".rgb.png"))
	}
	return names
}

// TestDecodeGolden compares with Pillow, in every bit.
func TestDecodeGolden(t *testing.T) {
	for _, name := range decodeCases(t) {
		got, err := Decode(readFile(t, "decode", name), DecodeOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d, equal := difference(t, got, stored(t, "decode", name+".rgb.png")); d > 0 {
			t.Errorf("%s: differs by %d, %.1f %% equal", name, d, 100*equal)
		}
	}
}

func TestOrientationGolden(t *testing.T) {
	n := 0
	for _, name := range decodeCases(t) {
		if !strings.HasPrefix(name, "exif") {
			continue
		}
		n++
		got, err := Decode(readFile(t, "decode", name), DecodeOptions{Orientation: ApplyOrientation})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d, _ := difference(t, got, stored(t, "decode", name+".turned.png")); d > 0 {
			t.Errorf("%s: differs by %d", name, d)
		}
	}
	if n != 10 {
		t.Errorf("%d pictures with EXIF, want 8 JPEG, 1 PNG, 1 WebP", n)
	}
}

func TestOrientationTag(t *testing.T) {
	big := "MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
	for name, c := range map[string]struct {
		data string
		want int
	}{
		"big endian":        {big, 6},
		"long":              {"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x04\x00\x01\x00\x00\x00\x03\x00\x00\x00", 3},
		"type byte":         {"II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x01\x00\x01\x00\x00\x00\x03\x00\x00\x00", 1},
		"empty":             {"", 1},
		"no order":          {"XX" + big[2:], 1},
		"cut in the entry":  {big[:20], 1},
		"directory outside": {"II*\x00\xff\xff\xff\xff\x01\x00", 1},
	} {
		if got := orientationTag([]byte(c.data)); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	jpg, gif := readFile(t, "decode", "420_40x30.jpg"), readFile(t, "decode", "plain.gif")
	huge := bytes.Clone(readFile(t, "decode", "rgb.png"))
	binary.BigEndian.PutUint32(huge[16:], 100_000)
	binary.BigEndian.PutUint32(huge[20:], 100_000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	for _, c := range []struct {
		name   string
		data   []byte
		o      DecodeOptions
		format string
		text   string
	}{
		{"nothing", nil, DecodeOptions{}, "", "no bytes"},
		{"text", []byte("hello, world"), DecodeOptions{}, "",
			"not a picture this build reads (JPEG, PNG, GIF, WebP, BMP, TIFF)"},
		{"text named BM", []byte("BMW is a maker of cars"), DecodeOptions{}, "BMP", "header"},
		{"cut", jpg[:len(jpg)/2], DecodeOptions{}, "JPEG", "cannot be decoded: invalid JPEG format"},
		{"cut header", jpg[:20], DecodeOptions{}, "JPEG", "its header cannot be read"},
		{"cut GIF", gif[:len(gif)/2], DecodeOptions{}, "GIF", "cannot be decoded"},
		{"bomb", huge, DecodeOptions{}, "PNG", "too many pixels: 100000×100000, limit 178956970"},
		{"too many", jpg, DecodeOptions{MaxPixels: 1199}, "JPEG", "too many pixels: 40×30, limit 1199"},
		{"too long", jpg, DecodeOptions{MaxBytes: 9}, "JPEG", "too many bytes"},
	} {
		p, err := Decode(c.data, c.o)
		var e *DecodeError
		if p != nil || !errors.As(err, &e) {
			t.Errorf("%s: %v, %v: no *DecodeError", c.name, p, err)
			continue
		}
		s := err.Error()
		if e.Format != c.format || !strings.Contains(s, c.text) || !strings.HasPrefix(s, "picture: ") {
			t.Errorf("%s: %q, format %q", c.name, err, e.Format)
		}
	}
	if _, err := Decode(jpg, DecodeOptions{MaxPixels: 1200, MaxBytes: int64(len(jpg))}); err != nil {
		t.Errorf("exactly at the limits: %v", err)
	}
	_, err := Decode(jpg[:len(jpg)/2], DecodeOptions{})
	var inner jpeg.FormatError
	if !errors.As(err, &inner) {
		t.Errorf("%v does not unwrap to the decoder's error", err)
	}
}

func TestDecodePanicIsAnError(t *testing.T) {
	f := format{
		name:   "JPEG",
		config: func([]byte) (image.Config, error) { return image.Config{Width: 1, Height: 1}, nil },
		decode: func(*Decoder, *RGB, []byte) error { panic("index out of range") },
	}
	err := NewDecoder(DecodeOptions{}).read(&f, new(RGB), nil)
	var e *DecodeError
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "index out of range") {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range decodeCases(f) {
		f.Add(readFile(f, "decode", name))
	}
	f.Add([]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Decode(data, DecodeOptions{MaxPixels: 1 << 16, Orientation: ApplyOrientation})
		var e *DecodeError
		switch {
		case err != nil && !errors.As(err, &e):
			t.Errorf("%T is no *DecodeError", err)
		case err != nil && strings.Contains(err.Error(), "panicked"):
			t.Log(err) // a decoder's fault, caught
		case err == nil && (p.W <= 0 || p.H <= 0 || len(p.Pix) != 3*p.W*p.H):
			t.Errorf("%d×%d with %d samples", p.W, p.H, len(p.Pix))
		}
	})
}

func TestFromImageTypes(t *testing.T) {
	half := color.NRGBA{R: 200, G: 100, B: 50, A: 128}
	back := color.NRGBAModel.Convert(color.RGBAModel.Convert(half)).(color.NRGBA)
	r := image.Rect(-2, 3, 5, 9)
	in := image.Pt(1, 5) // the pixel that is set
	gray := image.NewGray(r)
	gray.SetGray(in.X, in.Y, color.Gray{Y: 77})
	gray16 := image.NewGray16(r)
	gray16.SetGray16(in.X, in.Y, color.Gray16{Y: 0x4DFF})
	nrgba := image.NewNRGBA(r)
	nrgba.SetNRGBA(in.X, in.Y, half)
	nrgba64 := image.NewNRGBA64(r)
	nrgba64.SetNRGBA64(in.X, in.Y, color.NRGBA64{R: 200<<8 | 255, G: 100<<8 | 255, B: 50 << 8, A: 9})
	rgba := image.NewRGBA(r)
	rgba.Set(in.X, in.Y, half)
	rgba64 := image.NewRGBA64(r)
	rgba64.SetRGBA64(in.X, in.Y, color.RGBA64{R: 0x1234, G: 0x5678, B: 0x9ABC, A: 0xFFFF})
	pal := image.NewPaletted(r, color.Palette{color.NRGBA{}, half})
	pal.SetColorIndex(in.X, in.Y, 1)
	broken := image.NewPaletted(r, color.Palette{color.Black})
	broken.Pix[broken.PixOffset(in.X, in.Y)] = 9
	cmyk := image.NewCMYK(r)
	for i := range cmyk.Pix {
		cmyk.Pix[i] = 255
	}
	cmyk.SetCMYK(in.X, in.Y, color.CMYK{C: 0, M: 128, Y: 255, K: 55})
	for _, c := range []struct {
		name string
		img  image.Image
		want [3]uint8
	}{
		{"Gray", gray, [3]uint8{77, 77, 77}},
		{"Gray16", gray16, [3]uint8{77, 77, 77}},
		{"NRGBA", nrgba, [3]uint8{200, 100, 50}},
		{"NRGBA64", nrgba64, [3]uint8{200, 100, 50}},
		{"RGBA", rgba, [3]uint8{back.R, back.G, back.B}},
		{"RGBA64, through At", rgba64, [3]uint8{0x12, 0x56, 0x9A}},
		{"Paletted", pal, [3]uint8{200, 100, 50}},
		{"Paletted beyond its palette", broken, [3]uint8{0, 0, 0}},
		{"CMYK", cmyk, [3]uint8{200, 100, 0}},
	} {
		p := FromImage(c.img)
		if p.W != 7 || p.H != 6 || len(p.Pix) != 7*6*3 {
			t.Fatalf("%s: %d×%d", c.name, p.W, p.H)
		}
		for y := range p.H {
			for x := range p.W {
				want := color.RGBA{A: 255}
				if x == in.X-r.Min.X && y == in.Y-r.Min.Y {
					want = color.RGBA{R: c.want[0], G: c.want[1], B: c.want[2], A: 255}
				}
				if got := p.At(x, y); got != want {
					t.Errorf("%s: (%d, %d) is %v, want %v", c.name, x, y, got, want)
				}
			}
		}
	}
	if p := FromImage(image.NewRGBA(image.Rect(3, 3, 3, 9))); p.W != 0 || len(p.Pix) != 0 {
		t.Errorf("an empty image gave %d×%d", p.W, p.H)
	}
}

func TestFromImageCopies(t *testing.T) {
	a := NewRGB(2, 1)
	b := FromImage(a)
	b.Pix[0] = 9
	if a.Pix[0] != 0 {
		t.Error("FromImage shares memory with its argument")
	}
	outside := color.RGBA{}
	if a.At(2, 0) != outside || a.At(0, -1) != outside || !a.Opaque() || a.ColorModel() != color.RGBAModel {
		t.Error("RGB is no proper image.Image")
	}
}

// TestFromYCbCrSubImage checks that cutting and converting commute up to the cut's rim, where the filter sees no
// neighbours any more, for every ratio and odd offsets; and that a flat chroma stays flat.
func TestFromYCbCrSubImage(t *testing.T) {
	for ratio := image.YCbCrSubsampleRatio444; ratio <= image.YCbCrSubsampleRatio410; ratio++ {
		m := image.NewYCbCr(image.Rect(0, 0, 33, 27), ratio)
		for i, plane := range [][]uint8{m.Y, m.Cb, m.Cr} {
			for k, v := range noise(len(plane), uint64(i)) {
				plane[k] = uint8(v * 256)
			}
		}
		whole := FromImage(m)
		for _, cut := range []image.Rectangle{
			image.Rect(3, 5, 26, 22), image.Rect(4, 4, 33, 27), image.Rect(0, 0, 19, 18),
		} {
			part := FromImage(m.SubImage(cut))
			for y := 4; y < part.H-4; y++ {
				for x := 4; x < part.W-4; x++ {
					if got, want := part.At(x, y), whole.At(cut.Min.X+x, cut.Min.Y+y); got != want {
						t.Fatalf("%v %v: (%d, %d) is %v, want %v", ratio, cut, x, y, got, want)
					}
				}
			}
		}
		for i := range m.Cb {
			m.Cb[i], m.Cr[i] = 100, 160
		}
		flat := FromImage(m)
		var want [3]uint8
		jpegvec.Best().Convert(want[:], m.Y[:1], []uint8{100}, []uint8{160})
		if got := [3]uint8(flat.Pix); got != want {
			t.Errorf("%v: flat chroma gave %v, want %v", ratio, got, want)
		}
	}
	negative := image.NewYCbCr(image.Rect(-3, -3, 3, 3), image.YCbCrSubsampleRatio420)
	if p := FromImage(negative); p.W != 6 || p.H != 6 {
		t.Errorf("negative bounds gave %d×%d", p.W, p.H)
	}
}

func TestEncode(t *testing.T) {
	p := stored(t, "resize", "source.png")
	var buf bytes.Buffer
	if err := EncodePNG(&buf, p); err != nil {
		t.Fatal(err)
	}
	q, err := Decode(buf.Bytes(), DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := difference(t, q, p); d != 0 {
		t.Errorf("PNG and back differs by %d", d)
	}
	buf.Reset()
	if err := EncodeJPEG(&buf, p, 95); err != nil {
		t.Fatal(err)
	}
	q, err = Decode(buf.Bytes(), DecodeOptions{})
	if err != nil || q.W != p.W || q.H != p.H {
		t.Errorf("JPEG and back: %v, %v", q, err)
	}
}
