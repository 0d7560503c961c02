package picture

import (
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/png"
	"io"
)

// The colour types of a PNG file.
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBAlpha  = 6
)

// pngPasses are the steps in which an interlaced file has its pixels: where each begins, and the distance of its
// pixels.
var pngPasses = [7]struct{ x, y, dx, dy int }{
	{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2},
}

// A pngDecoder reads PNG files row by row into an RGB, without a picture between, as Pillow and convert("RGB") do:
// alpha is dropped and transparent colours are shown. Of 16 bits it keeps the upper eight. Its errors are
// image/png's, or those of the decompressor.
type pngDecoder struct {
	head    pngHead
	colours [256][3]uint8 // of a palette or of grays of up to 8 bits
	source  pngData
	inflate inflater
	rows    [2][]uint8 // this row and the one before
	pass    []uint8    // a row of an interlaced file, in colours
}

// pngHead is the first chunk.
type pngHead struct {
	w, h        int
	depth, kind int // kind is the colour type
	interlaced  bool
}

func readPNGHead(d []byte) (pngHead, error) {
	name, body, _, err := nextChunk(d[8:])
	if err != nil {
		return pngHead{}, err
	}
	if name != "IHDR" || len(body) != 13 {
		return pngHead{}, png.FormatError("it does not begin with IHDR")
	}
	w, h := binary.BigEndian.Uint32(body), binary.BigEndian.Uint32(body[4:])
	if w == 0 || h == 0 || w > 1<<31-1 || h > 1<<31-1 {
		return pngHead{}, png.FormatError("bad width or height")
	}
	p := pngHead{w: int(w), h: int(h), depth: int(body[8]), kind: int(body[9]), interlaced: body[12] == 1}
	switch {
	case body[10] != 0 || body[11] != 0 || body[12] > 1:
		return p, png.UnsupportedError("compression, filter or interlace method")
	case p.channels() == 0:
		return p, png.UnsupportedError("colour type")
	}
	switch p.depth {
	case 8:
		return p, nil
	case 16:
		if p.kind != pngPalette {
			return p, nil
		}
	case 1, 2, 4:
		if p.channels() == 1 {
			return p, nil
		}
	}
	return p, png.UnsupportedError("bit depth")
}

func (p pngHead) channels() int {
	switch p.kind {
	case pngGray, pngPalette:
		return 1
	case pngRGB:
		return 3
	case pngGrayAlpha:
		return 2
	case pngRGBAlpha:
		return 4
	}
	return 0
}

// bytes is how many bytes a row of w pixels takes.
func (p pngHead) bytes(w int) int { return (w*p.channels()*p.depth + 7) / 8 }

func pngConfig(d []byte) (image.Config, error) {
	p, err := readPNGHead(d)
	return image.Config{Width: p.w, Height: p.h}, err
}

// nextChunk splits a chunk off data. The sums of chunks that matter are checked.
func nextChunk(data []byte) (name string, body, rest []byte, err error) {
	if len(data) < 12 {
		return "", nil, nil, io.ErrUnexpectedEOF
	}
	n := int64(binary.BigEndian.Uint32(data))
	if n > int64(len(data))-12 {
		return "", nil, nil, io.ErrUnexpectedEOF
	}
	for _, known := range []string{"IHDR", "PLTE", "IDAT", "IEND"} { // spares a string for each chunk
		if string(data[4:8]) == known {
			name = known
		}
	}
	if name != "" && crc32.ChecksumIEEE(data[4:8+n]) != binary.BigEndian.Uint32(data[8+n:]) {
		return "", nil, nil, png.FormatError("bad checksum of " + name)
	}
	return name, data[8 : 8+n], data[12+n:], nil
}

// pngData reads what one IDAT chunk after another holds.
type pngData struct{ body, rest []byte }

func (s *pngData) more() error {
	for len(s.body) == 0 {
		name, body, rest, err := nextChunk(s.rest)
		if err != nil {
			return err
		}
		if name != "IDAT" {
			return io.ErrUnexpectedEOF
		}
		s.body, s.rest = body, rest
	}
	return nil
}

// ReadByte reads a byte.
func (s *pngData) ReadByte() (byte, error) {
	if len(s.body) == 0 {
		if err := s.more(); err != nil {
			return 0, err
		}
	}
	b := s.body[0]
	s.body = s.body[1:]
	return b, nil
}

