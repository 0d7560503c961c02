package picture

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strconv"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// labels places plates with text so that they stay inside the picture and, where there is room, off each other.
type labels struct {
	canvas *canvas
	face   font.Face // nil if the font cannot be read: then there are no plates
	pad    int       // space left and right of the text
	height int       // of a plate
	base   int       // of the text, below the plate's top
	plates []plate
}

type plate struct {
	image.Rectangle
	text string
	ink  color.RGBA
}

const (
	smallestLetters = 9 // pixels per em; smaller ones are blots
	shortening      = "…"
)

func newLabels(c *canvas) *labels {
	l := &labels{canvas: c}
	f, err := opentype.Parse(gomedium.TTF)
	if err != nil {
		return l
	}
	em := max(smallestLetters, math.Round(c.size*14/640))
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: em, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return l
	}
	l.face = face
	l.pad = max(2, int(math.Round(em*0.3)))
	above, below := int(math.Round(em*0.90)), int(math.Round(em*0.32))
	l.height, l.base = above+below, above
	return l
}

// add finds a place for the plate of an instance whose box is r.
func (l *labels) add(r image.Rectangle, in Instance, ink color.RGBA) {
	bounds := l.canvas.dst.Bounds()
	if l.face == nil || l.height > bounds.Dy() {
		return
	}
	text := l.fit(in, bounds.Dx()-2*l.pad)
	if text == "" {
		return
	}
	w := font.MeasureString(l.face, text).Ceil() + 2*l.pad
	right := max(r.Max.X-w, r.Min.X)
	var best image.Rectangle
	least := math.MaxInt
	for _, at := range []image.Point{
		{X: r.Min.X, Y: r.Min.Y - l.height}, // on the box
		{X: r.Min.X, Y: r.Min.Y},            // in it, at the top
		{X: right, Y: r.Min.Y - l.height},   // on it, at the right
		{X: r.Min.X, Y: r.Max.Y},            // below it
		{X: right, Y: r.Max.Y - l.height},   // in it, at the bottom
		{X: right, Y: r.Min.Y},              //
		{X: r.Min.X, Y: r.Max.Y - l.height}, //
		{X: right, Y: r.Max.Y},              //
	} {
		p := image.Rectangle{Min: at, Max: at.Add(image.Pt(w, l.height))}
		p = p.Add(image.Pt(max(0, -p.Min.X), 0)).Sub(image.Pt(max(0, p.Max.X-bounds.Max.X), 0))
		if p.Min.Y < 0 || p.Max.Y > bounds.Max.Y {
			continue
		}
		if o := l.overlap(p); o < least {
			best, least = p, o
		}
	}
	if least == math.MaxInt { // a box nearly as high as a picture hardly higher than letters
		best = image.Rect(0, 0, w, l.height).Add(image.Pt(min(r.Min.X, bounds.Max.X-w), 0))
	}
	l.plates = append(l.plates, plate{best, text, ink})
}

// overlap returns how many pixels of r the plates already placed cover.
func (l *labels) overlap(r image.Rectangle) int {
	n := 0
	for _, p := range l.plates {
		common := p.Intersect(r)
		n += common.Dx() * common.Dy()
	}
	return n
}

// fit returns "name 0.98", or as much of it as width allows: the name alone, then its beginning.
func (l *labels) fit(in Instance, width int) string {
	fits := func(s string) bool { return font.MeasureString(l.face, s).Ceil() <= width }
	score := strconv.FormatFloat(float64(in.Score), 'f', 2, 32)
	switch {
	case in.Name == "" && fits(score):
		return score
	case in.Name != "" && fits(in.Name+" "+score):
		return in.Name + " " + score
	case fits(in.Name):
		return in.Name
	}
	name := in.Name
	for name != "" {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
		if name != "" && fits(name+shortening) {
			return name + shortening
		}
	}
	return ""
}

// draw draws the plates, the first ones last.
func (l *labels) draw() {
	for i := len(l.plates) - 1; i >= 0; i-- {
		p := l.plates[i]
		draw.Draw(l.canvas.dst, p.Rectangle, image.NewUniform(p.ink), image.Point{}, draw.Src)
		d := font.Drawer{
			Dst:  l.canvas.dst.SubImage(p.Rectangle).(*image.RGBA), // letters that overhang are cut at the plate
			Src:  image.NewUniform(inkOn(p.ink)),
			Face: l.face,
			Dot:  fixed.P(p.Min.X+l.pad, p.Min.Y+l.base),
		}
		d.DrawString(p.text)
	}
}
