package vision

import (
	"fmt"
	"math"
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// An Option changes what [NewDetector] or [NewClassifier] makes. Options are
// applied in order; one whose value makes no sense, or that is for the other
// of the two, is an [*OptionError] of the constructor.
type Option func(*config)

// A role is which constructor an option is for.
type role string

const (
	forDetector   role = "a detector"
	forClassifier role = "a classifier"
	forBoth       role = ""
)

type config struct {
	as      role
	rcnn    RCNN
	ownEps  bool // WithEps was given
	resize  resize
	article bool
	padding bool
	pixels  int // of pictures that share a run
	short   int // classifiers: the short side after resizing
	crop    int // classifiers: the sides of the square that is looked at
	labels  []string
	compile []nn.Option
	err     error // the first
}

// newConfig applies opts over the defaults.
func newConfig(as role, opts []Option) (config, error) {
	c := config{
		as:     as,
		rcnn:   DefaultRCNN(),
		resize: resize{minSize: 800, maxSize: 1333},
		pixels: batchPixels,
		short:  256,
		crop:   224,
	}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	return c, c.err
}

// allow records an error unless the option is for what is being made and its
// value is valid.
func (c *config) allow(option string, as role, valid bool, got any, want string) {
	switch {
	case c.err != nil:
	case as != forBoth && as != c.as:
		c.err = &OptionError{option, string(c.as), string(as)}
	case !valid:
		c.err = &OptionError{option, fmt.Sprint(got), want}
	}
}

// WithPreset makes all settings those of a known way to run a network:
//
//   - "COCO_V1", detectors: torchvision's own weights=…COCO_V1, which
//     torchvision runs with an eps of 0.
//   - "beam-article", detectors: Apache Beam's Python example for image
//     segmentation, which resizes each picture to 224×224 as Pillow does,
//     losing its aspect ratio, and normalises it; the network's own transform
//     then normalises it again and scales it up. What it finds is worse than
//     by default; the preset exists to compare with published results. Boxes
//     are in pixels of the picture as given.
//   - "IMAGENET1K_V1" and "IMAGENET1K_V2", classifiers: torchvision's
//     transforms, which resize the short side to 256 or 232 and look at the
//     224×224 pixels in the centre. V1 is the default.
func WithPreset(name string) Option {
	return func(c *config) {
		switch {
		case name == "COCO_V1" && c.as == forDetector:
			c.rcnn.Eps = 0
		case name == "beam-article" && c.as == forDetector:
			c.article = true
		case name == "IMAGENET1K_V1" && c.as == forClassifier:
			c.short, c.crop = 256, 224
		case name == "IMAGENET1K_V2" && c.as == forClassifier:
			c.short, c.crop = 232, 224
		case c.as == forDetector:
			c.allow("WithPreset", forBoth, false, fmt.Sprintf("%q", name), `"COCO_V1" or "beam-article"`)
		default:
			c.allow("WithPreset", forBoth, false, fmt.Sprintf("%q", name), `"IMAGENET1K_V1" or "IMAGENET1K_V2"`)
		}
	}
}

// WithEps sets the eps of batch norms, which is no part of a checkpoint. The
// default is what a network of torchvision has into which one loads a
// state_dict: nn.DefaultEps, 1e-5, or [MobileNetV3Eps]. It must be finite and at
// least 0.
func WithEps(eps float64) Option {
	return func(c *config) {
		c.allow("WithEps", forBoth, eps >= 0 && !math.IsInf(eps, 0), eps, "a finite number of at least 0")
		c.rcnn.Eps, c.ownEps = eps, true
	}
}

// eps returns the eps that was asked for, or else that of the published
// classifiers of a kind.
func (c *config) eps(published float64) float64 {
	if c.ownEps {
		return c.rcnn.Eps
	}
	return published
}

// WithMinSize sets the length, in pixels, that a detector scales the short side
// of every picture to, 800 by default.
func WithMinSize(pixels int) Option {
	return func(c *config) {
		c.allow("WithMinSize", forDetector, okSize(pixels), pixels, "1 to 65536 pixels")
		c.resize.minSize = pixels
	}
}

// WithMaxSize sets the length, in pixels, that the long side of a picture may
// have once scaled, 1333 by default. It takes precedence over the short side's.
func WithMaxSize(pixels int) Option {
	return func(c *config) {
		c.allow("WithMaxSize", forDetector, okSize(pixels), pixels, "1 to 65536 pixels")
		c.resize.maxSize = pixels
	}
}

func okSize(pixels int) bool { return 1 <= pixels && pixels <= 1<<16 }

// WithResizeRule sets in which arithmetic a detector computes the size that a
// picture is scaled to, [ResizeFloat64] by default.
func WithResizeRule(rule ResizeRule) Option {
	return func(c *config) {
		c.allow("WithResizeRule", forDetector, rule <= ResizeFloat32, uint8(rule), "ResizeFloat64 or ResizeFloat32")
		c.resize.rule = rule
	}
}

// WithScoreThreshold sets the score that a detector's objects exceed, 0.05 by
// default.
func WithScoreThreshold(score float64) Option {
	return func(c *config) {
		c.allow("WithScoreThreshold", forDetector, 0 <= score && score <= 1, score, "0 to 1")
		c.rcnn.ScoreThreshold = score
	}
}

// WithNMSThreshold sets the overlap (IoU) above which the lower-scored of two
// objects of one class is dropped, 0.5 by default.
func WithNMSThreshold(iou float64) Option {
	return func(c *config) {
		c.allow("WithNMSThreshold", forDetector, 0 <= iou && iou <= 1, iou, "0 to 1")
		c.rcnn.NMSThreshold = iou
	}
}

// WithMaxDetections sets how many objects are found in a picture at most, 100
// by default.
func WithMaxDetections(n int) Option {
	return func(c *config) {
		c.allow("WithMaxDetections", forDetector, 1 <= n && n <= 1<<16, n, "1 to 65536")
		c.rcnn.MaxDetections = n
	}
}

// WithAnchors sets the anchors that a detector was trained with, which are no
// part of a checkpoint: for each pyramid level, the finest first, the sides of
// squares in pixels of the scaled picture, and for all levels the ratios of
// height to width. The defaults are one side for each of five levels, 32, 64,
// 128, 256 and 512, and the ratios 0.5, 1 and 2.
func WithAnchors(sizes [][]int, ratios []float64) Option {
	return func(c *config) {
		valid := len(sizes) > 0 && len(ratios) > 0
		for _, level := range sizes {
			valid = valid && len(level) > 0 && !slices.ContainsFunc(level, func(n int) bool { return n < 1 || n > 1<<20 })
		}
		for _, r := range ratios {
			valid = valid && r > 0 && !math.IsInf(r, 0)
		}
		got := fmt.Sprint(sizes, " ", ratios)
		c.allow("WithAnchors", forDetector, valid, got, "positive sizes for every level and positive ratios")
		c.rcnn.AnchorSizes = nil
		for _, level := range sizes {
			c.rcnn.AnchorSizes = append(c.rcnn.AnchorSizes, slices.Clone(level))
		}
		c.rcnn.AnchorRatios = slices.Clone(ratios)
	}
}

// WithBatchPadding makes DetectBatch pad all pictures of a batch to one size
// and run them at once, as torchvision does. What is found in a picture then
// depends a little on the others, and memory on their number. By default each
// picture has its own padded size, and results are those of Detect.
func WithBatchPadding(together bool) Option {
	return func(c *config) {
		c.allow("WithBatchPadding", forDetector, true, together, "")
		c.padding = together
	}
}

// WithBatchPixels limits the pixels, padding included, of those pictures of equal
// padded size that DetectBatch runs at once. The default is 2,097,152: more than
// two pictures of 800×1216 keep a CPU no busier. A GPU has use for eight of them,
// 1 << 24. Memory grows with it; results do not depend on it.
func WithBatchPixels(n int) Option {
	return func(c *config) {
		c.allow("WithBatchPixels", forDetector, n > 0, n, "at least 1")
		c.pixels = n
	}
}

// WithClasses sets how many classes the checkpoint must have, a detector's
// background included; with another number the constructor returns an
// [*nn.StateDictError] in PyTorch's words. By default, and with 0, any number
// will do.
func WithClasses(n int) Option {
	return func(c *config) {
		c.allow("WithClasses", forBoth, 0 <= n && n <= 1<<20, n, "0 to 1048576")
		c.rcnn.Classes = n
	}
}

// WithLabels sets the names of the classes, in order of their number; a
// detector's number 0 is the background. By default a detector of 91 classes
// has the names of COCO, a classifier of 1000 those of ImageNet, and others
// "class 3".
func WithLabels(names []string) Option {
	return func(c *config) {
		c.allow("WithLabels", forBoth, true, nil, "")
		c.labels = slices.Clone(names)
	}
}

// WithThreads limits the threads that one call uses. The default, 0, is as many
// as Go runs at once. Results do not depend on it.
func WithThreads(n int) Option {
	return func(c *config) {
		c.allow("WithThreads", forBoth, n >= 0, n, "at least 0")
		c.compile = append(c.compile, nn.WithThreads(n))
	}
}

// WithPrecision says how exact arithmetic must be; the default is
// [op.Float32]. A backend that has not the precision refuses the network with
// an [*op.UnsupportedError].
func WithPrecision(p op.Precision) Option {
	return func(c *config) { c.compile = append(c.compile, nn.WithPrecision(p)) }
}

// WithProfile adds the time of every step of every call to p.
func WithProfile(p *op.Profile) Option {
	return func(c *config) { c.compile = append(c.compile, nn.WithProfile(p)) }
}

// WithArenaBytes limits the memory that all calls in progress use together for
// values between layers. The default, 0, is no limit. A call that needs more
// than the limit by itself goes alone.
func WithArenaBytes(n int64) Option {
	return func(c *config) {
		c.allow("WithArenaBytes", forBoth, n >= 0, n, "at least 0")
		c.compile = append(c.compile, nn.WithArenaBytes(n))
	}
}

// names returns the names of classes: given ones, known ones if there are as
// many classes as those have, or else "class 3".
func (c *config) names(classes int, known []string) ([]string, error) {
	switch {
	case c.labels != nil && len(c.labels) != classes:
		want := fmt.Sprintf("%d, one for each class of the checkpoint", classes)
		if c.as == forDetector {
			want += ", the background first"
		}
		return nil, &OptionError{"WithLabels", fmt.Sprintf("%d names", len(c.labels)), want}
	case c.labels != nil:
		return c.labels, nil
	case len(known) == classes:
		return known, nil
	}
	names := make([]string, classes)
	for i := range names {
		names[i] = fmt.Sprintf("class %d", i)
	}
	return names, nil
}
