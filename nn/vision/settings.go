package vision

import (
	"math"

	"github.com/argand-go/argand/nn/picture"
)

// Settings are what a checkpoint does not hold: numbers that torchvision's
// builders give a network and options change. Those that a network has no use
// for are 0.
type Settings struct {
	Transform Transform // what becomes of a picture before the network sees it
	Eps       float64   // of the batch norms; see [WithEps]
	Classes   int       // a detector's background included; 0 for as many as the checkpoint has

	// Of detectors.
	AnchorSizes    [][]int   // per level of the pyramid, in pixels of the image
	AnchorRatios   []float64 // height to width
	ScoreThreshold float64   // objects have a greater score
	NMSThreshold   float64   // the least IoU, exclusive, at which one of two boxes of a class goes
	MaxDetections  int       // per picture
	Candidates     int       // boxes that are looked at: per level, or per class

	// Of an [SSD]; see [DefaultBoxes].
	BoxScales []float64 // of the levels and one more, as shares of the image's side
	BoxSteps  []float64 // per level, in pixels of the image from box to box; nil for its size by the level's

	// Of the region proposal network.
	ProposalScore   float64 // proposals have at least this score
	ProposalsBefore int     // per level, before overlapping ones are dropped
	ProposalsAfter  int     // per picture, after that
}

// Transform is what becomes of a picture before a network sees it.
type Transform struct {
	Mean, Std [3]float32 // of pixels of 0 to 1, red, green and blue

	// Of detectors.
	MinSize, MaxSize int        // of the short and the long side, in pixels; see [ResizeRule]
	Rule             ResizeRule // the arithmetic of that
	Fixed            [2]int     // the height and width of every picture, its aspect ratio lost; 0 for MinSize and MaxSize
	Divisor          int        // the padded image's sides are multiples of this

	// Of classifiers.
	Short, Crop int            // the short side after resizing, and the sides of the square in the centre
	Filter      picture.Filter // of the resizing
}

// size returns the height and width that a detector's picture of h×w is scaled to.
func (t Transform) size(h, w int) (height, width int) {
	if t.Fixed != [2]int{} {
		return t.Fixed[0], t.Fixed[1]
	}
	return t.Rule.Size(h, w, t.MinSize, t.MaxSize)
}

// pad returns the side of the padded image for n pixels.
func (t Transform) pad(n int) int { return (n + t.Divisor - 1) / t.Divisor * t.Divisor }

// normalize divides, as torchvision does, where multiplying by a reciprocal
// would round otherwise.
func (t Transform) normalize(v float32, c int) float32 { return (v - t.Mean[c]) / t.Std[c] }

// values returns every byte as ToTensor and so many normalisations make it.
func (t Transform) values(normalizations int) *[3][256]float32 {
	var values [3][256]float32
	for c := range values {
		for v := range values[c] {
			x := float32(v) / 255
			for range normalizations {
				x = t.normalize(x, c)
			}
			values[c][v] = x
		}
	}
	return &values
}

// imageNetPixels is the transform of pixels that most of torchvision's networks have:
// the mean and the standard deviation of ImageNet's.
func imageNetPixels() Transform {
	return Transform{Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}}
}

// detectorTransform is that of torchvision's detectors for pictures of any size.
func detectorTransform() Transform {
	t := imageNetPixels()
	t.MinSize, t.MaxSize, t.Divisor = 800, 1333, 32
	return t
}

// classifierSettings returns those of torchvision's classifiers, whose batch
// norms have the given eps.
func classifierSettings(eps float64) Settings {
	t := imageNetPixels()
	t.Short, t.Crop = 256, 224
	return Settings{Transform: t, Eps: eps}
}

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
