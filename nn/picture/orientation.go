package picture

import (
	"bytes"
	"encoding/binary"
)

// Orientation says what Decode does with the EXIF orientation that cameras write when they are held upright.
type Orientation int

const (
	// IgnoreOrientation leaves the pixels as they are stored, as PIL and torchvision do by default.
	IgnoreOrientation Orientation = iota
	// ApplyOrientation turns and mirrors the pixels as PIL's ImageOps.exif_transpose does, so that the picture stands
	// as its maker saw it. Boxes and masks found in it are in the turned picture's coordinates.
	ApplyOrientation
)

// orient returns the picture turned by one of EXIF's eight orientations; any other value leaves it.
func (p *RGB) orient(tag int) *RGB {
	if tag < 2 || tag > 8 {
		return p
	}
	out := NewRGB(p.W, p.H)
	if tag >= 5 {
		out.W, out.H = p.H, p.W
	}
	for y := range out.H {
		dst := out.row(y)
		for x := range out.W {
			sx, sy := x, y
			if tag >= 5 {
				sx, sy = y, x
			}
			switch tag {
			case 2: // mirrored left to right
				sx = p.W - 1 - sx
			case 3: // turned by 180°
				sx, sy = p.W-1-sx, p.H-1-sy
			case 4: // mirrored top to bottom
				sy = p.H - 1 - sy
			case 6: // to be turned clockwise
				sy = p.H - 1 - sy
			case 7: // mirrored along the other diagonal
				sx, sy = p.W-1-sx, p.H-1-sy
			case 8: // to be turned counter-clockwise
				sx = p.W - 1 - sx
			}
			copy(dst[3*x:3*x+3], p.Pix[3*(sy*p.W+sx):])
		}
	}
	return out
}

// orientationTag reads tag 0x0112 of the first directory of a TIFF structure, which EXIF is. It returns 1, upright, for
// anything that cannot be read.
func orientationTag(t []byte) int {
	const upright, tagOrientation, typeShort, typeLong = 1, 0x0112, 3, 4
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(t) < 8:
		return upright
	case string(t[:2]) == "MM":
		order = binary.BigEndian
	case string(t[:2]) != "II":
		return upright
	}
	at := int64(order.Uint32(t[4:]))
	if at+2 > int64(len(t)) {
		return upright
	}
	entries := t[at+2:]
	for range order.Uint16(t[at:]) {
		if len(entries) < 12 {
			return upright
		}
		if order.Uint16(entries) == tagOrientation {
			switch order.Uint16(entries[2:]) {
			case typeShort:
				return int(order.Uint16(entries[8:]))
			case typeLong:
				return int(order.Uint32(entries[8:]))
			}
			return upright
		}
		entries = entries[12:]
	}
	return upright
}

// jpegSegments calls visit with every marker segment before the first scan, until it returns false.
func jpegSegments(d []byte, visit func(marker byte, body []byte) bool) {
	const startOfScan = 0xDA
	for i := 2; i+4 <= len(d) && d[i] == 0xFF; {
		if d[i+1] == 0xFF { // padding
			i++
			continue
		}
		n := int(d[i+2])<<8 | int(d[i+3])
		if n < 2 || i+2+n > len(d) || !visit(d[i+1], d[i+4:i+2+n]) || d[i+1] == startOfScan {
			return
		}
		i += 2 + n
	}
}

func jpegEXIF(d []byte) (exif []byte) {
	const app1 = 0xE1
	jpegSegments(d, func(marker byte, body []byte) bool {
		if marker == app1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			exif = body[6:]
		}
		return exif == nil
	})
	return exif
}

func pngEXIF(d []byte) []byte {
	for rest := d[8:]; len(rest) >= 12; {
		n := int64(binary.BigEndian.Uint32(rest))
		if n > int64(len(rest))-12 {
			return nil
		}
		if string(rest[4:8]) == "eXIf" {
			return rest[8 : 8+n]
		}
		rest = rest[12+n:]
	}
	return nil
}

func webpEXIF(d []byte) []byte {
	for rest := d[12:]; len(rest) >= 8; {
		n := int64(binary.LittleEndian.Uint32(rest[4:]))
		if n > int64(len(rest))-8 {
			return nil
		}
		if string(rest[:4]) == "EXIF" {
			return bytes.TrimPrefix(rest[8:8+n], []byte("Exif\x00\x00"))
		}
		rest = rest[min(8+n+n&1, int64(len(rest))):]
	}
	return nil
}
