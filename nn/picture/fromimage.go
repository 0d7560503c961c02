package picture

import (
	"image"
	"image/color"
)

// FromImage converts any image.Image as PIL's convert("RGB") does, into a new picture whose pixel (0, 0) is img's upper
// left corner:
//
//   - alpha is dropped, never composed over a background; premultiplied colours are divided by it first;
//   - gray is replicated, palettes are resolved, 16 bits become 8 by >> 8;
//   - YCbCr is taken for what a JPEG holds: chroma is upsampled with libjpeg-turbo's triangle filter (4:4:4, 4:2:2,
//     4:2:0 and 4:4:0; the rare 4:1:1 and 4:1:0 are replicated, as libjpeg-turbo does) and converted with its 16-bit
//     fixed-point constants;
//   - CMYK is converted by PIL's formula.
//
// Other types are read through At. The result never shares memory with img.
func FromImage(img image.Image) *RGB {
	p := new(RGB)
	fromImage(p, img)
	return p
}

// fromImage makes p what FromImage(img) returns.
func fromImage(p *RGB, img image.Image) {
	b := img.Bounds()
	p.reset(b.Dx(), b.Dy())
	if p.W == 0 || p.H == 0 {
		return
	}
	switch m := img.(type) {
	case *RGB:
		copy(p.Pix, m.Pix)
	case *image.NRGBA:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 4, dropAlpha)
	case *image.RGBA:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 4, divideAlpha)
	case *image.RGBA64:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 8, divideAlpha16)
	case *image.NRGBA64:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 8, highBytes)
	case *image.Gray:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 1, replicate)
	case *image.Gray16:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 2, replicate)
	case *image.CMYK:
		p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 4, cmyk)
	case *image.Paletted:
		fromPaletted(p, m)
	case *image.YCbCr:
		fromYCbCr(p, m)
	case *image.NYCbCrA:
		fromYCbCr(p, &m.YCbCr)
	default:
		fromAny(p, img)
	}
}

// fill converts every row: row gives the source from its first sample on, size is the bytes of a source pixel, and
// pixel converts one of them.
func (p *RGB) fill(row func(y int) []uint8, size int, pixel func(dst, src []uint8)) {
	for y := range p.H {
		src, dst := row(y), p.row(y)
		for x := range p.W {
			pixel(dst[3*x:3*x+3:3*x+3], src[size*x:size*x+size:size*x+size])
		}
	}
}

func dropAlpha(d, s []uint8) { d[0], d[1], d[2] = s[0], s[1], s[2] }

func replicate(d, s []uint8) { d[0], d[1], d[2] = s[0], s[0], s[0] } // of big-endian 16 bits, the first byte is v >> 8

func highBytes(d, s []uint8) { d[0], d[1], d[2] = s[0], s[2], s[4] }

// divideAlpha divides as Pillow does.
func divideAlpha(d, s []uint8) {
	alpha := int32(s[3])
	if alpha == 0 {
		d[0], d[1], d[2] = 0, 0, 0
		return
	}
	for i := range 3 {
		d[i] = clamp8(255 * int32(s[i]) / alpha)
	}
}

func divideAlpha16(d, s []uint8) { divideAlpha(d, []uint8{s[0], s[2], s[4], s[6]}) }

// cmyk is Pillow's cmyk2rgb: each ink takes its share of what black leaves.
func cmyk(d, s []uint8) {
	left := 255 - int(s[3])
	for i := range 3 {
		t := int(s[i])*left + 128
		d[i] = clamp8(int32(left - (t>>8+t)>>8)) // (t>>8+t)>>8 is s*left/255, rounded
	}
}

func fromPaletted(p *RGB, m *image.Paletted) {
	var table [256][3]uint8 // indices beyond the palette stay black
	for i, c := range m.Palette[:min(len(m.Palette), 256)] {
		table[i] = straight(c)
	}
	b := m.Bounds()
	p.fill(func(y int) []uint8 { return m.Pix[m.PixOffset(b.Min.X, b.Min.Y+y):] }, 1, func(d, s []uint8) {
		c := &table[s[0]]
		d[0], d[1], d[2] = c[0], c[1], c[2]
	})
}

func fromAny(p *RGB, img image.Image) {
	b := img.Bounds()
	for y := range p.H {
		dst := p.row(y)
		for x := range p.W {
			c := straight(img.At(b.Min.X+x, b.Min.Y+y))
			copy(dst[3*x:], c[:])
		}
	}
}

// straight returns a colour's 8-bit red, green and blue as they were before alpha was multiplied in.
func straight(c color.Color) [3]uint8 {
	if n, ok := c.(color.NRGBA64); ok {
		return [3]uint8{uint8(n.R >> 8), uint8(n.G >> 8), uint8(n.B >> 8)}
	}
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [3]uint8{n.R, n.G, n.B}
}

func clamp8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
