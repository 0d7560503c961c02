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
	tiffFillOrder, tiffPredictor     = 266, 317

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
	switch pack {
	case tiffRaw, tiffPackBits: // which x/image has predictors for, and nobody else
		data = withoutTIFFPredictor(data)
	}
	if pack != tiffFax3 && pack != tiffFax4 && tiffTag(data, tiffFillOrder, 1) != 1 { // x/image would not see it
		return tiff.UnsupportedError("bytes with their bits from the lowest on")
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

// withoutTIFFPredictor returns data, or a copy that says "no predictor" if data says anything else.
func withoutTIFFPredictor(data []byte) []byte {
	order, at := tiffEntry(data, tiffPredictor)
	if order == nil {
		return data
	}
	data = bytes.Clone(data)
	order.PutUint16(data[at+2:], 3) // one number of 16 bits,
	order.PutUint32(data[at+4:], 1)
	order.PutUint16(data[at+8:], 1) // which means none
	return data
}

// tiffTag reads a number of the first directory of a TIFF structure. It returns otherwise if there is none, or if it
// cannot be read.
func tiffTag(t []byte, tag uint16, otherwise int) int {
	const typeShort, typeLong = 3, 4
	order, at := tiffEntry(t, tag)
	if order == nil {
		return otherwise
	}
	switch order.Uint16(t[at+2:]) {
	case typeShort:
		return int(order.Uint16(t[at+8:]))
	case typeLong:
		return int(order.Uint32(t[at+8:]))
	}
	return otherwise
}

// tiffEntry returns where the entry of a tag begins, of 12 bytes, in the first directory of a TIFF structure, and the
// order of bytes there; that is nil if there is no such entry.
func tiffEntry(t []byte, tag uint16) (order binary.ByteOrder, at int64) {
	order = binary.LittleEndian
	switch {
	case len(t) < 8:
		return nil, 0
	case string(t[:2]) == "MM":
		order = binary.BigEndian
	case string(t[:2]) != "II":
		return nil, 0
	}
	at = int64(order.Uint32(t[4:]))
	if at+2 > int64(len(t)) {
		return nil, 0
	}
	entries := order.Uint16(t[at:])
	at += 2
	for range entries {
		if at+12 > int64(len(t)) {
			break
		}
		if order.Uint16(t[at:]) == tag {
			return order, at
		}
		at += 12
	}
	return nil, 0
}
