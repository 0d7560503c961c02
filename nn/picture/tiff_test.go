package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// tiffFile returns a TIFF file of one strip, with tags of one number of 16 bits besides those that a file must have.
func tiffFile(w, h int, bits []uint16, strip []byte, tags map[uint16]uint16) []byte {
	order := binary.LittleEndian
	all := map[uint16]uint16{tiffWidth: uint16(w), tiffHeight: uint16(h), tiffCompression: tiffRaw, tiffPhotometric: 2,
		273: 8, 277: uint16(len(bits)), 278: uint16(h), 279: uint16(len(strip))}
	for tag, v := range tags {
		all[tag] = v
	}
	depths := 8 + len(strip)
	data := append([]byte("II*\x00\x00\x00\x00\x00"), strip...)
	for _, b := range bits {
		data = order.AppendUint16(data, b)
	}
	order.PutUint32(data[4:], uint32(len(data)))
	data = order.AppendUint16(data, uint16(len(all)+1))
	var names []uint16
	for tag := range all {
		names = append(names, tag)
	}
	names = append(names, 258)
	slices.Sort(names)
	for _, tag := range names {
		data = order.AppendUint16(data, tag)
		data = order.AppendUint16(data, 3)
		if tag == 258 {
			data = order.AppendUint32(data, uint32(len(bits)))
			data = order.AppendUint32(data, uint32(depths))
			continue
		}
		data = order.AppendUint32(data, 1)
		data = order.AppendUint32(data, uint32(all[tag]))
	}
	return append(data, 0, 0, 0, 0)
}

// TestTIFFAsPillow: what x/image reads otherwise than Pillow, whose results these are.
func TestTIFFAsPillow(t *testing.T) {
	rgb, rgba := []uint16{8, 8, 8}, []uint16{8, 8, 8, 8}
	for name, c := range map[string]struct {
		data []byte
		want []uint8 // nil if it is refused
	}{
		"predictor of what is not compressed": {
			tiffFile(2, 1, rgb, []byte{1, 2, 3, 4, 5, 6}, map[uint16]uint16{tiffPredictor: 2}),
			[]uint8{1, 2, 3, 4, 5, 6},
		},
		"predictor of PackBits": {
			tiffFile(2, 1, rgb, []byte{5, 1, 2, 3, 4, 5, 6}, map[uint16]uint16{
				tiffPredictor: 2, tiffCompression: tiffPackBits}),
			[]uint8{1, 2, 3, 4, 5, 6},
		},
		"no predictor": {
			tiffFile(2, 1, rgb, []byte{1, 2, 3, 4, 5, 6}, map[uint16]uint16{tiffPredictor: 1}),
			[]uint8{1, 2, 3, 4, 5, 6},
		},
		"premultiplied": { // and colours that are not, and no alpha
			tiffFile(3, 1, rgba, []byte{50, 100, 7, 200, 100, 20, 30, 50, 9, 8, 7, 0}, map[uint16]uint16{338: 1}),
			[]uint8{63, 127, 8, 255, 102, 153, 0, 0, 0},
		},
		"bits from the lowest on": {
			tiffFile(2, 1, rgb, []byte{1, 2, 3, 4, 5, 6}, map[uint16]uint16{tiffFillOrder: 2}), nil,
		},
	} {
		before := bytes.Clone(c.data)
		p, err := Decode(c.data, DecodeOptions{})
		var e *DecodeError
		switch {
		case c.want == nil && !errors.As(err, &e):
			t.Errorf("%s: %v, want a DecodeError", name, err)
		case c.want != nil && (err != nil || !slices.Equal(p.Pix, c.want)):
			t.Errorf("%s: %v, %v, want %v", name, p, err, c.want)
		case !bytes.Equal(before, c.data):
			t.Errorf("%s: the file has changed", name)
		}
	}
}
