package picture

import (
	"bytes"
	"image"
	"image/gif"
)

// decodeGIF returns the first frame on its whole screen, as Pillow does: what the frame leaves free has the transparent
// colour, or colour 0 when there is none. Go's decoder erases the colour of transparent pixels, but convert("RGB")
// shows it, so the palette is read again from the file.
func decodeGIF(data []byte) (*RGB, error) {
	m, err := gif.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	frame, ok := m.(*image.Paletted)
	if !ok {
		return FromImage(m), nil
	}
	head := readGIFHead(data)
	var table [256][3]uint8
	for i, c := range frame.Palette[:min(len(frame.Palette), 256)] {
		table[i] = straight(c)
	}
	for i := 0; 3*i+2 < len(head.palette); i++ {
		table[i] = [3]uint8(head.palette[3*i:])
	}
	b := frame.Bounds()
	p := NewRGB(max(head.w, b.Max.X), max(head.h, b.Max.Y))
	if b != p.Bounds() {
		for i := 0; i < len(p.Pix); i += 3 {
			copy(p.Pix[i:], table[head.transparent][:])
		}
	}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		src, dst := frame.Pix[frame.PixOffset(b.Min.X, y):][:b.Dx()], p.row(y)[3*b.Min.X:]
		for x, v := range src {
			copy(dst[3*x:], table[v][:])
		}
	}
	return p, nil
}

// gifHead is what precedes the first frame's pixels.
type gifHead struct {
	w, h        int    // of the screen
	palette     []byte // the first frame's colours, 3 bytes each; at most 256
	transparent uint8  // index of the transparent colour, 0 if there is none
}

// readGIFHead walks over the blocks before the first frame. Go's decoder has accepted the file, so a block that does
// not fit just ends the walk.
func readGIFHead(data []byte) gifHead {
	const screen, descriptor = 13, 10
	var g gifHead
	if len(data) < screen {
		return g
	}
	g.w, g.h = int(data[6])|int(data[7])<<8, int(data[8])|int(data[9])<<8
	rest := data[screen:]
	g.palette, rest = gifPalette(data[10], rest)
	for len(rest) > 1 {
		switch rest[0] {
		case 0x21: // an extension: its kind, then blocks that begin with their length, the last of length 0
			if rest[1] == 0xF9 && len(rest) > 6 && rest[2] == 4 && rest[3]&1 == 1 {
				g.transparent = rest[6]
			}
			rest = rest[2:]
			for len(rest) > 0 && rest[0] != 0 {
				rest = rest[min(1+int(rest[0]), len(rest)):]
			}
			rest = rest[min(1, len(rest)):]
		case 0x2C: // the first frame
			if len(rest) >= descriptor {
				if local, _ := gifPalette(rest[9], rest[descriptor:]); local != nil {
					g.palette = local
				}
			}
			return g
		default:
			rest = rest[1:]
		}
	}
	return g
}

// gifPalette splits a colour table off data if the flags announce one.
func gifPalette(flags byte, data []byte) (palette, rest []byte) {
	if flags&0x80 == 0 {
		return nil, data
	}
	n := min(3<<(flags&7+1), len(data))
	return data[:n:n], data[n:]
}
