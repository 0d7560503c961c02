package picture

import (
	"image"
	"math/bits"
)

// Union returns the pixels that are in b or in o. Pixels of o outside b's picture are left out.
func (b *Bitmap) Union(o *Bitmap) *Bitmap {
	inside := o.rect.Intersect(image.Rect(0, 0, b.W, b.H))
	u := newBitmap(b.rect.Union(inside), b.W, b.H)
	u.fill(func(x, y int) uint64 { return b.span(x, y) | o.span(x, y) })
	return u
}

// Intersect returns the pixels that are in both b and o.
func (b *Bitmap) Intersect(o *Bitmap) *Bitmap {
	i := newBitmap(b.rect.Intersect(o.rect), b.W, b.H)
	i.fill(func(x, y int) uint64 { return b.span(x, y) & o.span(x, y) })
	return i
}

// IoU returns the pixels in both b and o divided by the pixels in either, 0 to 1, and 0 if both are empty: what
// pycocotools' iou gives for objects that are no crowds.
func (b *Bitmap) IoU(o *Bitmap) float64 {
	both, r := 0, b.rect.Intersect(o.rect)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x += 64 {
			both += bits.OnesCount64(b.span(x, y) & o.span(x, y))
		}
	}
	if both == 0 {
		return 0
	}
	return float64(both) / float64(b.Area()+o.Area()-both)
}

// span returns pixels x to x+63 of row y, the first in the lowest bit; those outside b's bounds are 0.
func (b *Bitmap) span(x, y int) (w uint64) {
	if y < b.rect.Min.Y || y >= b.rect.Max.Y {
		return 0
	}
	x -= b.rect.Min.X
	row, i, shift := b.row(y), x>>6, x&63
	if i >= 0 && i < len(row) {
		w = row[i] >> shift
	}
	if i+1 >= 0 && i+1 < len(row) {
		w |= row[i+1] << (64 - shift) // by 64, which gives 0, if x lies on a word
	}
	return w
}

// fill sets all words, and keeps the bits beyond a row zero.
func (b *Bitmap) fill(span func(x, y int) uint64) {
	last := ^uint64(0) >> (-b.rect.Dx() & 63)
	for y := b.rect.Min.Y; y < b.rect.Max.Y; y++ {
		row := b.row(y)
		for i := range row {
			row[i] = span(b.rect.Min.X+64*i, y)
		}
		if n := len(row); n > 0 {
			row[n-1] &= last
		}
	}
}
