package picture

import (
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"math"
	"slices"
	"strconv"
)

const (
	mapAlpha    = 0.5  // how much the classes cover the picture
	legendAlpha = 0.70 // how much black is under a legend: white letters on it have a contrast of 7 at least
)

// OverlayMap shows a segmentation: Blend with an alpha of 0.5, borders between classes in the cream of VOC's, and a
// legend that names the classes in the picture, 0 apart, from the most pixels to the fewest, with their colours and
// shares. Class i is called names[i], or by its number. The legend lies in the corner where it covers the fewest
// pixels of classes, and takes at most half of the picture's height and two thirds of its width: names that would not
// fit are shortened, and the smallest classes left out. Its letters grow with the picture as Overlay's do. A map of
// another size than the photo is not drawn.
func OverlayMap(photo *RGB, m *LabelMap, names []string) *image.RGBA {
	c := newCanvas(Blend(photo, m, mapAlpha))
	if m.W == photo.W && m.H == photo.H && m.whole() {
		c.borders(m)
		newLegend(c, m, names).draw()
	}
	return c.dst
}

// borders draws what separates two classes.
func (c *canvas) borders(m *LabelMap) {
	cream, rim := vocColour(255), max(1, c.line/2)
	for y := range m.H {
		row := m.Pix[y*m.W : (y+1)*m.W]
		below := m.Pix[min(y+rim, m.H-1)*m.W:]
		for x, class := range row {
			if row[min(x+rim, m.W-1)] != class || below[x] != class {
				c.blend(x, y, cream, contourAlpha)
			}
		}
	}
}

// A legend lies in one corner of a picture.
type legend struct {
	*labels
	image.Rectangle
	rows   []legendRow
	swatch int // the side of a colour's square
}

type legendRow struct {
	class uint8
	text  string
}

func newLegend(c *canvas, m *LabelMap, names []string) *legend {
	l := &legend{labels: newLabels(c)}
	if l.face == nil {
		return l
	}
	l.swatch = l.height - 2*max(1, l.height/6)
	most := l.canvas.dst.Rect.Dx()*2/3 - l.swatch - 3*l.pad
	width := 0
	for _, class := range byShare(m) {
		if (len(l.rows)+1)*l.height+l.pad > m.H/2 {
			break
		}
		if text := l.text(class, names, most); text != "" {
			l.rows = append(l.rows, legendRow{class.number, text})
			width = max(width, l.width(text))
		}
	}
	if len(l.rows) > 0 {
		l.Rectangle = corner(m, width+l.swatch+3*l.pad, len(l.rows)*l.height+l.pad)
	}
	return l
}

// A classShare is the part of a map's pixels that belong to a class, 0 to 1.
type classShare struct {
	number uint8
	share  float64
}

// byShare returns the classes of a map, but not the background, the greatest first.
func byShare(m *LabelMap) []classShare {
	var counts [256]int
	for _, class := range m.Pix {
		counts[class]++
	}
	var list []classShare
	for i, n := range counts {
		if i > 0 && n > 0 {
			list = append(list, classShare{uint8(i), float64(n) / float64(len(m.Pix))})
		}
	}
	slices.SortStableFunc(list, func(a, b classShare) int { return cmp.Compare(b.share, a.share) })
	return list
}

// text returns "name 42 %", or as much of the name as width allows.
func (l *legend) text(class classShare, names []string, width int) string {
	name := strconv.Itoa(int(class.number))
	if int(class.number) < len(names) {
		name = names[class.number]
	}
	share := " <1 %"
	if percent := math.Round(100 * class.share); percent >= 1 {
		share = " " + strconv.Itoa(int(percent)) + " %"
	}
	if l.width(name+share) <= width {
		return name + share
	}
	return l.shorten(name, width)
}

// corner returns a rectangle of w×h in the corner of the map where it covers the fewest pixels of classes.
func corner(m *LabelMap, w, h int) image.Rectangle {
	var best image.Rectangle
	least := math.MaxInt
	for _, at := range []image.Point{{Y: m.H - h}, {}, {X: m.W - w, Y: m.H - h}, {X: m.W - w}} {
		r := image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}
		covered := 0
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for _, class := range m.Pix[y*m.W+r.Min.X : y*m.W+r.Max.X] {
				covered += int(min(class, 1))
			}
		}
		if covered < least {
			least, best = covered, r
		}
	}
	return best
}

// draw draws the legend.
func (l *legend) draw() {
	white := color.RGBA{R: 255, G: 255, B: 255, A: 255}
	for y := l.Min.Y; y < l.Max.Y; y++ {
		for x := l.Min.X; x < l.Max.X; x++ {
			l.canvas.blend(x, y, color.RGBA{}, legendAlpha)
		}
	}
	line := max(1, l.swatch/10)
	for i, row := range l.rows {
		r := image.Rect(l.Min.X+l.pad, 0, l.Max.X, l.height).Add(image.Pt(0, l.Min.Y+l.pad/2+i*l.height))
		square := image.Rectangle{Max: image.Pt(l.swatch, l.swatch)}.Add(r.Min)
		square = square.Add(image.Pt(0, (l.height-l.swatch)/2))
		draw.Draw(l.canvas.dst, square, image.NewUniform(white), image.Point{}, draw.Src) // a rim: many colours are dark
		draw.Draw(l.canvas.dst, square.Inset(line), image.NewUniform(vocColour(row.class)), image.Point{}, draw.Src)
		r.Min.X = square.Max.X
		l.write(row.text, r, white)
	}
}
