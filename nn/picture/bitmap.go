package picture

import (
	"fmt"
	"image"
	"math/bits"
)

// A Bitmap is a set of pixels of a W×H picture, one bit each, stored only inside Bounds.
type Bitmap struct {
	W, H   int // W and H are the picture's width and height.
	rect   image.Rectangle
	stride int      // words of a row
	words  []uint64 // bit x&63 of word x>>6 of row y is pixel (rect.Min.X+x, rect.Min.Y+y); bits beyond a row are zero
}

// NewBitmap returns the pixels of a w×h picture whose bits are set: bit x%64 of word x/64 of row y, in h rows of ⌈w/64⌉
// words. It keeps words, and clears the bits behind the last pixel of a row. It returns an error if there are more or
// fewer words, or if w or h is negative.
func NewBitmap(w, h int, words []uint64) (*Bitmap, error) {
	stride := (w + 63) / 64
	if w < 0 || h < 0 || stride > 0 && len(words)/stride != h || len(words) != stride*h {
		return nil, fmt.Errorf("picture: %d words for the bits of %d×%d pixels", len(words), w, h)
	}
	for y := range h {
		if rest := w & 63; rest > 0 {
			words[(y+1)*stride-1] &= 1<<rest - 1
		}
	}
	return &Bitmap{W: w, H: h, rect: image.Rect(0, 0, w, h), stride: stride, words: words}, nil
}

// newBitmap returns an empty set of pixels of r, which lies inside a w×h picture or is empty.
func newBitmap(r image.Rectangle, w, h int) *Bitmap {
	b := &Bitmap{W: max(w, 0), H: max(h, 0), rect: r, stride: (r.Dx() + 63) / 64}
	b.words = make([]uint64, b.stride*r.Dy())
	return b
}

// row returns the words of picture row y, which must lie in Bounds.
func (b *Bitmap) row(y int) []uint64 {
	at := (y - b.rect.Min.Y) * b.stride
	return b.words[at : at+b.stride]
}

// At reports whether pixel (x, y) belongs to the set; pixels outside the picture do not.
func (b *Bitmap) At(x, y int) bool {
	if !(image.Point{X: x, Y: y}).In(b.rect) {
		return false
	}
	x -= b.rect.Min.X
	return b.row(y)[x>>6]>>(x&63)&1 == 1
}

func (b *Bitmap) set(x, y int) {
	x -= b.rect.Min.X
	b.row(y)[x>>6] |= 1 << (x & 63)
}

// Area returns the number of pixels in the set.
func (b *Bitmap) Area() int {
	n := 0
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}

// Bounds returns a rectangle inside the picture that holds every pixel of the set; it need not be the smallest one.
func (b *Bitmap) Bounds() image.Rectangle { return b.rect }

// Alpha returns the set as an image of the picture's full size: 255 inside, 0 outside.
func (b *Bitmap) Alpha() *image.Alpha {
	a := image.NewAlpha(image.Rect(0, 0, b.W, b.H))
	for y := b.rect.Min.Y; y < b.rect.Max.Y; y++ {
		row, dst := b.row(y), a.Pix[a.PixOffset(b.rect.Min.X, y):]
		for x := range b.rect.Dx() {
			if row[x>>6]>>(x&63)&1 == 1 {
				dst[x] = 255
			}
		}
	}
	return a
}