func (d *Decoder) decodePNG(dst *RGB, data []byte) error {
	p := &d.png
	defer func() { p.source = pngData{} }() // which is the caller's
	if err := p.open(data); err != nil {
		return err
	}
	// A byte of deflated data gives no more than 1,032, so a file much shorter than its header promises is refused.
	if p.head.bytes(p.head.w)*p.head.h/1032 > len(data) {
		return png.FormatError("too short for its size")
	}
	dst.reset(p.head.w, p.head.h)
	if !p.head.interlaced {
		return p.read(p.head.w, p.head.h, dst.row)
	}
	p.pass = grown(p.pass, 3*p.head.w)
	for _, s := range pngPasses {
		w, h := (p.head.w-s.x+s.dx-1)/s.dx, (p.head.h-s.y+s.dy-1)/s.dy
		if w <= 0 || h <= 0 {
			continue
		}
		scatter := func(y int) { // puts the row before row y into the picture
			if y == 0 {
				return
			}
			to := dst.row(s.y + (y-1)*s.dy)[3*s.x:]
			for x := range w {
				copy(to[3*x*s.dx:], p.pass[3*x:3*x+3])
			}
		}
		if err := p.read(w, h, func(y int) []uint8 { scatter(y); return p.pass[:3*w] }); err != nil {
			return err
		}
		scatter(h)
	}
	return nil
}

// open reads up to the pixels.
func (p *pngDecoder) open(data []byte) (err error) {
	if p.head, err = readPNGHead(data); err != nil {
		return err
	}
	p.colours = [256][3]uint8{}
	for v := range 1 << min(p.head.depth, 8) {
		gray := uint8(v * 255 / (1<<min(p.head.depth, 8) - 1))
		p.colours[v] = [3]uint8{gray, gray, gray}
	}
	palette := false
	for rest := data[8:]; ; {
		name, body, after, err := nextChunk(rest)
		switch {
		case err != nil:
			return err
		case name == "IDAT":
			if p.head.kind == pngPalette && !palette {
				return png.FormatError("no palette")
			}
			p.source = pngData{rest: rest}
			return p.inflate.reset(&p.source)
		case name == "PLTE" && p.head.kind == pngPalette:
			if len(body)%3 != 0 || len(body) == 0 || len(body) > 768 {
				return png.FormatError("bad palette")
			}
			palette = true
			p.colours = [256][3]uint8{} // colours beyond the palette are black
			for i := range len(body) / 3 {
				p.colours[i] = [3]uint8(body[3*i:])
			}
		case name == "IEND":
			return png.FormatError("no pixels")
		}
		rest = after
	}
}

// read reads h rows of w pixels, each into the 3*w samples that row returns for it.
func (p *pngDecoder) read(w, h int, row func(y int) []uint8) error {
	n := 1 + p.head.bytes(w) // with the filter's number
	p.rows[0], p.rows[1] = grown(p.rows[0], n), grown(p.rows[1], n)
	here, before := p.rows[0], p.rows[1]
	clear(before)
	pixel := max(p.head.channels()*p.head.depth/8, 1)
	for y := range h {
		if err := p.inflate.readFull(here); err != nil {
			return err
		}
		if err := unfilter(here[0], here[1:], before[1:], pixel); err != nil {
			return err
		}
		p.convert(row(y), here[1:])
		here, before = before, here
	}
	return nil
}

// convert makes the colours of a row.
func (p *pngDecoder) convert(dst, src []uint8) {
	if p.head.depth < 8 {
		for x, at, mask := 0, 0, uint8(1<<p.head.depth-1); len(dst) >= 3; x, at = x+1, at+p.head.depth {
			c := &p.colours[src[at>>3]>>(8-p.head.depth-at&7)&mask]
			dst[0], dst[1], dst[2] = c[0], c[1], c[2]
			dst = dst[3:]
		}
		return
	}
	size := p.head.channels() * p.head.depth / 8
	switch {
	case p.head.kind == pngRGB && p.head.depth == 8:
		copy(dst, src)
	case p.head.kind == pngPalette || p.head.kind == pngGray && p.head.depth == 8:
		for x := range len(dst) / 3 {
			c, d := &p.colours[src[x]], dst[3*x:3*x+3:3*x+3]
			d[0], d[1], d[2] = c[0], c[1], c[2]
		}
	case p.head.kind == pngGray || p.head.kind == pngGrayAlpha:
		for x := range len(dst) / 3 {
			v, d := src[x*size], dst[3*x:3*x+3:3*x+3]
			d[0], d[1], d[2] = v, v, v
		}
	default:
		step := p.head.depth / 8
		for x := range len(dst) / 3 {
			s, d := src[x*size:x*size+2*step+1], dst[3*x:3*x+3:3*x+3]
			d[0], d[1], d[2] = s[0], s[step], s[2*step]
		}
	}
}
