package picture

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// labels places plates with text inside the picture and off each other. Where there is no room for one more, a plate is
// left out rather than drawn over another's text; its box still has its colour.
type labels struct {
	canvas *canvas
	face   font.Face // nil if the font cannot be read: then there are no plates
	pad    int       // space left and right of the text
	height int       // of a plate
	base   int       // of the text, below the plate's top
	room   int       // pixels that further plates may cover
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
	em := max(smallestLetters, math.Round(7+c.size/80))
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: em, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return l
	}
	l.face = face
	l.pad = max(2, int(math.Round(em*0.3)))
	above, below := int(math.Round(em*0.90)), int(math.Round(em*0.32))
	l.height, l.base = above+below, above
	l.room = c.dst.Rect.Dx() * c.dst.Rect.Dy() / 3 // a small picture should not vanish under its labels
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
	w := l.width(text) + 2*l.pad
	if len(l.plates) > 0 && w*l.height > l.room {
		return
	}
	right := max(r.Max.X-w, r.Min.X)
	for _, at := range []image.Point{
		{X: r.Min.X, Y: r.Min.Y - l.height}, // on the box
		{X: r.Min.X, Y: r.Min.Y},            // in it, at the top
		{X: right, Y: r.Min.Y - l.height},   // the same at its right side
		{X: right, Y: r.Min.Y},
		{X: r.Min.X, Y: r.Max.Y}, // below it
		{X: right, Y: r.Max.Y},
		{X: r.Min.X, Y: r.Max.Y - l.height}, // in it, at the bottom
		{X: right, Y: r.Max.Y - l.height},
	} {
		at.X = max(0, min(at.X, bounds.Max.X-w))
		at.Y = max(0, min(at.Y, bounds.Max.Y-l.height))
		p := image.Rectangle{Min: at, Max: at.Add(image.Pt(w, l.height))}
		if l.free(p) {
			l.plates = append(l.plates, plate{p, text, ink})
			l.room -= w * l.height
			return
		}
	}
}

// free reports whether no plate lies in r yet.
func (l *labels) free(r image.Rectangle) bool {
	for _, p := range l.plates {
		if p.Overlaps(r) {
			return false
		}
	}
	return true
}

// fit returns "name 0.98", or as much of it as width allows: the name alone, then its beginning.
func (l *labels) fit(in Instance, width int) string {
	score := strconv.FormatFloat(float64(in.Score), 'f', 2, 32)
	if in.Name != "" {
		score = in.Name + " " + score
	}
	if l.width(score) <= width {
		return score
	}
	return l.shorten(in.Name, width)
}

// shorten returns as much of the beginning of a name as width allows, with three dots if that is not all.
func (l *labels) shorten(name string, width int) string {
	if l.width(name) <= width {
		return name
	}
	var ends []int // of beginnings of the name: the longer, the wider
	for at := range name {
		ends = append(ends, at)
	}
	n, _ := slices.BinarySearchFunc(ends, width, func(end, width int) int {
		return cmp.Compare(l.width(name[:end]+shortening), width+1)
	})
	if n < 2 { // not a letter
		return ""
	}
	return name[:ends[n-1]] + shortening
}

// width returns the width of a text in whole pixels.
func (l *labels) width(text string) int { return font.MeasureString(l.face, text).Ceil() }

// draw draws the plates.
func (l *labels) draw() {
	for _, p := range l.plates {
		draw.Draw(l.canvas.dst, p.Rectangle, image.NewUniform(p.ink), image.Point{}, draw.Src)
		l.write(p.text, p.Rectangle, inkOn(p.ink))
	}
}

// write writes a line of text into r; letters that overhang are cut there.
func (l *labels) write(text string, r image.Rectangle, ink color.RGBA) {
	d := font.Drawer{
		Dst:  l.canvas.dst.SubImage(r).(*image.RGBA),
		Src:  image.NewUniform(ink),
		Face: l.face,
		Dot:  fixed.P(r.Min.X+l.pad, r.Min.Y+l.base),
	}
	d.DrawString(text)
}
