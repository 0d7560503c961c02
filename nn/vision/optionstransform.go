package vision

import (
	"math"

	"github.com/argand-go/argand/nn/picture"
)

// WithMean sets the mean of pixels, red, green and blue on a scale of 0 to 1,
// that is taken from them. The default is ImageNet's for most networks: 0.485,
// 0.456 and 0.406.
func WithMean(mean [3]float32) Option {
	return func(c *config) {
		valid := true
		for _, v := range mean {
			valid = valid && !math.IsNaN(float64(v)) && !math.IsInf(float64(v), 0)
		}
		c.allow("WithMean", valid, mean, "3 finite numbers")
		c.settings.Transform.Mean = mean
	}
}

// WithStd sets the standard deviation of pixels, red, green and blue on a scale
// of 0 to 1, that they are divided by. The default is ImageNet's for most
// networks: 0.229, 0.224 and 0.225.
func WithStd(std [3]float32) Option {
	return func(c *config) {
		valid := true
		for _, v := range std {
			valid = valid && v > 0 && !math.IsInf(float64(v), 0)
		}
		c.allow("WithStd", valid, std, "3 finite numbers above 0")
		c.settings.Transform.Std = std
	}
}

// WithFixedSize has a detector scale every picture to one height and width, in
// pixels, and so lose its aspect ratio. The default is 300×300 or 320×320 for
// SSD, and for others that [WithMinSize] and [WithMaxSize] decide.
func WithFixedSize(height, width int) Option {
	return func(c *config) {
		size := [2]int{height, width}
		c.allow("WithFixedSize", okSize(height) && okSize(width), size, "two of 1 to 65536 pixels", Detection)
		c.settings.Transform.Fixed = size
	}
}

// WithResize sets the length, in pixels, that a classifier scales the short side
// of every picture to, 256 for most by default.
func WithResize(pixels int) Option {
	return func(c *config) {
		c.allow("WithResize", okSize(pixels), pixels, "1 to 65536 pixels", Classification)
		c.settings.Transform.Short = pixels
	}
}

// WithCrop sets the side, in pixels, of the square in the centre of a resized
// picture that a classifier looks at, 224 for most by default.
func WithCrop(pixels int) Option {
	return func(c *config) {
		const most = 1 << 13
		c.allow("WithCrop", 1 <= pixels && pixels <= most, pixels, "1 to 8192 pixels", Classification)
		c.settings.Transform.Crop = pixels
	}
}

// WithFilter sets how a classifier resizes pictures, [picture.Bilinear] for most
// by default.
func WithFilter(filter picture.Filter) Option {
	return func(c *config) {
		_, err := filter.MarshalText()
		c.allow("WithFilter", err == nil, filter, "a filter of package picture", Classification)
		c.settings.Transform.Filter = filter
	}
}

// WithCandidates sets how many boxes of the best scores a RetinaNet or FCOS
// looks at on each level, or an SSD for each class: 1000, 400 or 300 by default.
func WithCandidates(n int) Option {
	return func(c *config) {
		c.allow("WithCandidates", 1 <= n && n <= 1<<16, n, "1 to 65536", Detection)
		c.settings.Candidates = n
	}
}

// WithProposals sets how many boxes the region proposal network of an R-CNN
// takes from each level by score, and how many are left of a picture's when
// overlapping ones are dropped: 1000 and 1000 by default.
func WithProposals(before, after int) Option {
	return func(c *config) {
		valid := 1 <= min(before, after) && max(before, after) <= 1<<16
		c.allow("WithProposals", valid, [2]int{before, after}, "two of 1 to 65536", Detection)
		c.settings.ProposalsBefore, c.settings.ProposalsAfter = before, after
	}
}

// WithProposalScore sets the score that a region proposal network's boxes have at
// least, 0 by default and 0.05 with a MobileNetV3.
func WithProposalScore(score float64) Option {
	return func(c *config) {
		c.allow("WithProposalScore", 0 <= score && score <= 1, score, "0 to 1", Detection)
		c.settings.ProposalScore = score
	}
}
