package picture

import (
	"bytes"
	"encoding/binary"
	"image"

	"golang.org/x/image/tiff"
)

func tiffConfig(d []byte) (image.Config, error) { return tiff.DecodeConfig(bytes.NewReader(d)) }

// The tags of a TIFF file that are read here, and what they mean.
const (
	tiffWidth, tiffHeight            = 256, 257
	tiffCompression, tiffPhotometric = 259, 262

	tiffRaw, tiffLZW, tiffDeflate, tiffOldDeflate, tiffPackBits = 1, 5, 8, 32946, 32773
	tiffFax3, tiffFax4                                          = 3, 4
	tiffBlackIsZero                                             = 1
)

// decodeTIFF reads the first page.
func (d *Decoder) decodeTIFF(dst *RGB, data []byte) error {
	most := map[int]int{ // bytes that one of the file may stand for
		tiffRaw: 1, tiffPackBits: 128, tiffDeflate: 1032, tiffOldDeflate: 1032, tiffLZW: 4096,
	}
	pack := tiffTag(data, tiffCompression, tiffRaw)
	if n := most[pack]; n > 0 && tiffTag(data, tiffWidth, 0)*tiffTag(data, tiffHeight, 0)/8/n > len(data) {
		return tiff.FormatError("too short for its size")
	}
	m, err := tiff.Decode(bytes.NewReader(data))
	if err != nil {
		return err
	}
	fromImage(dst, m)
	if (pack == tiffFax3 || pack == tiffFax4) && tiffTag(data, tiffPhotometric, 0) == tiffBlackIsZero {
		for i, v := range dst.Pix { // x/image takes a fax for one where white is zero
			dst.Pix[i] = ^v
		}
	}
	return nil
}

// tiffTag reads a number of the first directory of a TIFF structure. It returns otherwise if there is none, or if it
// cannot be read.
func tiffTag(t []byte, tag uint16, otherwise int) int {
	const typeShort, typeLong = 3, 4
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(t) < 8:
		return otherwise
	case string(t[:2]) == "MM":
		order = binary.BigEndian
	case string(t[:2]) != "II":
		return otherwise
	}
	at := int64(order.Uint32(t[4:]))
	if at+2 > int64(len(t)) {
		return otherwise
	}
	entries := t[at+2:]
	for range order.Uint16(t[at:]) {
		if len(entries) < 12 {
			return otherwise
		}
		if order.Uint16(entries) == tag {
			switch order.Uint16(entries[2:]) {
			case typeShort:
				return int(order.Uint16(entries[8:]))
			case typeLong:
				return int(order.Uint32(entries[8:]))
			}
			return otherwise
		}
		entries = entries[12:]
	}
	return otherwise
}
