package vision

import (
	"fmt"
	"math"
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/nn/op"
)

// An Option changes what [NewDetector], [NewClassifier] or [NewSegmenter] makes.
// Options are applied in order, over what torchvision's builder of the network
// has; one whose value makes no sense, or that is for another constructor, is
// an [*OptionError] of it.
type Option func(*config)

type config struct {
	task     Task
	network  string // torchvision's builder, once the checkpoint is recognised
	settings Settings
	article  bool
	padding  bool
	pixels   int // of pictures that share a run
	labels   []string
	compile  []nn.Option
	taps     []taps
	err      error // the first
}

// configure recognises the network that src is a checkpoint of, and applies opts
// over what its builder gives it. It also returns src without what wraps it.
func configure(task Task, src nn.Source, opts []Option) (family, Architecture, nn.Source, config, error) {
	// Options that are wrong for every network are told of whatever the checkpoint is.
	c := newConfig(task, "", Settings{}, opts)
	if c.err != nil {
		return family{}, Architecture{}, nil, c, c.err
	}
	f, a, src, err := recognize(src)
	if err == nil && a.Task != task {
		want := fmt.Sprintf("%s takes it; %s takes %s", a.Task.maker(), task.maker(), familiesOf(task))
		err = &UnsupportedArchitectureError{a.Name, want}
	}
	if err != nil {
		return f, a, src, c, err
	}
	c = newConfig(task, a.Name, f.defaults(a), opts)
	return f, a, src, c, c.err
}

// newConfig applies opts over the settings of a network, which has no name
// before it is known.
func newConfig(task Task, network string, s Settings, opts []Option) config {
	c := config{task: task, network: network, settings: s, pixels: batchPixels}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	return c
}

// allow records an error unless the option is for one of the tasks, or there
// are none given, and its value is valid.
func (c *config) allow(option string, valid bool, got any, want string, tasks ...Task) {
	switch {
	case c.err != nil:
	case len(tasks) > 0 && !slices.Contains(tasks, c.task):
		c.err = &OptionError{option, c.task.maker(), tasks[0].maker()}
	case !valid:
		c.err = &OptionError{option, fmt.Sprint(got), want}
	}
}

// WithEps sets the eps of batch norms, which is no part of a checkpoint. The
// default is what a network of torchvision has into which one loads a
// state_dict: nn.DefaultEps, 1e-5, or for some classifiers [MobileNetV3Eps]. It must be finite and at
// least 0.
func WithEps(eps float64) Option {
	return func(c *config) {
		c.allow("WithEps", eps >= 0 && !math.IsInf(eps, 0), eps, "a finite number of at least 0")
		c.settings.Eps = eps
	}
}

// WithMinSize sets the length, in pixels, that a detector or a segmenter scales
// the short side of every picture to, 800 or 520 by default.
func WithMinSize(pixels int) Option {
	return func(c *config) {
		c.allow("WithMinSize", okSize(pixels), pixels, "1 to 65536 pixels", Detection, Segmentation)
		c.settings.Transform.MinSize = pixels
	}
}

// WithMaxSize sets the length, in pixels, that the long side of a picture may
// have once scaled, 1333 by default. It takes precedence over the short side's.
func WithMaxSize(pixels int) Option {
	return func(c *config) {
		c.allow("WithMaxSize", okSize(pixels), pixels, "1 to 65536 pixels", Detection)
		c.settings.Transform.MaxSize = pixels
	}
}

func okSize(pixels int) bool { return 1 <= pixels && pixels <= 1<<16 }

// WithResizeRule sets in which arithmetic a detector computes the size that a
// picture is scaled to, [ResizeFloat64] by default.
func WithResizeRule(rule ResizeRule) Option {
	return func(c *config) {
		c.allow("WithResizeRule", rule <= ResizeFloat32, uint8(rule), "ResizeFloat64 or ResizeFloat32", Detection)
		c.settings.Transform.Rule = rule
	}
}

// WithScoreThreshold sets the score that a detector's objects exceed, 0.05 by
// default.
func WithScoreThreshold(score float64) Option {
	return func(c *config) {
		c.allow("WithScoreThreshold", 0 <= score && score <= 1, score, "0 to 1", Detection)
		c.settings.ScoreThreshold = score
	}
}

