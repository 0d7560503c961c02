package picture

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/bits"
)

// An Instance is one found thing, as Overlay draws it.
type Instance struct {
	Box   [4]float32 // Box is x1, y1, x2, y2 in pixels of the picture.
	Name  string     // Name is the label's name; it may be empty.
	Score float32    // Score is the detector's confidence, 0 to 1.
	Mask  *Mask      // Mask may be nil: a detector without masks.
	// Pixels is drawn instead of Mask if it is not nil: a mask of which only the run-length code is left.
	Pixels    *Bitmap
	Keypoints []Keypoint // Keypoints may be nil: a detector without keypoints.
	// Skeleton has the pairs of keypoints that lines join, by their places in Keypoints. Nil means PersonSkeleton for 17
	// keypoints, and no lines for others.
	Skeleton [][2]int
	// Colour is the number of the instance's colour, from 1 on: things of one number look alike in every picture of a
	// series. It may be the class or the number of a track. Zero means one more than the place in Overlay's slice.
	Colour int
}

const (
	maskAlpha    = 0.45 // how much a mask covers the picture
	contourAlpha = 0.90
	overlayLevel = 0.5 // the probability from which a pixel is drawn
)

// Overlay draws instances on a copy of img: their masks (probability 0.5 and above) in colour with a contour, their
// boxes, their keypoints (of a score of at least KeypointThreshold) with the lines of their skeletons, and plates that
// say "name 0.98". Each instance has a colour of its own, by its place in the slice or as its Colour says. The first
// instances are drawn last, so that the best detections lie on top. Lines and letters grow with the picture: 2 pixels
// and 15 pixels at 640×640; letters never get smaller than 9 pixels. Plates stay inside the picture and off each other:
// text that would not fit is shortened, and a plate that finds no room is left out. So are instances outside the
// picture or whose box holds a NaN. img and instances are not changed.
func Overlay(img *RGB, instances []Instance) *image.RGBA {
	c := newCanvas(img.RGBA())
	for i := len(instances) - 1; i >= 0; i-- {
		if b := instances[i].pixels(); b != nil {
			c.mask(b, instances[i].ink(i))
		}
	}
	for i := len(instances) - 1; i >= 0; i-- {
		if r, ok := c.place(instances[i].Box); ok {
			c.frame(r, instances[i].ink(i))
		}
	}
	for i := len(instances) - 1; i >= 0; i-- {
		c.skeleton(&instances[i], instances[i].ink(i))
	}
	l := newLabels(c)
	for i := range instances { // the best detection has the first choice of place
		if r, ok := c.place(instances[i].Box); ok {
			l.add(r, instances[i], instances[i].ink(i))
		}
	}
	l.draw()
	return c.dst
}

// ink returns the instance's colour, by its place in the slice if it has no number.
func (i *Instance) ink(place int) color.RGBA {
	if i.Colour > 0 {
		return instanceColour(i.Colour - 1)
	}
	return instanceColour(place)
}

// pixels returns the mask as it is drawn, or nil without one.
func (i *Instance) pixels() *Bitmap {
	if i.Pixels == nil && i.Mask != nil {
		return i.Mask.Binary(overlayLevel)
	}
	return i.Pixels
}

// A canvas is the copy that is drawn on.
type canvas struct {
	dst  *image.RGBA
	line int     // width of a box's line in pixels
	size float64 // geometric mean of width and height
}

func newCanvas(img *image.RGBA) *canvas {
	size := math.Sqrt(float64(img.Rect.Dx()) * float64(img.Rect.Dy()))
	return &canvas{dst: img, line: max(1, int(math.Round(size/320))), size: size}
}

// place returns a box in whole pixels, cut to the picture, at least one pixel wide and high.
func (c *canvas) place(box [4]float32) (image.Rectangle, bool) {
	bounds := c.dst.Bounds()
	var v [4]int
	for i, f := range box {
		if math.IsNaN(float64(f)) {
			return image.Rectangle{}, false
		}
		limit := float64([2]int{bounds.Max.X, bounds.Max.Y}[i&1]) + 1
		v[i] = int(math.Round(min(max(float64(f), -1), limit)))
	}
	r := image.Rectangle{Min: image.Pt(v[0], v[1]), Max: image.Pt(max(v[2], v[0]+1), max(v[3], v[1]+1))}
	r = r.Intersect(bounds)
	return r, !r.Empty()
}

// mask covers the pixels of b, and its rim more strongly.
func (c *canvas) mask(b *Bitmap, ink color.RGBA) {
	if b.W != c.dst.Rect.Dx() || b.H != c.dst.Rect.Dy() {
		return // a mask of another picture
	}
	rim, r := max(1, c.line/2), b.Bounds()
	body, edge := mixtures(ink, maskAlpha), mixtures(ink, contourAlpha)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x += 64 {
			set := b.span(x, y)
			if set == 0 {
				continue
			}
			inner := b.spanOrBeyond(x-rim, y) & b.spanOrBeyond(x+rim, y) &
				b.spanOrBeyond(x, y-rim) & b.spanOrBeyond(x, y+rim)
			for ; set != 0; set &= set - 1 {
				i := bits.TrailingZeros64(set)
				of := edge
				if inner>>i&1 == 1 {
					of = body
				}
				d := c.dst.Pix[c.dst.PixOffset(x+i, y):][:3]
				d[0], d[1], d[2] = of[0][d[0]], of[1][d[1]], of[2][d[2]]
			}
		}
	}
}

// spanOrBeyond returns what span does, with the pixels beyond the picture set: a mask goes on there, and its cut needs
// no rim.
func (b *Bitmap) spanOrBeyond(x, y int) uint64 {
	if y < 0 || y >= b.H {
		return ^uint64(0)
	}
	beyond := ^uint64(0) << max(b.W-x, 0)
	if x < 0 {
		beyond |= 1<<-x - 1
	}
	return b.span(x, y) | beyond
}

func (c *canvas) blend(x, y int, ink color.RGBA, alpha float64) {
	d := c.dst.Pix[c.dst.PixOffset(x, y):][:3]
	for i, v := range [3]uint8{ink.R, ink.G, ink.B} {
		d[i] = uint8(float64(d[i])*(1-alpha) + float64(v)*alpha + 0.5)
	}
}

// frame draws the outline of r, inside it.
func (c *canvas) frame(r image.Rectangle, ink color.RGBA) {
	t := c.line
	for _, side := range []image.Rectangle{
		image.Rect(r.Min.X, r.Min.Y, r.Max.X, r.Min.Y+t),
		image.Rect(r.Min.X, r.Max.Y-t, r.Max.X, r.Max.Y),
		image.Rect(r.Min.X, r.Min.Y, r.Min.X+t, r.Max.Y),
		image.Rect(r.Max.X-t, r.Min.Y, r.Max.X, r.Max.Y),
	} {
		draw.Draw(c.dst, side.Intersect(r), image.NewUniform(ink), image.Point{}, draw.Src)
	}
}
