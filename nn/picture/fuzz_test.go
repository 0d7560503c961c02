package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"slices"
	"testing"
)

// fuzzFormat feeds the decoder of one format, without the net that catches panics, unless the decoder is another's. What
// is decoded twice by one Decoder must be the same, and so must the first of the frames.
func fuzzFormat(f *testing.F, format, extension string, repair func([]byte), decode func(*Decoder, *RGB, []byte) error) {
	names, err := filepath.Glob(tableFile("*" + extension))
	if err != nil || len(names) == 0 {
		f.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		f.Add(readTableFile(f, filepath.Base(name)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if s := sniff(data); s == nil || s.name != format {
			return
		}
		data = bytes.Clone(data) // which is the fuzzer's
		repair(data)
		o := DecodeOptions{MaxPixels: 1 << 14, Orientation: ApplyOrientation}
		d, p, q := NewDecoder(o), new(RGB), new(RGB)
		if d.check(sniff(data), data) != nil {
			return
		}
		if decode != nil {
			if decode(d, p, data) == nil && len(p.Pix) != 3*p.W*p.H {
				t.Errorf("%d×%d with %d samples", p.W, p.H, len(p.Pix))
			}
		}
		err := d.Decode(p, data)
		var e *DecodeError
		if err != nil {
			if !errors.As(err, &e) {
				t.Errorf("%T is no *DecodeError", err)
			}
			return
		}
		if len(p.Pix) != 3*p.W*p.H || p.W <= 0 || p.H <= 0 {
			t.Errorf("%d×%d with %d samples", p.W, p.H, len(p.Pix))
		}
		if err := d.Decode(q, data); err != nil || !slices.Equal(p.Pix, q.Pix) {
			t.Errorf("another picture when it is decoded again: %v", err)
		}
		n := 0
		for frame, err := range DecodeFrames(data, o) {
			if n++; n == 1 && (err != nil || !slices.Equal(frame.Pix, p.Pix)) {
				t.Errorf("the first frame is another picture: %v", err)
			}
		}
	})
}

func asItIs([]byte) {}

// repairPNG sets the checksums of chunks, which would keep everything that is changed from being read.
func repairPNG(d []byte) {
	for at := 8; at+12 <= len(d); {
		n := int64(binary.BigEndian.Uint32(d[at:]))
		if n > int64(len(d)-at-12) {
			return
		}
		end := at + 8 + int(n)
		binary.BigEndian.PutUint32(d[end:], crc32.ChecksumIEEE(d[at+4:end]))
		at = end + 4
	}
}

func FuzzPNG(f *testing.F)  { fuzzFormat(f, "PNG", ".png", repairPNG, (*Decoder).decodePNG) }
func FuzzGIF(f *testing.F)  { fuzzFormat(f, "GIF", ".gif", asItIs, (*Decoder).decodeGIF) }
func FuzzBMP(f *testing.F)  { fuzzFormat(f, "BMP", ".bmp", asItIs, (*Decoder).decodeBMP) }
func FuzzWebP(f *testing.F) { fuzzFormat(f, "WebP", ".webp", asItIs, nil) }
func FuzzTIFF(f *testing.F) { fuzzFormat(f, "TIFF", ".tif", asItIs, nil) }

// FuzzEXIF reads the orientation of everything that may hold one.
func FuzzEXIF(f *testing.F) {
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x04\x00\x01\x00\x00\x00\x03\x00\x00\x00"))
	for _, name := range []string{"turned_5.jpg", "turned_6.png", "turned_8.webp", "turned_3.tif"} {
		f.Add(readTableFile(f, name))
	}
	p := NewRGB(3, 2)
	for i := range p.Pix {
		p.Pix[i] = uint8(i)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tags := []int{orientationTag(data)}
		if s := sniff(data); s != nil && s.exif != nil {
			tags = append(tags, orientationTag(s.exif(data)))
		}
		for _, tag := range tags {
			if tag < 2 || tag > 8 {
				continue
			}
			q := new(RGB)
			p.orientInto(q, tag)
			if slices.Sort(q.Pix); q.W*q.H != p.W*p.H || !slices.Equal(q.Pix, p.Pix) {
				t.Errorf("orientation %d lost pixels", tag)
			}
		}
	})
}

// FuzzResize resizes by every filter in every way: a flat picture stays flat, and filters without negative weights stay
// within the range of what they read.
func FuzzResize(f *testing.F) {
	f.Add([]byte{0, 255, 7}, uint16(1), uint16(5000), uint16(3), uint16(2), uint8(0))
	f.Add([]byte{9}, uint16(300), uint16(20), uint16(300), uint16(19), uint8(5))
	f.Add([]byte{1, 2}, uint16(0), uint16(3), uint16(4), uint16(0), uint8(12))
	dst, r := new(RGB), new(Resizer)
	f.Fuzz(func(t *testing.T, pixels []byte, w, h, ow, oh uint16, how uint8) {
		if int(w)*int(h) > 1<<14 || int(ow)*int(oh) > 1<<14 || len(pixels) == 0 {
			return
		}
		src := NewRGB(int(w), int(h))
		for i := range src.Pix {
			src.Pix[i] = pixels[i%len(pixels)]
		}
		r.Filter, r.Torch, r.WidthFirst = Filter(how%6), how&64 != 0, how&128 != 0
		r.Resize(dst, src, int(ow), int(oh))
		if dst.W != int(ow) || dst.H != int(oh) || len(dst.Pix) != 3*dst.W*dst.H {
			t.Fatalf("%d×%d with %d samples", dst.W, dst.H, len(dst.Pix))
		}
		if len(src.Pix) == 0 || len(dst.Pix) == 0 {
			return
		}
		low, high := slices.Min(src.Pix), slices.Max(src.Pix)
		if negative := r.Filter == Bicubic || r.Filter == Lanczos; negative && low != high {
			return
		}
		// Torch's weights of 15 bits do not add up to one when there are many of them.
		slack := uint8(0)
		if r.Torch {
			slack = 3
		}
		if slices.Min(dst.Pix) < low-min(low, slack) || slices.Max(dst.Pix) > high+min(255-high, slack) {
			t.Errorf("%v: %d to %d of %d to %d", r.Filter, slices.Min(dst.Pix), slices.Max(dst.Pix), low, high)
		}
		plane, out := make([]float32, len(src.Pix)/3), make([]float32, len(dst.Pix)/3)
		for i := range plane {
			plane[i] = float32(src.Pix[i])
		}
		ResizeAntialias(out, dst.H, dst.W, plane, src.H, src.W, r.Filter)
		ResizeBilinear(out, dst.H, dst.W, plane, src.H, src.W)
	})
}
