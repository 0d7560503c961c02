package picture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
)

// The compressions of a BMP file.
const (
	bmpRaw    = 0
	bmpRLE8   = 1
	bmpRLE4   = 2
	bmpFields = 3
)

// A bmpDecoder reads BMP files as Pillow and convert("RGB") do: of Windows and OS/2, with palettes of 1, 2, 4 and 8
// bits, run lengths, and 16, 24 and 32 bits in the layouts that Pillow knows.
type bmpDecoder struct {
	w, h    int
	topDown bool
	bits    int
	pack    uint32 // the compression
	masks   [4]uint32
	colours [256][3]uint8
	offset  int // where the pixels begin
}

func bmpConfig(d []byte) (image.Config, error) {
	var b bmpDecoder
	err := b.readHead(d)
	return image.Config{Width: b.w, Height: b.h}, err
}

// readHead reads the two headers, the masks and the palette.
func (b *bmpDecoder) readHead(d []byte) error {
	const fileHead = 14
	if len(d) < fileHead+4 {
		return io.ErrUnexpectedEOF
	}
	offset, size := binary.LittleEndian.Uint32(d[10:]), binary.LittleEndian.Uint32(d[fileHead:])
	switch size {
	case 12, 40, 52, 56, 64, 108, 124:
	default:
		return fmt.Errorf("bmp: a header of %d bytes", size)
	}
	if len(d) < fileHead+int(size) {
		return io.ErrUnexpectedEOF
	}
	head, rest := d[fileHead:fileHead+size], d[fileHead+size:]
	*b = bmpDecoder{}
	colours, entry := uint32(0), 4
	if size == 12 {
		b.w, b.h = int(binary.LittleEndian.Uint16(head[4:])), int(binary.LittleEndian.Uint16(head[6:]))
		b.bits, entry = int(binary.LittleEndian.Uint16(head[10:])), 3
	} else {
		b.w, b.h = int(int32(binary.LittleEndian.Uint32(head[4:]))), int(int32(binary.LittleEndian.Uint32(head[8:])))
		if b.h < 0 {
			b.h, b.topDown = -b.h, true
		}
		b.bits, b.pack = int(binary.LittleEndian.Uint16(head[14:])), binary.LittleEndian.Uint32(head[16:])
		colours = binary.LittleEndian.Uint32(head[32:])
	}
	if b.pack == bmpFields {
		masks := head[min(40, len(head)):]
		if size == 40 {
			masks, rest = rest, rest[min(12, len(rest)):]
		}
		if len(masks) < 12 {
			return io.ErrUnexpectedEOF
		}
		for i := range 3 {
			b.masks[i] = binary.LittleEndian.Uint32(masks[4*i:])
		}
		if size >= 56 {
			b.masks[3] = binary.LittleEndian.Uint32(masks[12:])
		}
	}
	b.offset = int(offset)
	if b.bits <= 8 {
		if colours == 0 {
			colours = 1 << b.bits
		}
		if colours > 1<<16 {
			return fmt.Errorf("bmp: a palette of %d colours", colours)
		}
		if len(rest) < entry*int(colours) {
			return io.ErrUnexpectedEOF
		}
		for i := range min(int(colours), 256) {
			c := rest[i*entry:]
			b.colours[i] = [3]uint8{c[2], c[1], c[0]}
		}
		rest = rest[entry*int(colours):]
		if b.offset == fileHead+int(size) {
			b.offset += entry * int(colours)
		}
	}
	if b.offset == 0 {
		b.offset = len(d) - len(rest)
	}
	return b.supported()
}

// supported returns an error for what Decode cannot read.
func (b *bmpDecoder) supported() error {
	ok := false
	switch b.pack {
	case bmpRaw:
		ok = b.bits == 1 || b.bits == 2 || b.bits == 4 || b.bits == 8 || b.bits == 16 || b.bits == 24 || b.bits == 32
	case bmpRLE8:
		ok = b.bits == 8
	case bmpRLE4:
		ok = b.bits == 4
	case bmpFields:
		_, ok = b.layout()
	}
	if !ok {
		return fmt.Errorf("bmp: %d bits, compression %d, masks %x", b.bits, b.pack, b.masks)
	}
	return nil
}

