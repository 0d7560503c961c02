package picture

import (
	"image"
	"image/color"
)

// A LabelMap is a semantic segmentation: the class of every pixel of a picture, 0 for the background. A map whose Pix
// is not W×H long is empty.
type LabelMap struct {
	Pix  []uint8 // Pix holds W*H classes, row by row: pixel (x, y) is Pix[y*W+x].
	W, H int     // W and H are the picture's width and height.
}

// At returns the class of pixel (x, y), or 0 outside the picture.
func (m *LabelMap) At(x, y int) uint8 {
	if x < 0 || y < 0 || x >= m.W || y >= m.H || !m.whole() {
		return 0
	}
	return m.Pix[y*m.W+x]
}

// whole reports whether there is a class for each pixel.
func (m *LabelMap) whole() bool {
	return m.W > 0 && m.H > 0 && len(m.Pix)/m.W == m.H && len(m.Pix)%m.W == 0
}

// Bitmap returns the pixels of a class.
func (m *LabelMap) Bitmap(class uint8) *Bitmap {
	if !m.whole() {
		return newBitmap(image.Rectangle{}, m.W, m.H)
	}
	b := newBitmap(image.Rect(0, 0, m.W, m.H), m.W, m.H)
	for y := range m.H {
		row := b.row(y)
		for x, c := range m.Pix[y*m.W:][:m.W] {
			if c == class {
				row[x>>6] |= 1 << (x & 63)
			}
		}
	}
	return b
}

// Paletted returns the map as an image of 256 colours, which [EncodePNG] writes as PASCAL VOC's segmentations are
// stored: read back by PIL (mode P) or by Go, the pixels are the classes again. Class i has colour palette[i], and that
// of [VOCPalette] if palette is nil or shorter. The image shares m.Pix.
func (m *LabelMap) Paletted(palette color.Palette) *image.Paletted {
	colours := VOCPalette()
	copy(colours, palette)
	p := &image.Paletted{Palette: colours}
	if m.whole() {
		p.Pix, p.Stride, p.Rect = m.Pix, m.W, image.Rect(0, 0, m.W, m.H)
	}
	return p
}

// VOCPalette returns the 256 colours of PASCAL VOC's segmentations: black for the background, then dark red, green and
// so on. The bits of a class's number, three at a time from the lowest, become the bits of red, green and blue from the
// highest on.
func VOCPalette() color.Palette {
	p := make(color.Palette, 256)
	for i := range p {
		p[i] = vocColour(uint8(i))
	}
	return p
}

func vocColour(class uint8) color.RGBA {
	c := color.RGBA{A: 255}
	for bit := 7; class != 0; bit-- {
		c.R |= class & 1 << bit
		c.G |= class >> 1 & 1 << bit
		c.B |= class >> 2 & 1 << bit
		class >>= 3
	}
	return c
}

// Blend returns a copy of photo in which every pixel of a class other than 0 is covered by its colour of [VOCPalette]
// as far as alpha says: 0 not at all, 1 wholly. Torchvision's draw_segmentation_masks has 0.8 by default; 0.5 leaves
// more of the picture to see. A map of another size than the photo is not drawn.
func Blend(photo *RGB, m *LabelMap, alpha float64) *image.RGBA {
	out := photo.RGBA()
	if m.W != photo.W || m.H != photo.H || !m.whole() {
		return out
	}
	alpha = min(max(alpha, 0), 1)
	var mixed [256]*[3][256]uint8 // by class, channel and sample: made when the first pixel of a class is met
	for i, class := range m.Pix {
		if class == 0 {
			continue
		}
		of := mixed[class]
		if of == nil {
			of = mixtures(vocColour(class), alpha)
			mixed[class] = of
		}
		d := out.Pix[4*i : 4*i+3]
		d[0], d[1], d[2] = of[0][d[0]], of[1][d[1]], of[2][d[2]]
	}
	return out
}

// mixtures returns what samples of each channel become under a colour.
func mixtures(ink color.RGBA, alpha float64) *[3][256]uint8 {
	of := new([3][256]uint8)
	for c, v := range [3]uint8{ink.R, ink.G, ink.B} {
		for s := range of[c] {
			of[c][s] = uint8(float64(s)*(1-alpha) + float64(v)*alpha + 0.5)
		}
	}
	return of
}
