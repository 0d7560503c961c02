package picture

import (
	"image"
	"image/jpeg"
	"image/png"
	"io"
)

// EncodePNG writes a picture to w as a PNG file.
func EncodePNG(w io.Writer, img image.Image) error {
	return png.Encode(w, drawable(img))
}

// EncodeJPEG writes a picture to w as a baseline JPEG file of the given quality, 1 to 100. Go's encoder halves the
// chroma in both directions.
func EncodeJPEG(w io.Writer, img image.Image, quality int) error {
	return jpeg.Encode(w, drawable(img), &jpeg.Options{Quality: quality})
}

// drawable spares the encoders a method call per pixel.
func drawable(img image.Image) image.Image {
	if p, ok := img.(*RGB); ok {
		return p.RGBA()
	}
	return img
}
