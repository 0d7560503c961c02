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
	// as its maker saw it; only EXIF is asked, and not XMP. Boxes and masks found in it are in the turned picture's
	// coordinates.
	ApplyOrientation
)

// orientInto makes dst the picture turned by one of EXIF's orientations, 2 to 8.
func (p *RGB) orientInto(dst *RGB, tag int) {
	w, h := p.W, p.H
	dst.reset(w, h)
	if tag >= 5 {
		dst.W, dst.H = h, w
	}
	// start is the sample that pixel (0, 0) gets; right and down are how far on its neighbours' are.
	last, row := 3*(w-1), 3*w
	bottom := row * (h - 1)
	var start, right, down int
	switch tag {
	case 2: // mirrored left to right
		start, right, down = last, -3, row
	case 3: // turned by 180°
		start, right, down = bottom+last, -3, -row
	case 4: // mirrored top to bottom
		start, right, down = bottom, 3, -row
	case 5: // mirrored along the main diagonal
		start, right, down = 0, row, 3
	case 6: // to be turned clockwise
		start, right, down = bottom, -row, 3
	case 7: // mirrored along the other diagonal
		start, right, down = bottom+last, -row, -3
	case 8: // to be turned counter-clockwise
		start, right, down = last, row, -3
	}
	const tile = 32 // columns at a time: what is read down a column stays in the cache for the next one
	for left := 0; left < dst.W; left += tile {
		end := min(left+tile, dst.W)
		for y := range dst.H {
			at := start + y*down + left*right
			to := dst.row(y)[3*left : 3*end]
			for len(to) >= 3 {
				s := p.Pix[at : at+3 : at+3]
				to[0], to[1], to[2] = s[0], s[1], s[2]
				to = to[3:]
				at += right
			}
		}
	}
}

// orientationTag returns the orientation that a TIFF structure, which EXIF is, has: 1, upright, if it says nothing.
func orientationTag(t []byte) int { return tiffTag(t, 0x0112, 1) }

// exifHeader precedes the TIFF structure.
const exifHeader = "Exif\x00\x00"

func jpegEXIF(d []byte) []byte {
	const app1 = 0xE1
	for at := 2; ; {
		marker, body, next, err := nextSegment(d, at)
		if err != nil || marker == markerSOS || marker == markerEOI {
			return nil
		}
		if marker == app1 && bytes.HasPrefix(body, []byte(exifHeader)) {
			return body[len(exifHeader):]
		}
		at = next
	}
}

func pngEXIF(d []byte) []byte {
	for rest := d[8:]; len(rest) >= 12; {
		n := int64(binary.BigEndian.Uint32(rest))
		if n > int64(len(rest))-12 {
			return nil
		}
		if string(rest[4:8]) == "eXIf" {
			return bytes.TrimPrefix(rest[8:8+n], []byte(exifHeader)) // which does not belong there, but Pillow skips it
		}
		rest = rest[12+n:]
	}
	return nil
}

func webpEXIF(d []byte) []byte {
	for name, body, rest := nextRIFF(d[12:]); name != ""; name, body, rest = nextRIFF(rest) {
		if name == "EXIF" {
			return bytes.TrimPrefix(body, []byte(exifHeader))
		}
	}
	return nil
}
