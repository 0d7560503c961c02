package picture

import (
	"image"
	"math"
)

// A Mask is an instance mask as Mask R-CNN makes it: Size×Size probabilities (28×28) inside a box, for a picture of W×H
// pixels. Its methods paste it into the picture as torchvision's paste_masks_in_image does, one row at a time and only
// where box and picture overlap, so that a hundred masks of a large picture cost kilobytes until one is asked for. A
// mask whose Probs are not Size×Size, or whose box is not finite, is empty. A Mask is never changed by its methods.
type Mask struct {
	Probs []float32  // Probs are Size×Size probabilities, row by row.
	Size  int        // Size is the number of rows and of columns.
	Box   [4]float32 // Box is x1, y1, x2, y2 in pixels of the picture; it may reach beyond it.
	W, H  int        // W and H are the picture's width and height.
}

// Paste returns the whole picture's probabilities, (H, W) row by row: the mask bilinearly resized to its box, zero
// elsewhere.
func (m *Mask) Paste() []float32 {
	out := make([]float32, max(m.H, 0)*max(m.W, 0))
	p := m.place()
	p.rows(func(y int, probs []float32) { copy(out[y*m.W+p.inside.Min.X:], probs) })
	return out
}

// Binary returns the pixels whose probability is at least threshold; torchvision's documentation says 0.5. Pixels that
// the mask's box (with a margin of half a mask cell, where probabilities fall to zero) does not cover are never set,
// even if threshold is zero.
func (m *Mask) Binary(threshold float32) *Bitmap {
	p := m.place()
	b := newBitmap(p.inside, m.W, m.H)
	p.rows(func(y int, probs []float32) {
		row := b.row(y)
		for x, v := range probs {
			if v >= threshold {
				row[x>>6] |= 1 << (x & 63)
			}
		}
	})
	return b
}

// Area returns the number of pixels whose probability is at least threshold.
func (m *Mask) Area(threshold float32) int {
	area := 0
	m.place().rows(func(_ int, probs []float32) {
		for _, v := range probs {
			if v >= threshold {
				area++
			}
		}
	})
	return area
}

// RLE returns Binary(threshold) as COCO's run-length code.
func (m *Mask) RLE(threshold float32) RLE { return m.Binary(threshold).RLE() }

// Alpha returns Binary(threshold) as an image of the picture's size, 255 in the mask and 0 outside, for image/draw.
func (m *Mask) Alpha(threshold float32) *image.Alpha { return m.Binary(threshold).Alpha() }

// A placement is a mask put into its picture.
type placement struct {
	mask   *Mask
	x, y   int             // the upper left pixel of the expanded box; may be outside the picture
	w, h   int             // its size, at least 1×1
	inside image.Rectangle // its part inside the picture
}

// place computes the box that the padded mask fills: a ring of zeros makes size+2 cells of size, so the box grows by
// (size+2)/size around its centre, in float32, and is cut to whole pixels toward zero.
func (m *Mask) place() placement {
	p := placement{mask: m}
	if m.Size <= 0 || len(m.Probs)/m.Size != m.Size || len(m.Probs)%m.Size != 0 || m.W <= 0 || m.H <= 0 {
		return p
	}
	scale := float32(float64(m.Size+2) / float64(m.Size))
	x1, x2, okX := expand(m.Box[0], m.Box[2], scale)
	y1, y2, okY := expand(m.Box[1], m.Box[3], scale)
	if !okX || !okY {
		return p
	}
	p.x, p.y, p.w, p.h = x1, y1, max(x2-x1+1, 1), max(y2-y1+1, 1)
	r := image.Rectangle{Min: image.Pt(max(x1, 0), max(y1, 0)), Max: image.Pt(min(x2+1, m.W), min(y2+1, m.H))}
	if !r.Empty() {
		p.inside = r
	}
	return p
}

// expand widens one side of a box around its centre. Torch's conversion of what no int64 holds is undefined; here such
// a box is cut at ±2^40 pixels, far outside any picture.
func expand(from, to, scale float32) (first, last int, ok bool) {
	const far = 1 << 40
	half, centre := float32((to-from)*0.5), float32((to+from)*0.5)
	half = float32(half * scale)
	a, b := float64(centre-half), float64(centre+half)
	if math.IsNaN(a) || math.IsNaN(b) {
		return 0, 0, false
	}
	return int(min(max(a, -far), far)), int(min(max(b, -far), far)), true
}

// rows calls visit with each row of probabilities inside the picture, from p.inside.Min.X on; visit must not keep it.
func (p placement) rows(visit func(y int, probs []float32)) {
	if p.inside.Empty() {
		return
	}
	m, n := p.mask, p.mask.Size+2
	columns := newTaps(n, p.w, p.inside.Min.X-p.x, p.inside.Max.X-p.x)
	rows := newTaps(n, p.h, p.inside.Min.Y-p.y, p.inside.Max.Y-p.y)
	padded := make([]float32, n)
	source := newRowCache(len(columns), func(dst []float32, y int) {
		clear(padded)
		if y > 0 && y < n-1 {
			copy(padded[1:], m.Probs[(y-1)*m.Size:y*m.Size])
		}
		columns.apply(dst, padded)
	})
	probs := make([]float32, len(columns))
	for k, t := range rows {
		source.blend(probs, t)
		visit(p.inside.Min.Y+k, probs)
	}
}
