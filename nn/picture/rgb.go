package picture

import (
	"image"
	"image/color"
)

// RGB is a picture as torchvision's ToTensor sees it: 8-bit red, green and blue, interleaved, row by row, in the shape
// (H, W, 3). It implements image.Image with bounds (0, 0)-(W, H); every pixel is opaque.
type RGB struct {
	Pix  []uint8 // Pix holds 3*W*H samples: pixel (x, y) begins at 3*(y*W+x).
	W, H int     // W and H are the width and the height in pixels.
}

// NewRGB returns a black picture of w×h pixels. A negative size counts as zero.
func NewRGB(w, h int) *RGB {
	w, h = max(w, 0), max(h, 0)
	return &RGB{Pix: make([]uint8, 3*w*h), W: w, H: h}
}

// reset makes p a picture of w×h pixels, whose samples are undefined. It keeps p.Pix if that has room.
func (p *RGB) reset(w, h int) {
	p.W, p.H = max(w, 0), max(h, 0)
	p.Pix = grown(p.Pix, 3*p.W*p.H)
}

// ColorModel returns color.RGBAModel.
func (p *RGB) ColorModel() color.Model { return color.RGBAModel }

// Bounds returns the rectangle (0, 0)-(W, H).
func (p *RGB) Bounds() image.Rectangle { return image.Rect(0, 0, p.W, p.H) }

// At returns the color.RGBA of pixel (x, y), or transparent black outside the picture.
func (p *RGB) At(x, y int) color.Color {
	if x < 0 || y < 0 || x >= p.W || y >= p.H {
		return color.RGBA{}
	}
	s := p.Pix[3*(y*p.W+x):]
	return color.RGBA{R: s[0], G: s[1], B: s[2], A: 255}
}

// Opaque reports true: an RGB picture has no alpha.
func (p *RGB) Opaque() bool { return true }

// RGBA returns a copy of the picture as an image.RGBA, which Go's drawing and encoding packages handle fastest.
func (p *RGB) RGBA() *image.RGBA {
	out := image.NewRGBA(p.Bounds())
	d := out.Pix
	for i, j := 0, 0; j+3 < len(d); i, j = i+3, j+4 {
		d[j], d[j+1], d[j+2], d[j+3] = p.Pix[i], p.Pix[i+1], p.Pix[i+2], 255
	}
	return out
}

// row returns the 3*W samples of row y.
func (p *RGB) row(y int) []uint8 { return p.Pix[3*y*p.W : 3*(y+1)*p.W] }
