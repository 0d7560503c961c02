package vision

import (
	"image"
	"math"
	"math/bits"

	"github.com/argand-go/argand/tensor"
)

// The mean and the standard deviation of ImageNet's pixels, red, green and
// blue, on a scale of 0 to 1.
var (
	pixelMean = [3]float32{0.485, 0.456, 0.406}
	pixelStd  = [3]float32{0.229, 0.224, 0.225}
)

// divisor is what the sides of a detector's padded image are multiples of.
const divisor = 32

// articleSide is the side that the preset "beam-article" resizes pictures to.
const articleSide = 224

// ResizeRule is the arithmetic in which a detector computes the size that a
// picture is scaled to. For about half of all sizes the rules differ by a pixel.
type ResizeRule uint8

// The resize rules. ResizeFloat64 is the default.
const (
	ResizeFloat64 ResizeRule = iota // torchvision 0.15 and later: 427×640 becomes 800×1199
	ResizeFloat32                   // torchvision 0.14 and earlier: 427×640 becomes 799×1199
)

// Size returns the height and width that a picture of h×w pixels is scaled to:
// so that its short side is minSize, or its long side maxSize if that is less,
// rounded down. Arguments must be positive; so are the results, where
// torchvision's become 0 for pictures a thousand times as long as wide.
func (r ResizeRule) Size(h, w, minSize, maxSize int) (height, width int) {
	short, long := min(h, w), max(h, w)
	scale := min(float64(minSize)/float64(short), float64(maxSize)/float64(long))
	if r == ResizeFloat32 { // a tensor's reciprocal, times the number
		scale = float64(min(1/float32(short)*float32(minSize), 1/float32(long)*float32(maxSize)))
	}
	return max(1, int(math.Floor(float64(h)*scale))), max(1, int(math.Floor(float64(w)*scale)))
}

// resize is the size rule of a detector.
type resize struct {
	minSize, maxSize int
	rule             ResizeRule
}

// A sample is a picture on its way into a network: pixels as [op.Preprocess]
// takes them, of ph×pw, and of how many bytes a number of them is.
type sample struct {
	pixels []byte
	bytes  int
	ph, pw int
	h, w   int // as given
	oh, ow int // as scaled
}

// sample returns the sample of pixels that stand for a picture of h×w.
func (r resize) sample(pixels []byte, bytes, ph, pw, h, w int) sample {
	oh, ow := r.rule.Size(ph, pw, r.minSize, r.maxSize)
	return sample{pixels, bytes, ph, pw, h, w, oh, ow}
}

// padded returns the height and width of the image that s goes into.
func (s sample) padded() (h, w int) {
	up := func(n int) int { return (n + divisor - 1) / divisor * divisor }
	return up(s.oh), up(s.ow)
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

// normalize divides, as torchvision does, where multiplying by a reciprocal
// would round otherwise.
func normalize(v float32, c int) float32 { return (v - pixelMean[c]) / pixelStd[c] }

// pixelValues returns every byte as ToTensor and so many normalisations make it.
func pixelValues(normalizations int) *[3][256]float32 {
	var values [3][256]float32
	for c := range values {
		for v := range values[c] {
			x := float32(v) / 255
			for range normalizations {
				x = normalize(x, c)
			}
			values[c][v] = x
		}
	}
	return &values
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
func checkTensor(x *tensor.Tensor) (pixels []byte, h, w int, err error) {
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
			normalized[c*n+i] = normalize(v, c)
		}
	}
	y, err := tensor.Of(normalized, s...)
	if err != nil {
		return nil, 0, 0, err
	}
	return y.Bytes(), s[1], s[2], nil
}
