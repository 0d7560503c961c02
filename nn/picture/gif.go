package picture

import (
	"compress/lzw"
	"errors"
	"image"
	"io"
	"iter"
)

// errGIF is returned where a GIF file is not as it should be.
var errGIF = errors.New("gif: invalid format")

// A gifReader reads the frames of a GIF file one after the other.
type gifReader struct {
	w, h       int
	palette    *gifColours // of the file
	background uint8
	rest       []byte // the file behind the frame that was read last

	decompress io.ReadCloser
	blocks     gifBlocks
	pix        []uint8
}

// gifFrame is one frame and what its blocks say of it.
type gifFrame struct {
	x, y, w, h  int
	interlaced  bool
	palette     *gifColours // its own, or the file's
	transparent int         // the index of the transparent colour, or -1
	disposal    int         // what becomes of it; 0 if nothing is said
	pix         []uint8     // w*h indices; the reader's
}

// gifColours are the n colours of a palette; those behind them are black.
type gifColours struct {
	at [256][3]uint8
	n  int
}

// grays is the palette of a file that has none.
func grays() *gifColours {
	p := &gifColours{n: 256}
	for i := range p.at {
		p.at[i] = [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	return p
}

// newGIFReader reads the header.
func newGIFReader(data []byte) (*gifReader, error) {
	const screen = 13
	if len(data) < screen {
		return nil, io.ErrUnexpectedEOF
	}
	g := &gifReader{w: int(data[6]) | int(data[7])<<8, h: int(data[8]) | int(data[9])<<8}
	var err error
	if g.palette, g.rest, err = gifPalette(data[10], data[screen:]); err != nil {
		return nil, err
	}
	if g.palette == nil {
		g.palette = grays()
	} else {
		g.background = data[11]
	}
	return g, nil
}

// gifPalette splits a colour table off data if the flags announce one, and returns nil if they do not. As Pillow does
// it takes a table of the first grays for all of them.
func gifPalette(flags byte, data []byte) (palette *gifColours, rest []byte, err error) {
	if flags&0x80 == 0 {
		return nil, data, nil
	}
	n := 1 << (flags&7 + 1)
	if len(data) < 3*n {
		return nil, nil, io.ErrUnexpectedEOF
	}
	palette = &gifColours{n: n}
	gray := true
	for i := range n {
		palette.at[i] = [3]uint8(data[3*i:])
		gray = gray && palette.at[i] == [3]uint8{uint8(i), uint8(i), uint8(i)}
	}
	if gray {
		palette = grays()
	}
	return palette, data[3*n:], nil
}

// next reads a frame up to its pixels, and returns io.EOF if there is none.
func (g *gifReader) next() (*gifFrame, error) {
	const descriptor = 10
	f := &gifFrame{transparent: -1}
	for {
		if len(g.rest) == 0 {
			return nil, io.EOF // Pillow does not ask for a trailer either
		}
		switch g.rest[0] {
		case ';':
			return nil, io.EOF
		case '!': // an extension: its kind, then blocks that begin with their length, the last of length 0
			if len(g.rest) < 3 {
				return nil, io.ErrUnexpectedEOF
			}
			if b := g.rest; b[1] == 0xF9 && b[2] >= 4 && len(b) > 6 {
				f.disposal = int(b[3] >> 2 & 7)
				if b[3]&1 == 1 {
					f.transparent = int(b[6])
				}
			}
			g.rest = g.rest[2:]
			if err := g.skipBlocks(); err != nil {
				return nil, err
			}
		case ',':
			b := g.rest
			if len(b) < descriptor {
				return nil, io.ErrUnexpectedEOF
			}
			at := func(i int) int { return int(b[i]) | int(b[i+1])<<8 }
			f.x, f.y, f.w, f.h = at(1), at(3), at(5), at(7)
			f.interlaced = b[9]&0x40 != 0
			var err error
			if f.palette, g.rest, err = gifPalette(b[9], b[descriptor:]); err != nil {
				return nil, err
			}
			if f.palette == nil {
				f.palette = g.palette
			}
			return f, nil
		default:
			g.rest = g.rest[1:]
		}
	}
}

// skipBlocks passes blocks up to that of length 0.
func (g *gifReader) skipBlocks() error {
	for len(g.rest) > 0 {
		n := int(g.rest[0])
		if len(g.rest) < 1+n {
			break
		}
		if g.rest = g.rest[1+n:]; n == 0 {
			return nil
		}
	}
	return io.ErrUnexpectedEOF
}

// gifBlocks reads what blocks hold, up to that of length 0.
type gifBlocks struct{ body, rest []byte }

// Read reads some of it.
func (s *gifBlocks) Read(p []byte) (int, error) {
	b, err := s.ReadByte()
	if err != nil || len(p) == 0 {
		return 0, err
	}
	p[0] = b
	n := copy(p[1:], s.body)
	s.body = s.body[n:]
	return 1 + n, nil
}

// ReadByte keeps the decompressor from buffering.
func (s *gifBlocks) ReadByte() (byte, error) {
	if len(s.body) == 0 {
		if len(s.rest) == 0 || s.rest[0] == 0 {
			return 0, io.EOF
		}
		n := int(s.rest[0])
		if len(s.rest) < 1+n {
			return 0, io.ErrUnexpectedEOF
		}
		s.body, s.rest = s.rest[1:1+n], s.rest[1+n:]
	}
	b := s.body[0]
	s.body = s.body[1:]
	return b, nil
}

// readPixels reads the indices of f, which next has just returned.
func (g *gifReader) readPixels(f *gifFrame) error {
	if len(g.rest) == 0 {
		return io.ErrUnexpectedEOF
	}
	width := int(g.rest[0])
	if width < 1 || width > 8 {
		return errGIF
	}
	if f.w*f.h/4096 > len(g.rest) { // a code, of more than 8 bits, stands for 4,096 pixels at most
		return io.ErrUnexpectedEOF
	}
	g.blocks = gifBlocks{rest: g.rest[1:]}
	if g.decompress == nil {
		g.decompress = lzw.NewReader(&g.blocks, lzw.LSB, width)
	} else {
		g.decompress.(*lzw.Reader).Reset(&g.blocks, lzw.LSB, width)
	}
	g.pix = grown(g.pix, f.w*f.h)
	f.pix = g.pix
	if _, err := io.ReadFull(g.decompress, f.pix); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	g.rest = g.rest[1:]
	return g.skipBlocks()
}

// rows calls visit with each row of the frame and its indices.
func (f *gifFrame) rows(visit func(y int, indices []uint8)) {
	steps := [][2]int{{0, 1}}
	if f.interlaced {
		steps = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	n := 0
	for _, s := range steps {
		for y := s[0]; y < f.h; y += s[1] {
			visit(y, f.pix[n*f.w:(n+1)*f.w])
			n++
		}
	}
}

func gifConfig(d []byte) (image.Config, error) {
	g, err := newGIFReader(d)
	if err != nil {
		return image.Config{}, err
	}
	f, err := g.next()
	if err == io.EOF {
		err = errors.New("gif: no frame")
	}
	if err != nil {
		return image.Config{}, err
	}
	return image.Config{Width: max(g.w, f.x+f.w), Height: max(g.h, f.y+f.h)}, nil
}

// decodeGIF reads the first frame.
func (d *Decoder) decodeGIF(dst *RGB, data []byte) error {
	for err := range d.gifFrames(dst, data) {
		return err
	}
	return errGIF
}

// gifFrames makes dst one frame after another.
func (d *Decoder) gifFrames(dst *RGB, data []byte) iter.Seq[error] {
	return func(yield func(error) bool) {
		g, err := newGIFReader(data)
		if err != nil {
			yield(err)
			return
		}
		screen := gifScreen{g: g, p: dst}
		for {
			f, err := g.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				if err = d.checkSize("GIF", max(g.w, f.x+f.w), max(g.h, f.y+f.h)); err == nil {
					err = g.readPixels(f)
				}
			}
			if err != nil {
				yield(err)
				return
			}
			screen.show(f)
			if !yield(nil) {
				return
			}
		}
	}
}
