package picture

import "image"

// A gifScreen is what the frames of a GIF file are drawn on, as Pillow draws them (GifImagePlugin.py).
type gifScreen struct {
	g        *gifReader
	p        *RGB
	begun    bool
	disposal int // the last that a frame said; frames that say none have that of the one before

	dispose image.Rectangle // what the last frame leaves to be taken away; empty if nothing
	fill    [3]uint8        // what it is filled with,
	before  []uint8         // or, if disposal is 3, what was there
}

// show draws the next frame.
func (s *gifScreen) show(f *gifFrame) {
	s.clean()
	area := image.Rect(f.x, f.y, f.x+f.w, f.y+f.h)
	first := !s.begun
	if f.disposal != 0 {
		s.disposal = f.disposal
	}
	s.keep(f, area, first)
	if s.begun = true; first {
		s.g.w, s.g.h = max(s.g.w, area.Max.X), max(s.g.h, area.Max.Y)
		s.p.reset(s.g.w, s.g.h)
		s.paint(s.p.Bounds(), f.palette.at[max(f.transparent, 0)])
	} else {
		s.grow(f, area)
	}
	f.rows(func(y int, indices []uint8) {
		d := s.p.row(f.y + y)[3*f.x:]
		for x, v := range indices {
			if first || int(v) != f.transparent { // the first frame shows the transparent colour
				*(*[3]uint8)(d[3*x:]) = f.palette.at[v]
			}
		}
	})
}

// clean takes away what the last frame leaves.
func (s *gifScreen) clean() {
	if s.before == nil {
		s.paint(s.dispose, s.fill)
	} else {
		n := 3 * s.dispose.Dx()
		for i, y := 0, s.dispose.Min.Y; y < s.dispose.Max.Y; i, y = i+1, y+1 {
			copy(s.p.row(y)[3*s.dispose.Min.X:], s.before[i*n:(i+1)*n])
		}
	}
	s.dispose, s.before = image.Rectangle{}, nil
}

// grow makes room for an area beyond the screen.
func (s *gifScreen) grow(f *gifFrame, area image.Rectangle) {
	w, h := max(s.g.w, area.Max.X), max(s.g.h, area.Max.Y)
	if w == s.g.w && h == s.g.h {
		return
	}
	old := *s.p
	*s.p = *NewRGB(w, h)
	if s.g.w, s.g.h = w, h; f.transparent < 0 {
		s.paint(s.p.Bounds(), f.palette.at[0])
	}
	for y := range old.H {
		copy(s.p.row(y), old.row(y))
	}
}

// keep notes what is to be done before the next frame. It is called before f is drawn and makes the screen grow.
func (s *gifScreen) keep(f *gifFrame, area image.Rectangle, first bool) {
	const background, previous = 2, 3
	colour := func(i int) [3]uint8 {
		if !first && i >= f.palette.n { // the first frame has such colours black
			i = 0
		}
		return f.palette.at[i]
	}
	switch {
	case s.disposal < background:
		return
	case s.disposal == background:
		s.fill = colour(int(s.g.background))
		if f.transparent >= 0 {
			s.fill = colour(f.transparent)
		}
	case first: // there is nothing before it, and Pillow fills only with a transparent colour
		if f.transparent < 0 {
			return
		}
		s.fill = colour(f.transparent)
	default:
		s.before = make([]uint8, 3*area.Dx()*area.Dy()) // black where the screen has yet to grow
		there := area.Intersect(s.p.Bounds())
		for y := there.Min.Y; y < there.Max.Y; y++ {
			copy(s.before[3*(y-area.Min.Y)*area.Dx():], s.p.row(y)[3*there.Min.X:3*there.Max.X])
		}
	}
	s.dispose = area
}

func (s *gifScreen) paint(r image.Rectangle, c [3]uint8) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		row := s.p.row(y)[3*r.Min.X : 3*r.Max.X]
		for i := 0; i < len(row); i += 3 {
			*(*[3]uint8)(row[i:]) = c
		}
	}
}
