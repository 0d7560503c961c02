package picture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// declared returns a file of a format that says it has w×h pixels and has next to none.
func declared(t *testing.T, format string, w, h int) []byte {
	t.Helper()
	little, big := binary.LittleEndian, binary.BigEndian
	switch format {
	case "PNG":
		d := bytes.Clone(readTableFile(t, "rgb.png"))
		big.PutUint32(d[16:], uint32(w))
		big.PutUint32(d[20:], uint32(h))
		big.PutUint32(d[29:], crc32.ChecksumIEEE(d[12:29]))
		return d
	case "JPEG":
		d := bytes.Clone(readTableFile(t, "baseline_420.jpg"))
		at := bytes.Index(d, []byte("\xff\xc0"))
		big.PutUint16(d[at+5:], uint16(h))
		big.PutUint16(d[at+7:], uint16(w))
		return d
	case "GIF": // the screen and the frame
		d := bytes.Clone(readTableFile(t, "palette.gif"))
		at := bytes.Index(d, []byte("\x2c\x00\x00\x00\x00\x25\x00\x1d\x00"))
		for _, i := range []int{6, at + 5} {
			little.PutUint16(d[i:], uint16(w))
			little.PutUint16(d[i+2:], uint16(h))
		}
		return d
	case "BMP":
		d := bytes.Clone(readTableFile(t, "rgb.bmp"))
		little.PutUint32(d[18:], uint32(w))
		little.PutUint32(d[22:], uint32(h))
		return d
	case "TIFF":
		d := bytes.Clone(readTableFile(t, "plain.tif"))
		at := int(little.Uint32(d[4:]))
		for i := range int(little.Uint16(d[at:])) {
			switch e := d[at+2+12*i:]; little.Uint16(e) {
			case 256:
				copy(e[2:], "\x04\x00\x01\x00\x00\x00")
				little.PutUint32(e[8:], uint32(w))
			case 257, 278: // the height, and the rows of a strip
				copy(e[2:], "\x04\x00\x01\x00\x00\x00")
				little.PutUint32(e[8:], uint32(h))
			}
		}
		return d
	case "WebP": // the canvas
		d := bytes.Clone(readTableFile(t, "turned_8.webp"))
		for i, n := range []int{w - 1, h - 1} {
			d[24+3*i], d[25+3*i], d[26+3*i] = byte(n), byte(n>>8), byte(n>>16)
		}
		return d
	}
	t.Fatal(format)
	return nil
}

// allocated returns the bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestBombs: what a small file declares is refused before memory is allocated for it: by the limit, or, below the limit,
// because the file is too short to hold it.
func TestBombs(t *testing.T) {
	for _, format := range []string{"JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF"} {
		for _, c := range []struct {
			w, h   int
			o      DecodeOptions
			text   string
			memory uint64
		}{
			{40000, 40000, DecodeOptions{}, "too many pixels: 40000×40000", 1 << 20},
			{60000, 60000, DecodeOptions{}, "", 1 << 20}, // more than a WebP may have at all
			{60000, 60, DecodeOptions{MaxPixels: 1 << 20}, "too many pixels: 60000×60", 1 << 20},
			{13000, 13000, DecodeOptions{}, "", 1 << 20},
			{1000, 1000, DecodeOptions{MaxPixels: 1 << 20}, "", 16 << 20},
		} {
			data := declared(t, format, c.w, c.h)
			var p *RGB
			var err error
			memory := allocated(func() { p, err = Decode(data, c.o) })
			name := fmt.Sprintf("%s of %d bytes, %d×%d", format, len(data), c.w, c.h)
			var e *DecodeError
			if p != nil || !errors.As(err, &e) || e.Format != format || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v", name, err)
			}
			if memory > c.memory {
				t.Errorf("%s: %d bytes allocated, at most %d: %v", name, memory, c.memory, err)
			}
			t.Logf("%s: %d kB allocated: %v", name, memory>>10, err)
		}
	}
}

