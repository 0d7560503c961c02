package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/png"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

const (
	// DefaultMaxPixels is the number of pixels up to which Decode accepts a picture: Pillow's MAX_IMAGE_PIXELS.
	DefaultMaxPixels = 178956970
	// DefaultMaxBytes is the size up to which Decode accepts a file: 256 MiB.
	DefaultMaxBytes = 256 << 20
)

// DecodeOptions say what Decode may read. The zero value has the defaults of each field.
type DecodeOptions struct {
	MaxPixels   int64       // MaxPixels is the most pixels a picture may have; 0 means DefaultMaxPixels.
	MaxBytes    int64       // MaxBytes is the most bytes a file may have; 0 means DefaultMaxBytes.
	Orientation Orientation // Orientation says what to do about EXIF; the default ignores it, as torchvision does.
}

// A DecodeError says why bytes did not become a picture.
type DecodeError struct {
	Format string // Format is "JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF", or "" if the content is none of them.
	Reason string // Reason is one phrase for people, such as "cannot be decoded" or "too many pixels: 40000×40000".
	Err    error  // Err is the decoder's error; nil if the picture was refused before decoding.
}

// Error returns "picture: JPEG: cannot be decoded: unexpected EOF", say.
func (e *DecodeError) Error() string {
	s := "picture: "
	if e.Format != "" {
		s += e.Format + ": "
	}
	s += e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

// Decode reads a JPEG, PNG, GIF (first frame), WebP (not animated), BMP or TIFF (first page) file, told apart by
// content and not by name, into the picture PIL's Image.open(…).convert("RGB") gives; the package comment says how
// exactly. Limits are checked against the file's header before pixels are allocated. Every error is a *DecodeError; no
// input makes Decode panic. A decoder may allocate for the size that the header declares, 6 to 15 bytes a pixel:
// MaxPixels bounds that, and services for strangers should set it. A JPEG too short for its size is refused before.
//
// EXIF orientation is ignored unless asked for, with one exception that is Pillow's: a TIFF is always turned.
func Decode(data []byte, o DecodeOptions) (*RGB, error) {
	maxPixels, maxBytes := o.MaxPixels, o.MaxBytes
	if maxPixels == 0 {
		maxPixels = DefaultMaxPixels
	}
	if maxBytes == 0 {
		maxBytes = DefaultMaxBytes
	}
	if len(data) == 0 {
		return nil, &DecodeError{Reason: "no bytes"}
	}
	f := sniff(data)
	if f == nil {
		return nil, &DecodeError{Reason: "not a picture this build reads (JPEG, PNG, GIF, WebP, BMP, TIFF)"}
	}
	if int64(len(data)) > maxBytes {
		reason := fmt.Sprintf("too many bytes: %d, limit %d", len(data), maxBytes)
		return nil, &DecodeError{Format: f.name, Reason: reason}
	}
	return f.read(data, maxPixels, o.Orientation)
}

// A format is one kind of file.
type format struct {
	name   string
	magic  []string // what a file begins with; '?' stands for any byte
	config func(data []byte) (image.Config, error)
	decode func(data []byte) (*RGB, error)
	exif   func(data []byte) []byte // the TIFF structure with the orientation, or nil
}

// formats lists what Decode reads.
func formats() []format {
	return []format{
		{"JPEG", []string{"\xff\xd8\xff"}, jpegConfig, decodeJPEG, jpegEXIF},
		{"PNG", []string{"\x89PNG\r\n\x1a\n"}, pngConfig, decodePNG, pngEXIF},
		{"GIF", []string{"GIF87a", "GIF89a"}, gifConfig, decodeGIF, nil},
		{"WebP", []string{"RIFF????WEBP"}, webpConfig, decodeWebP, webpEXIF},
		{"BMP", []string{"BM"}, bmpConfig, decodeBMP, nil},
		{"TIFF", []string{"II*\x00", "MM\x00*"}, tiffConfig, decodeTIFF, func(data []byte) []byte { return data }},
	}
}

func sniff(data []byte) *format {
	for _, f := range formats() {
		for _, m := range f.magic {
			if matches(m, data) {
				return &f
			}
		}
	}
	return nil
}

func matches(magic string, data []byte) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != data[i] {
			return false
		}
	}
	return true
}

// read decodes data, which sniff has recognised. The decoders of others are trusted to return errors; if one panics all
// the same, that is an error of this picture and not the end of a pipeline's worker.
func (f *format) read(data []byte, maxPixels int64, turn Orientation) (p *RGB, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, &DecodeError{f.name, "cannot be decoded", fmt.Errorf("the decoder panicked: %v", r)}
		}
	}()
	c, err := f.config(data)
	if err != nil {
		return nil, &DecodeError{f.name, "its header cannot be read", err}
	}
	if c.Width <= 0 || c.Height <= 0 {
		return nil, &DecodeError{f.name, fmt.Sprintf("no pixels: %d×%d", c.Width, c.Height), nil}
	}
	if int64(c.Width) > maxPixels/int64(c.Height) {
		reason := fmt.Sprintf("too many pixels: %d×%d, limit %d", c.Width, c.Height, maxPixels)
		return nil, &DecodeError{f.name, reason, nil}
	}
	p, err = f.decode(data)
	if err != nil {
		return nil, &DecodeError{f.name, "cannot be decoded", err}
	}
	if f.exif != nil && (turn == ApplyOrientation || f.name == "TIFF") {
		p = p.orient(orientationTag(f.exif(data)))
	}
	return p, nil
}

func pngConfig(d []byte) (image.Config, error)  { return png.DecodeConfig(bytes.NewReader(d)) }
func gifConfig(d []byte) (image.Config, error)  { return gif.DecodeConfig(bytes.NewReader(d)) }
func webpConfig(d []byte) (image.Config, error) { return webp.DecodeConfig(bytes.NewReader(d)) }
func bmpConfig(d []byte) (image.Config, error)  { return bmp.DecodeConfig(bytes.NewReader(d)) }
func tiffConfig(d []byte) (image.Config, error) { return tiff.DecodeConfig(bytes.NewReader(d)) }

func decodePNG(d []byte) (*RGB, error)  { return converted(png.Decode(bytes.NewReader(d))) }
func decodeBMP(d []byte) (*RGB, error)  { return converted(bmp.Decode(bytes.NewReader(d))) }
func decodeTIFF(d []byte) (*RGB, error) { return converted(tiff.Decode(bytes.NewReader(d))) }

func decodeWebP(d []byte) (*RGB, error) {
	m, err := webp.Decode(bytes.NewReader(d))
	switch m := m.(type) {
	case *image.YCbCr:
		return fromVP8(m), err
	case *image.NYCbCrA:
		return fromVP8(&m.YCbCr), err
	}
	return converted(m, err)
}

func converted(m image.Image, err error) (*RGB, error) {
	if err != nil {
		return nil, err
	}
	return FromImage(m), nil
}