// layout returns where a pixel of 24 or 32 bits has its red, green and blue byte, or from which bit on one of 16 bits
// has its colours; ok is false if Pillow does not know the masks.
func (b *bmpDecoder) layout() (at [3]int, ok bool) {
	switch {
	case b.pack == bmpRaw && b.bits == 16:
		return [3]int{10, 5, 0}, true
	case b.pack == bmpRaw:
		return [3]int{2, 1, 0}, true
	}
	rgb, alpha := [3]uint32(b.masks[:3]), b.masks[3]
	switch {
	case b.bits == 16 && rgb == [3]uint32{0x7C00, 0x3E0, 0x1F}:
		return [3]int{10, 5, 0}, true
	case b.bits == 16 && rgb == [3]uint32{0xF800, 0x7E0, 0x1F}:
		return [3]int{11, 5, 0}, true
	case b.bits == 24 && rgb == [3]uint32{0xFF0000, 0xFF00, 0xFF}:
		return [3]int{2, 1, 0}, true
	case b.bits != 32:
		return at, false
	case rgb == [3]uint32{0xFF0000, 0xFF00, 0xFF} && (alpha == 0 || alpha == 0xFF000000), b.masks == [4]uint32{}:
		return [3]int{2, 1, 0}, true
	case rgb == [3]uint32{0xFF000000, 0xFF0000, 0xFF00} && (alpha == 0 || alpha == 0xFF):
		return [3]int{3, 2, 1}, true
	case rgb == [3]uint32{0xFF000000, 0xFF00, 0xFF} && (alpha == 0 || alpha == 0xFF0000):
		return [3]int{3, 1, 0}, true
	case rgb == [3]uint32{0xFF, 0xFF00, 0xFF0000} && alpha == 0xFF000000:
		return [3]int{0, 1, 2}, true
	}
	return at, false
}

func (d *Decoder) decodeBMP(dst *RGB, data []byte) error {
	b := &d.bmp
	if err := b.readHead(data); err != nil {
		return err
	}
	if b.offset > len(data) {
		return io.ErrUnexpectedEOF
	}
	if b.pack == bmpRLE8 || b.pack == bmpRLE4 {
		dst.reset(b.w, b.h)
		return b.readRuns(dst, data)
	}
	pixels, stride := data[b.offset:], (b.w*b.bits+31)/32*4
	if len(pixels)/stride < b.h {
		return errors.New("bmp: too short for its size")
	}
	dst.reset(b.w, b.h)
	at, _ := b.layout()
	for y := range b.h {
		src, out := pixels[y*stride:(y+1)*stride], b.row(dst, y)
		switch {
		case b.bits <= 8:
			mask := uint8(1<<b.bits - 1)
			for x, bit := 0, 0; x < b.w; x, bit = x+1, bit+b.bits {
				*(*[3]uint8)(out[3*x:]) = b.colours[src[bit>>3]>>(8-b.bits-bit&7)&mask]
			}
		case b.bits == 16:
			green := uint32(1<<(at[0]-at[1]) - 1)
			for x := range b.w {
				v, d := uint32(src[2*x])|uint32(src[2*x+1])<<8, out[3*x:3*x+3:3*x+3]
				d[0], d[1], d[2] = uint8(v>>at[0]&31*255/31), uint8(v>>5&green*255/green), uint8(v&31*255/31)
			}
		default:
			size := b.bits / 8
			for x := range b.w {
				s, d := src[x*size:x*size+size], out[3*x:3*x+3:3*x+3]
				d[0], d[1], d[2] = s[at[0]], s[at[1]], s[at[2]]
			}
		}
	}
	return nil
}

// row returns the picture's row that the file has as its y-th.
func (b *bmpDecoder) row(p *RGB, y int) []uint8 {
	if b.topDown {
		return p.row(y)
	}
	return p.row(b.h - 1 - y)
}

// readRuns reads run lengths as Pillow does: pixels follow each other, whatever row they are in, and all must be there.
func (b *bmpDecoder) readRuns(p *RGB, data []byte) error {
	n, all := 0, b.w*b.h // pixels there are, and should be
	put := func(v uint8) {
		if n < all {
			*(*[3]uint8)(b.row(p, n/b.w)[3*(n%b.w):]) = b.colours[v]
			n++
		}
	}
	x, four := 0, b.pack == bmpRLE4
	for at := b.offset; n < all; {
		if at+2 > len(data) {
			return io.ErrUnexpectedEOF
		}
		count, v := int(data[at]), data[at+1]
		at += 2
		switch {
		case count > 0:
			count = min(count, max(b.w-x, 0))
			for i := range count {
				if four {
					put(v >> (4 - i&1*4) & 15)
				} else {
					put(v)
				}
			}
			x += count
		case v == 0: // the end of a row
			for n%b.w != 0 {
				put(0)
			}
			x = 0
		case v == 1: // the end
			return io.ErrUnexpectedEOF
		case v == 2: // a step to the right and up
			if at+2 > len(data) {
				return io.ErrUnexpectedEOF
			}
			for range min(int(data[at])+int(data[at+1])*b.w, all-n) {
				put(0)
			}
			at, x = at+2, n%b.w
		default: // pixels as they are, up to an even place in the file
			count = min(int(v), all-n)
			bytes := count
			if four {
				bytes = (count + 1) / 2
			}
			if at+bytes > len(data) {
				return io.ErrUnexpectedEOF
			}
			for i := range count {
				if four {
					put(data[at+i/2] >> (4 - i&1*4) & 15)
				} else {
					put(data[at+i])
				}
			}
			at += bytes
			at += at & 1
			x += int(v)
		}
	}
	return nil
}