// TestTruncated cuts a file of every kind everywhere: an error that says so, or, where only what nobody needs is lost,
// the whole picture.
func TestTruncated(t *testing.T) {
	d, p := NewDecoder(DecodeOptions{}), new(RGB)
	for _, name := range []string{"baseline_420.jpg", "progressive_420.jpg", "rgb16_interlaced.png", "palette4.png", "offset.gif",
		"lossy_10.webp", "lossless_palette.webp", "runs8.bmp", "rgb565.bmp", "strips_lzw.tif", "packbits.tif"} {
		data := readTableFile(t, name)
		whole, err := Decode(data, DecodeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for n := range data {
			err := d.Decode(p, data[:n])
			var e *DecodeError
			switch {
			case err == nil && !slices.Equal(p.Pix, whole.Pix):
				t.Errorf("%s cut to %d of %d bytes is another picture", name, n, len(data))
			case err != nil && (!errors.As(err, &e) || strings.Contains(err.Error(), "panic")):
				t.Errorf("%s cut to %d of %d bytes: %v", name, n, len(data), err)
			}
		}
	}
}

// TestBadPicturesOfABatch: bad ones have errors of their own, odd ones are read, and the rest is unharmed.
func TestBadPicturesOfABatch(t *testing.T) {
	jpg := readTableFile(t, "baseline_420.jpg")
	batch := []struct {
		name string
		data []byte
		text string // of the error; "" for a picture
	}{
		{"good.jpg", jpg, ""},
		{"nothing.jpg", nil, "no bytes"},
		{"zeros.png", make([]byte, 100), "not a picture"},
		{"a JPEG.png", jpg, ""}, // the name says nothing
		{"text.jpg", []byte("hello, world"), "not a picture"},
		{"photo.heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), "it looks like HEIC"},
		{"page.html", []byte("<!DOCTYPE html>"), "it looks like HTML"},
		{"bomb.png", declared(t, "PNG", 60000, 60000), "too many pixels"},
		{"cut.jpg", jpg[:len(jpg)/2], "cut"},
		{"animated.gif", readTableFile(t, "animated.gif"), ""},
		{"animated.png", readTableFile(t, "animated.png"), ""},
		{"animated.webp", readTableFile(t, "animated.webp"), ""},
		{"1×1.png", readTableFile(t, "size_1x1_interlaced.png"), ""},
		{"1×5000.png", encoded(t, NewRGB(1, 5000)), ""},
		{"5000×1.png", encoded(t, NewRGB(5000, 1)), ""},
		{"empty.png", declared(t, "PNG", 0, 0), "bad width or height"},
		{"empty.gif", declared(t, "GIF", 0, 0), "no pixels"},
		{"empty.bmp", declared(t, "BMP", 0, 0), "no pixels"},
		{"CMYK", readTableFile(t, "unread_cmyk.tif"), "TIFF: its header cannot be read: tiff: unsupported feature"},
		{"gray and alpha", readTableFile(t, "unread_gray_alpha.tif"), "tiff: unsupported feature"},
		{"JPEG in TIFF", readTableFile(t, "unread_jpeg.tif"), "tiff: unsupported feature: compression"},
		{"float", readTableFile(t, "unread_float.tif"), "tiff: unsupported feature: sample format"},
		{"BigTIFF", readTableFile(t, "unread_big.tif"), "it looks like BigTIFF"},
		{"AVIF", readTableFile(t, "unread.avif"), "it looks like AVIF"},
		{"JPEG 2000", readTableFile(t, "unread.jp2"), "it looks like JPEG 2000"},
		{"good again.jpg", jpg, ""},
	}
	want, err := Decode(jpg, DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	read := func(_ context.Context, i int) ([]byte, error) { return batch[i].data, nil }
	i := 0
	for p, err := range DecodeAll(t.Context(), len(batch), read, DecodeOptions{}) {
		c := batch[i]
		i++
		var e *DecodeError
		switch {
		case c.text != "":
			if p != nil || !errors.As(err, &e) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%s: %v, want %q", c.name, err, c.text)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case bytes.Equal(c.data, jpg) && !slices.Equal(p.Pix, want.Pix):
			t.Errorf("%s is another picture", c.name)
		default:
			for f := Bilinear; f <= Lanczos; f++ {
				if q := p.Resize(7, 9, f); len(q.Pix) != 3*7*9 {
					t.Errorf("%s, %v: %d samples", c.name, f, len(q.Pix))
				}
			}
		}
	}
}

func encoded(t *testing.T, p *RGB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := EncodePNG(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
