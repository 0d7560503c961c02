package picture

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
)

func TestFilterNames(t *testing.T) {
	for f := Bilinear; f <= Lanczos; f++ {
		text, err := json.Marshal(f)
		var back Filter
		if err != nil || json.Unmarshal(text, &back) != nil || back != f {
			t.Errorf("%v: %s, %v, and back %v", f, text, err, back)
		}
	}
	if _, err := json.Marshal(Lanczos + 1); err == nil {
		t.Error("a filter that does not exist was written")
	}
	if f := Bicubic; f.UnmarshalText([]byte("Bicubic")) == nil || f != Bicubic {
		t.Error("a filter that does not exist was read")
	}
	if got := (Lanczos + 1).String(); got != "Filter(6)" {
		t.Error(got)
	}
}

// TestFilterShape: a filter is 1 at 0 and symmetric, and 0 where its support ends.
func TestFilterShape(t *testing.T) {
	for _, f := range []Filter{Bilinear, Hamming, Bicubic, Lanczos} {
		if f.weight(0) != 1 || f.weight(f.support()) != 0 || f.weight(-f.support()-0.1) != 0 {
			t.Errorf("%v: %v at 0, %v at its end", f, f.weight(0), f.weight(f.support()))
		}
		for x := 0.05; x < f.support(); x += 0.1 {
			if math.Abs(f.weight(x)-f.weight(-x)) > 1e-15 {
				t.Errorf("%v: %v at %v, %v on the other side", f, f.weight(x), x, f.weight(-x))
			}
		}
	}
}

// TestResizerReuse: a Resizer that has seen other sizes and filters gives what a new one gives, and allocates nothing.
func TestResizerReuse(t *testing.T) {
	src := stored(t, "resize", "source.png")
	r, dst := new(Resizer), new(RGB)
	for _, size := range [][2]int{{200, 100}, {5, 7}, {src.W, 9}, {9, src.H}, {src.W, src.H}, {0, 3}, {61, 47}} {
		for f := Bilinear; f <= Lanczos; f++ {
			r.Filter = f
			r.Resize(dst, src, size[0], size[1])
			want := src.Resize(size[0], size[1], f)
			if dst.W != want.W || dst.H != want.H || !slices.Equal(dst.Pix, want.Pix) {
				t.Errorf("%v to %v differs from a new Resizer's", f, size)
			}
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		r.Filter = Lanczos
		r.Resize(dst, src, 31, 20)
		r.Resize(dst, src, 90, 70)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
