package picture

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"image/jpeg"
	"runtime"
	"strings"
	"testing"

	"github.com/argand-go/argand/nn/picture/internal/jpegvec"
)

// jpegGoldens returns what Pillow makes of the files in testdata/jpeg.
func jpegGoldens(t testing.TB) map[string]struct {
	Size   [2]int
	SHA256 string
} {
	t.Helper()
	var goldens map[string]struct {
		Size   [2]int
		SHA256 string
	}
	if err := json.Unmarshal(readFile(t, "jpeg", "digests.json"), &goldens); err != nil || len(goldens) < 60 {
		t.Fatalf("%d goldens, %v", len(goldens), err)
	}
	return goldens
}

// TestJPEGGolden compares with Pillow, in every bit, whatever this machine can run.
func TestJPEGGolden(t *testing.T) {
	for _, tier := range jpegvec.Tiers() {
		if tier.Lacks != "" {
			t.Logf("NOT TESTED: tier %s, this machine lacks %s", tier.Name, tier.Lacks)
			continue
		}
		d, p := NewDecoder(DecodeOptions{}), new(RGB)
		d.jpeg.loops = &tier
		for name, want := range jpegGoldens(t) {
			if err := d.Decode(p, readFile(t, "jpeg", name+".jpg")); err != nil {
				t.Errorf("%s: %s: %v", tier.Name, name, err)
				continue
			}
			sum := sha256.Sum256(p.Pix)
			if p.W != want.Size[0] || p.H != want.Size[1] || hex.EncodeToString(sum[:]) != want.SHA256 {
				t.Errorf("%s: %s: %d×%d is not what Pillow decodes", tier.Name, name, p.W, p.H)
			}
		}
	}
}

// decodeJPEG lets no panic be caught, as Decode would.
func decodeJPEG(data []byte) (*RGB, error) {
	p := new(RGB)
	err := new(Decoder).decodeJPEG(p, data)
	return p, err
}

// replaced returns a copy of d with the first old replaced.
func replaced(t *testing.T, d []byte, old, new string) []byte {
	t.Helper()
	if !bytes.Contains(d, []byte(old)) {
		t.Fatalf("no %x", old)
	}
	return bytes.Replace(d, []byte(old), []byte(new), 1)
}

func TestJPEGErrors(t *testing.T) {
	d := readFile(t, "decode", "420_40x30.jpg")
	restart := readFile(t, "jpeg", "restart_blocks_baseline.jpg")
	progressive := readFile(t, "decode", "progressive.jpg")
	frame := bytes.Index(d, []byte("\xff\xc0"))
	scan := bytes.Index(d, []byte("\xff\xda"))
	inserted := func(at int, s string) []byte { return append(append(bytes.Clone(d[:at]), s...), d[at:]...) }
	set := func(at int, v byte) []byte {
		out := bytes.Clone(d)
		out[at] = v
		return out
	}
	dc := bytes.Index(progressive, []byte("\xff\xda")) // this scan can be read again and again
	after := dc + bytes.Index(progressive[dc:], []byte("\xff\xc4"))
	many := append(bytes.Clone(progressive[:dc]), bytes.Repeat(progressive[dc:after], maxScans+1)...)
	for name, c := range map[string]struct {
		data []byte
		text string
	}{
		"arithmetic":        {replaced(t, d, "\xff\xc0", "\xff\xc9"), "arithmetic"},
		"lossless":          {replaced(t, d, "\xff\xc0", "\xff\xc3"), "lossless"},
		"12 bits":           {set(frame+4, 12), "8 bits"},
		"height 0":          {set(frame+6, 0), "height or width of 0"},
		"two frames":        {inserted(scan, string(d[frame:frame+19])), "two frames"},
		"two of one name":   {set(frame+13, d[frame+10]), "of one name"},
		"factor 0":          {set(frame+11, 0x02), "bad sampling"},
		"factor 3 over 2":   {set(frame+14, 0x31), "do not divide"},
		"too many blocks":   {set(frame+11, 0x44), "more than 10"},
		"no quantisation":   {set(frame+12, 3), "no quantisation table"},
		"no Huffman":        {set(scan+6, 0x33), "no Huffman table"},
		"unknown component": {set(scan+5, 77), "the frame lacks"},
		"component twice":   {set(scan+7, d[scan+5]), "twice"},
		"no frame":          {append(bytes.Clone(d[:frame]), d[scan:]...), "before the frame"},
		"end before scans":  {inserted(scan, "\xff\xd9"), "no scan"},
		"bad table":         {inserted(scan, "\xff\xc4\x00\x17\x00\x03"+strings.Repeat("\x00", 15)+"\x00\x01\x02\x03"), "Huffman"},
		"too many codes":    {inserted(scan, "\xff\xc4\x00\x16\x00\x03"+strings.Repeat("\x00", 15)+"\x00\x01\x02"), "more codes"},
		"restart":           {replaced(t, restart, "\xff\xd1", "\xff\xd5"), "restart marker"},
		"too many scans":    {many, "500 scans"},
		"cut in a scan":     {d[:len(d)-60], "cut"},
	} {
		_, err := decodeJPEG(c.data)
		var format jpeg.FormatError
		var unsupported jpeg.UnsupportedError
		if !errors.As(err, &format) && !errors.As(err, &unsupported) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v, want something with %q", name, err, c.text)
		}
	}
	if _, err := decodeJPEG(d[:len(d)-2]); err != nil {
		t.Errorf("a file without its end marker: %v", err)
	}
}

