package vision

import (
	"image"
	"math"
	"slices"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/nn/picture"
	"github.com/argand-go/argand/tensor"
)

// ClassMap says what every pixel of a picture belongs to: to the class whose
// logit there is the greatest, once the network's logits are scaled bilinearly
// to the size of the picture. So borders are smooth however large the picture
// is. Torchvision's own map is of the size that the network has seen: it is
// m.Resized(m.NetworkSize()).
type ClassMap struct {
	Width, Height int
	Classes       []uint8  // (Height, Width), numbers of classes; 0 is the background
	Names         []string // of all classes, by number; not to be changed

	logits logits
	seen   image.Point // the size of the picture as the network has seen it
}

// At returns the number of the class that pixel (x, y) belongs to, 0 outside the
// picture.
func (m *ClassMap) At(x, y int) int {
	if x < 0 || y < 0 || x >= m.Width || y >= m.Height {
		return 0
	}
	return int(m.Classes[y*m.Width+x])
}

// NetworkSize returns the width and height that the picture was resized to for
// the network.
func (m *ClassMap) NetworkSize() (width, height int) { return m.seen.X, m.seen.Y }

// Resized returns the map for the picture at another size: not this one's pixels
// repeated, but what the network's logits say at each place. A size of less than
// one pixel gives an empty map.
func (m *ClassMap) Resized(width, height int) *ClassMap {
	width, height = max(width, 0), max(height, 0)
	r := &ClassMap{Width: width, Height: height, Names: m.Names, logits: m.logits, seen: m.seen}
	r.Classes = m.logits.greatest(width, height)
	return r
}

// Map returns the classes for package picture, to be stored as a PNG with a
// palette or laid over the picture. It shares memory with m.
func (m *ClassMap) Map() *picture.LabelMap {
	return &picture.LabelMap{Pix: m.Classes, W: m.Width, H: m.Height}
}

// Shares returns for every class which part of the pixels belongs to it, 0 to 1.
func (m *ClassMap) Shares() []float64 {
	var counts [maxClasses]int
	for _, c := range m.Classes {
		counts[c]++
	}
	shares := make([]float64, len(m.Names))
	for i := range shares {
		shares[i] = float64(counts[i]) / float64(max(len(m.Classes), 1))
	}
	return shares
}

// Probabilities returns how probable it is that each pixel belongs to a class,
// the softmax of the logits there: for each class asked for, in that order, or
// for all if none is, Height·Width numbers of 0 to 1 row by row. A number that is
// no class's has zeros.
func (m *ClassMap) Probabilities(classes ...int) [][]float32 {
	if len(classes) == 0 {
		for c := range m.logits.classes {
			classes = append(classes, c)
		}
	}
	maps := make([][]float32, len(classes))
	for i := range maps {
		maps[i] = make([]float32, m.Width*m.Height)
	}
	if len(m.logits.v) == 0 {
		return maps
	}
	pixel := make([]float32, m.logits.classes)
	cells := m.logits.over(m.Width, m.Height)
	for at := range m.Width * m.Height {
		cells.mix(pixel, at%m.Width, at/m.Width)
		most, sum := slices.Max(pixel), 0.0
		for c, v := range pixel {
			e := math.Exp(float64(v - most))
			pixel[c] = float32(e)
			sum += e
		}
		for i, c := range classes {
			if c >= 0 && c < len(pixel) {
				maps[i][at] = float32(float64(pixel[c]) / sum)
			}
		}
	}
	return maps
}

// logits are those of a picture at the size at which the network computes them,
// (h, w, classes).
type logits struct {
	v       []float32
	h, w    int
	classes int
}

// logitsOf returns those of picture n of a batch (N, classes, h, w).
func logitsOf(batch *tensor.Tensor, data []float32, n int) logits {
	s := batch.Shape()
	l := logits{make([]float32, s[1:].Len()), s[2], s[3], s[1]}
	for c := range l.classes {
		for i, v := range data[(n*l.classes+c)*l.h*l.w:][:l.h*l.w] {
			l.v[i*l.classes+c] = v
		}
	}
	return l
}

// at returns the logits of a place.
func (l *logits) at(y, x int) []float32 { return l.v[(y*l.w+x)*l.classes:][:l.classes] }

// greatest returns which class has the greatest logit at each pixel of a size,
// the first of equal ones.
//
// Between four places at which one class has the greatest, it has it too: the
// logits between them are mixtures of theirs. So they need be mixed at the
// borders between classes only.
func (l *logits) greatest(width, height int) []uint8 {
	classes := make([]uint8, width*height)
	if len(l.v) == 0 {
		return classes
	}
	best := make([]uint8, l.h*l.w)
	for i := range best {
		best[i] = first(l.v[i*l.classes:][:l.classes])
	}
	pixel := make([]float32, l.classes)
	cells := l.over(width, height)
	for y := range height {
		top, bottom := best[cells.y.low[y]*l.w:][:l.w], best[cells.y.high[y]*l.w:][:l.w]
		row := classes[y*width:][:width]
		for x := range row {
			left, right := cells.x.low[x], cells.x.high[x]
			if c := top[left]; c == top[right] && c == bottom[left] && c == bottom[right] {
				row[x] = c
				continue
			}
			cells.mix(pixel, x, y)
			row[x] = first(pixel)
		}
	}
	return classes
}

// first returns the index of the greatest number, the first of equal ones.
func first(v []float32) uint8 {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return uint8(best)
}

// An axis is how the pixels of an image lie between places: see op.Between.
type axis struct {
	low, high []int
	share     []float32
}

func newAxis(in, out int) axis {
	a := axis{make([]int, out), make([]int, out), make([]float32, out)}
	for i := range out {
		a.low[i], a.high[i], a.share[i] = op.Between(i, in, out)
	}
	return a
}

// cells are logits scaled to a size.
type cells struct {
	*logits
	x, y axis
}

func (l *logits) over(width, height int) cells {
	return cells{l, newAxis(l.w, width), newAxis(l.h, height)}
}

// mix sets pixel to the logits of pixel (x, y).
func (c *cells) mix(pixel []float32, x, y int) {
	q, p := c.x.share[x], c.y.share[y]
	n := len(pixel)
	a, b := c.at(c.y.low[y], c.x.low[x])[:n], c.at(c.y.low[y], c.x.high[x])[:n]
	d, e := c.at(c.y.high[y], c.x.low[x])[:n], c.at(c.y.high[y], c.x.high[x])[:n]
	for i := range pixel {
		upper := a[i]*(1-q) + b[i]*q
		lower := d[i]*(1-q) + e[i]*q
		pixel[i] = upper*(1-p) + lower*p
	}
}

// scaled returns maps (N, K, h, w) scaled bilinearly to a height and width.
func scaled(maps *tensor.Tensor, height, width int) (*tensor.Tensor, error) {
	s := maps.Shape()
	x, err := tensor.Data[float32](maps)
	if err != nil {
		return nil, err
	}
	y, err := tensor.New(tensor.Float32, s[0], s[1], height, width)
	if err != nil {
		return nil, err
	}
	out, err := tensor.Data[float32](y)
	if err != nil {
		return nil, err
	}
	for n := range s[0] {
		l := logitsOf(maps, x, n)
		cells, pixel := l.over(width, height), make([]float32, l.classes)
		for at := range height * width {
			cells.mix(pixel, at%width, at/width)
			for c, v := range pixel {
				out[(n*l.classes+c)*height*width+at] = v
			}
		}
	}
	return y, nil
}