// WithNMSThreshold sets the overlap (IoU) above which the lower-scored of two
// objects of one class is dropped, 0.5 by default.
func WithNMSThreshold(iou float64) Option {
	return func(c *config) {
		c.allow("WithNMSThreshold", 0 <= iou && iou <= 1, iou, "0 to 1", Detection)
		c.settings.NMSThreshold = iou
	}
}

// WithMaxDetections sets how many objects are found in a picture at most, 100
// by default.
func WithMaxDetections(n int) Option {
	return func(c *config) {
		c.allow("WithMaxDetections", 1 <= n && n <= 1<<16, n, "1 to 65536", Detection)
		c.settings.MaxDetections = n
	}
}

// WithAnchors sets the anchors that a detector was trained with, which are no
// part of a checkpoint: for each pyramid level, the finest first, the sides of
// squares in pixels of the scaled picture, and for all levels the ratios of
// height to width. Those of an R-CNN with a ResNet are one side for each of
// five levels, 32, 64, 128, 256 and 512, and the ratios 0.5, 1 and 2.
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
		c.allow("WithAnchors", valid, got, "positive sizes for every level and positive ratios", Detection)
		c.settings.AnchorSizes = nil
		for _, level := range sizes {
			c.settings.AnchorSizes = append(c.settings.AnchorSizes, slices.Clone(level))
		}
		c.settings.AnchorRatios = slices.Clone(ratios)
	}
}

// WithBatchPadding makes DetectBatch pad all pictures of a batch to one size
// and run them at once, as torchvision does. What is found in a picture then
// depends a little on the others, and memory on their number. By default each
// picture has its own padded size, and results are those of Detect.
func WithBatchPadding(together bool) Option {
	return func(c *config) {
		c.allow("WithBatchPadding", true, together, "", Detection)
		c.padding = together
	}
}

// WithBatchPixels limits the pixels, padding included, of those pictures of equal
// padded size that DetectBatch or SegmentBatch runs at once. The default is 2,097,152: more than
// two pictures of 800×1216 keep a CPU no busier. A GPU has use for eight of them,
// 1 << 24. Memory grows with it; results do not depend on it.
func WithBatchPixels(n int) Option {
	return func(c *config) {
		c.allow("WithBatchPixels", n > 0, n, "at least 1", Detection, Segmentation)
		c.pixels = n
	}
}

// WithClasses sets how many classes the checkpoint must have, a detector's
// background included; with another number the constructor returns an
// [*nn.StateDictError] in PyTorch's words. By default, and with 0, any number
// will do.
func WithClasses(n int) Option {
	return func(c *config) {
		c.allow("WithClasses", 0 <= n && n <= 1<<20, n, "0 to 1048576")
		c.settings.Classes = n
	}
}

// WithLabels sets the names of the classes, in order of their number; a
// detector's and a segmenter's number 0 is the background. By default a network
// with as many classes as torchvision's has its names, [COCONames],
// [ImageNetNames], [VOCNames] or [PersonNames], and others "class 3".
func WithLabels(names []string) Option {
	return func(c *config) {
		c.allow("WithLabels", true, nil, "")
		c.labels = slices.Clone(names)
	}
}

// WithThreads limits the threads that one call uses. The default, 0, is as many
// as Go runs at once. Results do not depend on it.
func WithThreads(n int) Option {
	return func(c *config) {
		c.allow("WithThreads", n >= 0, n, "at least 0")
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
		c.allow("WithArenaBytes", n >= 0, n, "at least 0")
		c.compile = append(c.compile, nn.WithArenaBytes(n))
	}
}

// names returns the names of a network's classes: given ones, those that
// torchvision's has if there are as many, or else "class 3".
func (c *config) names(a Architecture) ([]string, error) {
	known := knownNames(a)
	switch {
	case c.labels != nil && len(c.labels) != a.Classes:
		want := fmt.Sprintf("%d, one for each class of the checkpoint", a.Classes)
		if c.task == Detection {
			want += ", the background first"
		}
		return nil, &OptionError{"WithLabels", fmt.Sprintf("%d names", len(c.labels)), want}
	case c.labels != nil:
		return c.labels, nil
	case known != nil:
		return known, nil
	}
	names := make([]string, a.Classes)
	for i := range names {
		names[i] = fmt.Sprintf("class %d", i)
	}
	return names, nil
}
