package picture

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
)

// tablePicture is what golden.json has of a picture; see make_pictures.py beside it.
type tablePicture struct {
	Mode, Note string
	Size       [2]int
	SHA256     string
	Samples    [][2]float64 // index and value
	Turned     *tableSum
	Frames     []tableSum // of an animated GIF
	Resized    map[string]json.RawMessage
}

// A tableSum is the size and the digest of a picture.
type tableSum struct {
	Size   [2]int
	SHA256 string
}

// tablePictures reads testdata/pictures.
func tablePictures(t testing.TB) map[string]tablePicture {
	t.Helper()
	data, err := os.ReadFile(tableFile("golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var pictures map[string]tablePicture
	if err := json.Unmarshal(data, &pictures); err != nil {
		t.Fatal(err)
	}
	return pictures
}

func tableFile(name string) string { return filepath.Join("..", "..", "testdata", "pictures", name) }

func readTableFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(tableFile(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func shortDigest(p *RGB) string {
	sum := sha256.Sum256(p.Pix)
	return hex.EncodeToString(sum[:8])
}

// TestPreprocessingTable decodes the pictures of testdata/pictures and resizes them by every rule, and prints the table.
// Pictures must have every bit that Pillow's have, JPEG ones included, and so must what Pillow's filters and torch's for
// uint8 make of them; for float32 the last bits are torch's own.
func TestPreprocessingTable(t *testing.T) {
	pictures := tablePictures(t)
	if len(pictures) < 100 {
		t.Fatalf("%d pictures", len(pictures))
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "picture\tmode\tsize\tdecoded\tturned\tPillow's filters\ttorch uint8\ttorch float32, largest difference")
	for _, name := range slices.Sorted(maps.Keys(pictures)) {
		c := pictures[name]
		data := readTableFile(t, name)
		p, err := Decode(data, DecodeOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		row := tableRow{t: t, name: name}
		turned := "–"
		if c.Turned != nil {
			q, err := Decode(data, DecodeOptions{Orientation: ApplyOrientation})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			turned = row.equal(q, "turned", c.Turned.Size, c.Turned.SHA256)
		}
		decoded := row.equal(p, "decoded", c.Size, c.SHA256)
		if decoded != "equal" {
			t.Errorf("%s: %s", name, sampled(p, c.Samples))
		}
		for rule, want := range c.Resized {
			row.resize(p, rule, want)
		}
		fmt.Fprintf(w, "%s\t%s\t%d×%d\t%s\t%s\t%d of %d equal\t%d of %d equal\t%.1g\n", name, c.Mode, p.W, p.H, decoded, turned,
			row.pillow[1], row.pillow[0], row.torch[1], row.torch[0], row.most)
		if c.Note != "" {
			fmt.Fprintf(w, "\t%s\t\t\t\t\t\t\n", c.Note)
		}
	}
	w.Flush()
	t.Logf("%d pictures\n%s", len(pictures), table.String())
}

// tableRow collects what is printed of a picture.
type tableRow struct {
	t             *testing.T
	name          string
	pillow, torch [2]int // results compared, and equal
	most          float64
}

func (r *tableRow) equal(p *RGB, what string, size [2]int, digest string) string {
	if p.W == size[0] && p.H == size[1] && shortDigest(p) == digest {
		return "equal"
	}
	r.t.Errorf("%s, %s: %d×%d with digest %s, want %d×%d, %s", r.name, what, p.W, p.H, shortDigest(p), size[0], size[1], digest)
	return "DIFFERS"
}

// sampled says how samples differ.
func sampled(p *RGB, samples [][2]float64) string {
	equal, most := 0, 0.0
	for _, s := range samples {
		if i := int(s[0]); i < len(p.Pix) {
			d := math.Abs(float64(p.Pix[i]) - s[1])
			if most = max(most, d); d == 0 {
				equal++
			}
		}
	}
	return fmt.Sprintf("%d of %d samples are equal, the largest difference is %v", equal, len(samples), most)
}

func (r *tableRow) resize(p *RGB, rule string, want json.RawMessage) {
	r.t.Helper()
	words := strings.Fields(rule)
	var w, h int
	if _, err := fmt.Sscanf(words[2], "%dx%d", &w, &h); err != nil {
		r.t.Fatalf("%q: %v", rule, err)
	}
	kind := words[0]
	var f Filter
	if err := f.UnmarshalText([]byte(words[1])); err != nil {
		r.t.Fatal(err)
	}
	if kind == "pil" || kind == "torch" {
		q, count := new(RGB), &r.pillow
		if kind == "torch" {
			count = &r.torch
		}
		(&Resizer{Filter: f, Torch: kind == "torch"}).Resize(q, p, w, h)
		if count[0]++; `"`+shortDigest(q)+`"` == string(want) {
			count[1]++
		} else {
			r.t.Errorf("%s, %s: digest %s, want %s", r.name, rule, shortDigest(q), want)
		}
		return
	}
	var values [][2]float64
	if err := json.Unmarshal(want, &values); err != nil {
		r.t.Fatal(err)
	}
	got := r.planes(p, kind, f, w, h)
	for _, v := range values {
		d := math.Abs(float64(got[int(v[0])]) - v[1])
		if r.most = max(r.most, d); !(d <= 3e-6) {
			r.t.Errorf("%s, %s: value %v is %v, want %v", r.name, rule, v[0], got[int(v[0])], v[1])
		}
	}
}

// planes resizes the picture as float32 of 0 to 1: (3, H, W).
func (r *tableRow) planes(p *RGB, kind string, f Filter, w, h int) []float32 {
	src, dst := make([]float32, p.W*p.H), make([]float32, 3*w*h)
	for c := range 3 {
		for i := range src {
			src[i] = float32(p.Pix[3*i+c]) / 255
		}
		if kind == "plain" {
			ResizeBilinear(dst[c*w*h:], h, w, src, p.H, p.W)
		} else {
			ResizeAntialias(dst[c*w*h:], h, w, src, p.H, p.W, f)
		}
	}
	return dst
}
