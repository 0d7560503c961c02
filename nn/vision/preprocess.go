package vision

import (
	"image"
	"math"

	"github.com/argand-go/argand/nn/picture"
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

// A sample is a picture on its way into a network.
type sample struct {
	planes planes
	h, w   int // as given
	oh, ow int // as scaled
}

func (r resize) sample(p planes, h, w int) sample {
	ph, pw := p.size()
	oh, ow := r.rule.Size(ph, pw, r.minSize, r.maxSize)
	return sample{p, h, w, oh, ow}
}

// padded returns the height and width of the image that s goes into.
func (s sample) padded() (h, w int) {
	up := func(n int) int { return (n + divisor - 1) / divisor * divisor }
	return up(s.oh), up(s.ow)
}

// into scales the normalised picture into the upper left of an image (3, H, W)
// of zeros.
func (s sample) into(image []float32, h, w int) {
	sh, sw := s.planes.size()
	plane := make([]float32, sh*sw)
	var scaled []float32
	if s.ow != w {
		scaled = make([]float32, s.oh*s.ow)
	}
	for c := range 3 {
		s.planes.plane(plane, c)
		dst := image[c*h*w : (c+1)*h*w]
		if s.ow == w {
			picture.ResizeBilinear(dst, s.oh, s.ow, plane, sh, sw)
			continue
		}
		picture.ResizeBilinear(scaled, s.oh, s.ow, plane, sh, sw)
		for y := range s.oh {
			copy(dst[y*w:], scaled[y*s.ow:(y+1)*s.ow])
		}
	}
}

// planes is a picture that is normalised a channel at a time, so that a large
// one is never in memory as float32 as a whole.
type planes interface {
	size() (h, w int)
	plane(dst []float32, channel int)
}

// tensorPlanes is a picture (3, H, W) of 0 to 1.
type tensorPlanes struct {
	data []float32
	h, w int
}

func (t tensorPlanes) size() (h, w int) { return t.h, t.w }

func (t tensorPlanes) plane(dst []float32, c int) {
	for i, v := range t.data[c*t.h*t.w : (c+1)*t.h*t.w] {
		dst[i] = normalize(v, c)
	}
}

// normalize divides, as torchvision does, where multiplying by a reciprocal
// would round otherwise.
func normalize(v float32, c int) float32 { return (v - pixelMean[c]) / pixelStd[c] }

// pixelPlanes is a picture of bytes; each of the 256 values is normalised once.
type pixelPlanes struct {
	*picture.RGB
	values *[3][256]float32
}

func (p pixelPlanes) size() (h, w int) { return p.H, p.W }

func (p pixelPlanes) plane(dst []float32, c int) {
	values, pix := &p.values[c], p.Pix[c:]
	for i := range dst {
		dst[i] = values[pix[3*i]]
	}
}

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

// checkTensor returns the elements and size of a picture (3, H, W) float32.
func checkTensor(x *tensor.Tensor) (tensorPlanes, error) {
	const want = "float32 (3, H, W) of at least one pixel"
	if x == nil {
		return tensorPlanes{}, &PictureError{0, "nil", want}
	}
	s := x.Shape()
	data, err := tensor.Data[float32](x)
	if err != nil || len(s) != 3 || s[0] != 3 || s.Len() == 0 {
		return tensorPlanes{}, &PictureError{0, x.String(), want}
	}
	return tensorPlanes{data, s[1], s[2]}, nil
}
