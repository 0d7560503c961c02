package vision

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/argand-go/argand/kernels"
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
)

// manyMasks are in boxes all over a picture, at its edges, and beyond; some are of another size, or none at all.
func manyMasks(w, h int) *Detections {
	r := rand.New(rand.NewPCG(uint64(w), uint64(h)))
	found := &Detections{Width: w, Height: h}
	for i := range 40 {
		m := picture.Mask{Size: 28, W: w, H: h, Probs: make([]float32, 28*28)}
		for k := range m.Probs {
			m.Probs[k] = min(max(0.5+float32(r.NormFloat64()), 0), 1)
		}
		side := math.Exp2(12 * r.Float64())
		x, y := r.Float64()*float64(w)-side/3, r.Float64()*float64(h)-side/3
		m.Box = [4]float32{float32(x), float32(y), float32(x + side), float32(y + side*r.Float64())}
		switch i {
		case 7:
			m.Box[1] = float32(math.NaN())
		case 8:
			m.Box[2] = float32(math.Inf(1))
		case 20:
			m.Size, m.Probs = 14, m.Probs[:14*14]
		case 21:
			m.Probs = m.Probs[1:]
		case 22:
			m.W++
		}
		found.Masks = append(found.Masks, m)
	}
	return found
}

// TestBitmaps: pasted together masks have the pixels that they have alone.
func TestBitmaps(t *testing.T) {
	d := &Detector{}
	d.paste.backend = kernels.CPU()
	for _, size := range [][2]int{{64, 9}, {1, 1}, {333, 200}, {1500, 1100}} {
		found := manyMasks(size[0], size[1])
		got, err := d.Bitmaps(bg, found)
		if err != nil {
			t.Fatal(err)
		}
		for i := range found.Masks {
			want := found.Masks[i].Binary(MaskThreshold)
			if g := got[i]; g.W != want.W || g.H != want.H || g.RLE() != want.RLE() {
				t.Errorf("%v: mask %d in %v has %d pixels, want %d", size, i, found.Masks[i].Box, g.Area(), want.Area())
			}
		}
	}
	if got, err := d.Bitmaps(bg, &Detections{}); got != nil || err != nil {
		t.Errorf("without masks: %v, %v", got, err)
	}
	if got, err := d.Bitmaps(bg, &Detections{Masks: []picture.Mask{}}); len(got) != 0 || err != nil {
		t.Errorf("no masks: %v, %v", got, err)
	}
	if got, err := d.Bitmaps(bg, &Detections{Masks: make([]picture.Mask, 2)}); len(got) != 2 || err != nil || got[1].Area() != 0 {
		t.Errorf("empty masks: %v, %v", got, err)
	}
	if err := d.paste.close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Bitmaps(bg, manyMasks(5, 5)); !errors.Is(err, op.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
