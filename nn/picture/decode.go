package picture

import (
	"errors"
	"fmt"
	"image"
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

// Decode reads a JPEG, PNG, GIF (first frame), WebP (first frame), BMP or TIFF (first page) file, told apart by
// content and not by name, into the picture PIL's Image.open(…).convert("RGB") gives; the package comment says how
// exactly. Limits are checked against the file's header before pixels are allocated. Every error is a *DecodeError; no
// input makes Decode panic. A decoder may allocate for the size that the header declares, 3 to 15 bytes a pixel:
// MaxPixels bounds that, and services for strangers should set it. A file that is too short for its size is refused
// before, but for a WebP, a GIF and a BMP with run lengths, where a few bytes can say that all of a picture is black.
//
// EXIF orientation is ignored unless asked for, with one exception that is Pillow's: a TIFF is always turned.
//
// [Decoder] decodes picture after picture in the same memory, [DecodeAll] many of them on several goroutines.
func Decode(data []byte, o DecodeOptions) (*RGB, error) {
	p := new(RGB)
	if err := NewDecoder(o).Decode(p, data); err != nil {
		return nil, err
	}
	return p, nil
}

// A Decoder decodes one picture after another and uses its memory again. Once it has seen the largest picture it
// allocates nothing for a JPEG, PNG or BMP. For a GIF, WebP or TIFF the decoders of Go's libraries allocate the picture
// once more and what else they need. A Decoder must not be used by two goroutines at a time.
type Decoder struct {
	options DecodeOptions
	jpeg    jpegDecoder
	png     pngDecoder
	bmp     bmpDecoder
	stored  RGB // a picture that has yet to be turned
}

// NewDecoder returns a Decoder for files within o's limits.
func NewDecoder(o DecodeOptions) *Decoder {
	if o.MaxPixels == 0 {
		o.MaxPixels = DefaultMaxPixels
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultMaxBytes
	}
	return &Decoder{options: o}
}

// Decode makes dst the picture that data holds, as the function [Decode] does. It uses dst.Pix if its capacity is
// enough, and keeps no memory of dst. After an error, which is a *DecodeError, what dst holds is undefined.
func (d *Decoder) Decode(dst *RGB, data []byte) error {
	f, err := d.sniff(data)
	if err != nil {
		return err
	}
	return d.read(f, dst, data)
}

// sniff returns the format of data, unless there is too much of it.
func (d *Decoder) sniff(data []byte) (*format, error) {
	if len(data) == 0 {
		return nil, &DecodeError{Reason: "no bytes"}
	}
	f := sniff(data)
	if f == nil {
		return nil, unknown(data)
	}
	if int64(len(data)) > d.options.MaxBytes {
		reason := fmt.Sprintf("too many bytes: %d, limit %d", len(data), d.options.MaxBytes)
		return nil, &DecodeError{Format: f.name, Reason: reason}
	}
	return f, nil
}

// A format is one kind of file.
type format struct {
	name   string
	magic  []string // what a file begins with; '?' stands for any byte
	config func(data []byte) (image.Config, error)
	decode func(d *Decoder, dst *RGB, data []byte) error
	exif   func(data []byte) []byte // the TIFF structure with the orientation, or nil
}

// formats lists what Decode reads.
var formats = []format{
	{"JPEG", []string{"\xff\xd8\xff"}, jpegConfig, (*Decoder).decodeJPEG, jpegEXIF},
	{"PNG", []string{"\x89PNG\r\n\x1a\n"}, pngConfig, (*Decoder).decodePNG, pngEXIF},
	{"GIF", []string{"GIF87a", "GIF89a"}, gifConfig, (*Decoder).decodeGIF, nil},
	{"WebP", []string{"RIFF????WEBP"}, webpConfig, (*Decoder).decodeWebP, webpEXIF},
	{"BMP", []string{"BM"}, bmpConfig, (*Decoder).decodeBMP, nil},
	{"TIFF", []string{"II*\x00", "MM\x00*"}, tiffConfig, (*Decoder).decodeTIFF, func(d []byte) []byte { return d }},
}

// unread lists what people may take for a picture that Decode reads, so that the error can name it.
var unread = []struct{ name, magic string }{
	{"HEIC or HEIF", "????ftyphei"},
	{"HEIC or HEIF", "????ftyphev"},
	{"HEIC or HEIF", "????ftypmif1"},
	{"AVIF", "????ftypavi"},
	{"JPEG XL", "\xff\x0a"},
	{"JPEG XL", "\x00\x00\x00\x0cJXL "},
	{"JPEG 2000", "\x00\x00\x00\x0cjP  "},
	{"BigTIFF", "II+\x00"},
	{"BigTIFF", "MM\x00+"},
	{"Photoshop", "8BPS"},
	{"PDF", "%PDF-"},
	{"SVG or other XML", "<?xml"},
	{"SVG", "<svg"},
	{"HTML", "<!DOCTYPE"},
	{"HTML", "<html"},
}

// unknown is the error for data of no format that Decode reads.
func unknown(data []byte) *DecodeError {
	const read = "not a picture this build reads (JPEG, PNG, GIF, WebP, BMP, TIFF)"
	for _, u := range unread {
		if matches(u.magic, data) {
			return &DecodeError{Reason: read + ": it looks like " + u.name}
		}
	}
	return &DecodeError{Reason: read}
}

func sniff(data []byte) *format {
	for i := range formats {
		for _, m := range formats[i].magic {
			if matches(m, data) {
				return &formats[i]
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
func (d *Decoder) read(f *format, dst *RGB, data []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &DecodeError{f.name, "cannot be decoded", fmt.Errorf("the decoder panicked: %v", r)}
		}
	}()
	if err := d.check(f, data); err != nil {
		return err
	}
	tag := 1
	if f.exif != nil && (d.options.Orientation == ApplyOrientation || f.name == "TIFF") {
		tag = orientationTag(f.exif(data))
	}
	if tag < 2 || tag > 8 {
		return f.failed(f.decode(d, dst, data))
	}
	if err := f.decode(d, &d.stored, data); err != nil {
		return f.failed(err)
	}
	d.stored.orientInto(dst, tag)
	return nil
}

// failed returns err as a *DecodeError, or nil without one.
func (f *format) failed(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*DecodeError](err); ok {
		return e
	}
	return &DecodeError{f.name, "cannot be decoded", err}
}

// check reads the header and holds it against the limits.
func (d *Decoder) check(f *format, data []byte) error {
	c, err := f.config(data)
	if err != nil {
		return &DecodeError{f.name, "its header cannot be read", err}
	}
	return d.checkSize(f.name, c.Width, c.Height)
}

// checkSize returns an error for a picture without pixels or with too many.
func (d *Decoder) checkSize(format string, w, h int) error {
	if w <= 0 || h <= 0 {
		return &DecodeError{format, fmt.Sprintf("no pixels: %d×%d", w, h), nil}
	}
	if int64(w) > d.options.MaxPixels/int64(h) {
		return &DecodeError{format, fmt.Sprintf("too many pixels: %d×%d, limit %d", w, h, d.options.MaxPixels), nil}
	}
	return nil
}
