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

// Box returns the smallest box x1, y1, x2, y2 around the set, in pixels, or zeros if the set is empty.
func (b *Bitmap) Box() [4]float32 {
	var r image.Rectangle
	for y := b.rect.Min.Y; y < b.rect.Max.Y; y++ {
		first, last := -1, -1
		for i, w := range b.row(y) {
			if w == 0 {
				continue
			}
			if first < 0 {
				first = i<<6 + bits.TrailingZeros64(w)
			}
			last = i<<6 + bits.Len64(w)
		}
		if first >= 0 {
			r = r.Union(image.Rect(b.rect.Min.X+first, y, b.rect.Min.X+last, y+1))
		}
	}
	return [4]float32{float32(r.Min.X), float32(r.Min.Y), float32(r.Max.X), float32(r.Max.Y)}
}

// Alpha returns the set as an image of the picture's full size: 255 inside, 0 outside.
func (b *Bitmap) Alpha() *image.Alpha {
	a := image.NewAlpha(image.Rect(0, 0, b.W, b.H))
	b.paint(a.Pix)
	return a
}

// Gray returns the set as an image of the picture's full size, white inside and black outside. [EncodePNG] makes a gray
// PNG file of it, which other programs read as numbers 0 and 255.
func (b *Bitmap) Gray() *image.Gray {
	g := image.NewGray(image.Rect(0, 0, b.W, b.H))
	b.paint(g.Pix)
	return g
}

// paint sets the samples (H, W) of the set to 255.
func (b *Bitmap) paint(pix []uint8) {
	for y := b.rect.Min.Y; y < b.rect.Max.Y; y++ {
		row, dst := b.row(y), pix[y*b.W+b.rect.Min.X:]
		for x := range b.rect.Dx() {
			if row[x>>6]>>(x&63)&1 == 1 {
				dst[x] = 255
			}
		}
	}
}