// TestJPEGMemory holds that a short file with a large header costs little.
func TestJPEGMemory(t *testing.T) {
	for _, name := range []string{"420_q80_baseline", "420_q75_progressive", "cmyk_progressive"} {
		d := bytes.Clone(readFile(t, "jpeg", name+".jpg"))
		at := bytes.Index(d, []byte("\xff\xc2"))
		if at < 0 {
			at = bytes.Index(d, []byte("\xff\xc0"))
		}
		binary.BigEndian.PutUint16(d[at+5:], 13000)
		binary.BigEndian.PutUint16(d[at+7:], 13000)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(d, DecodeOptions{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "too short for its size") {
			t.Errorf("%s: %v", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", name, n, len(d))
		}
	}
}

// FuzzJPEG lets no panic be caught, as Decode would.
func FuzzJPEG(f *testing.F) {
	for name := range jpegGoldens(f) {
		f.Add(readFile(f, "jpeg", name+".jpg"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := jpegConfig(data)
		if err != nil || c.Width*c.Height > 1<<16 {
			return
		}
		p, err := decodeJPEG(data)
		var format jpeg.FormatError
		var unsupported jpeg.UnsupportedError
		switch {
		case err != nil && !errors.As(err, &format) && !errors.As(err, &unsupported):
			t.Errorf("%T is not image/jpeg's", err)
		case err == nil && (p.W != c.Width || p.H != c.Height || len(p.Pix) != 3*p.W*p.H):
			t.Errorf("%d×%d with %d samples, want %d×%d", p.W, p.H, len(p.Pix), c.Width, c.Height)
		}
	})
}

// BenchmarkDecodeJPEG decodes 1024×768 pixels with and without Go's own decoder.
func BenchmarkDecodeJPEG(b *testing.B) {
	p := NewRGB(1024, 768)
	for i, v := range noise(len(p.Pix), 1) {
		p.Pix[i] = uint8(v*32) + uint8(i/3%p.W>>3)
	}
	var buf bytes.Buffer
	if err := EncodeJPEG(&buf, p, 85); err != nil {
		b.Fatal(err)
	}
	b.Run("argand", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeJPEG(buf.Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go", func(b *testing.B) {
		for b.Loop() {
			m, err := jpeg.Decode(bytes.NewReader(buf.Bytes()))
			if err != nil {
				b.Fatal(err)
			}
			FromImage(m)
		}
	})
}
