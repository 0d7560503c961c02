package vision

import (
	"image"
	"math/bits"

	"github.com/argand-go/argand/tensor"
)

// articleSide is the side that the preset "beam-article" resizes pictures to.
const articleSide = 224

// A sample is a picture on its way into a network: pixels as [op.Preprocess]
// takes them, of ph×pw, and of how many bytes a number of them is.
type sample struct {
	pixels []byte
	bytes  int
	ph, pw int
	h, w   int // as given
	oh, ow int // as scaled
	th, tw int // as padded: the image that it goes into
}

// sample returns the sample of pixels that stand for a picture of h×w.
func (t Transform) sample(pixels []byte, bytes, ph, pw, h, w int) sample {
	oh, ow := t.size(ph, pw)
	return sample{pixels, bytes, ph, pw, h, w, oh, ow, t.pad(oh), t.pad(ow)}
}

// room returns how many bytes there are for the pixels of s: four, five, six or
// seven times a power of two, so that what is planned and recorded for pictures
// of so many bytes is used again for those of other sizes.
func (s sample) room() int {
	const least = 14 // steps of 16 KiB
	n := len(s.pixels)
	step := 1 << max(bits.Len(uint(n-1))-3, least)
	return (n + step - 1) / step * step
}

// checkImage returns a [*PictureError] unless img has pixels.
func checkImage(img image.Image, index int) error {
	if img == nil {
		return &PictureError{index, "nil", "a picture"}
	}
	if b := img.Bounds(); b.Empty() {
		return &PictureError{index, "no pixels", "at least one"}
	}
	return nil
}

// checkTensor returns the elements, normalised, and the size of a picture
// (3, H, W) float32 of 0 to 1.
func (t Transform) checkTensor(x *tensor.Tensor) (pixels []byte, h, w int, err error) {
	const want = "float32 (3, H, W) of at least one pixel"
	if x == nil {
		return nil, 0, 0, &PictureError{0, "nil", want}
	}
	s := x.Shape()
	data, err := tensor.Data[float32](x)
	if err != nil || len(s) != 3 || s[0] != 3 || s.Len() == 0 {
		return nil, 0, 0, &PictureError{0, x.String(), want}
	}
	normalized, n := make([]float32, len(data)), s[1]*s[2]
	for c := range 3 {
		for i, v := range data[c*n : (c+1)*n] {
			normalized[c*n+i] = t.normalize(v, c)
		}
	}
	y, err := tensor.Of(normalized, s...)
	if err != nil {
		return nil, 0, 0, err
	}
	return y.Bytes(), s[1], s[2], nil
}
