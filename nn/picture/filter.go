package picture

import (
	"fmt"
	"math"
)

// A Filter says how samples are weighed when a picture is resized. The zero value is Bilinear, which most of
// torchvision's presets use; the others are named as torchvision's InterpolationMode and Pillow's Resampling name them.
type Filter uint8

// The filters. All but Nearest widen when they shrink a picture, so that every sample counts (antialiasing).
const (
	Bilinear Filter = iota // Bilinear is a triangle that reaches one sample to each side.
	Nearest                // Nearest takes the sample in whose square a pixel's centre lies.
	Box                    // Box is the mean of the samples that a pixel covers.
	Hamming                // Hamming is a sinc under a Hamming window that reaches one sample to each side.
	Bicubic                // Bicubic is Keys' cubic of a = -½, which reaches two samples to each side.
	Lanczos                // Lanczos is a sinc under a sinc's window, which reaches three samples to each side.
)

var filterNames = [...]string{"bilinear", "nearest", "box", "hamming", "bicubic", "lanczos"}

// String returns torchvision's name of the filter, such as "bicubic".
func (f Filter) String() string {
	if int(f) < len(filterNames) {
		return filterNames[f]
	}
	return fmt.Sprintf("Filter(%d)", uint8(f))
}

// MarshalText returns the filter's name, so that JSON holds it as a string.
func (f Filter) MarshalText() ([]byte, error) {
	if int(f) >= len(filterNames) {
		return nil, fmt.Errorf("picture: no filter %d", uint8(f))
	}
	return []byte(f.String()), nil
}

// UnmarshalText sets the filter from its name in lower case, such as "bicubic". It returns an error for any other text.
func (f *Filter) UnmarshalText(text []byte) error {
	for i, name := range filterNames {
		if name == string(text) {
			*f = Filter(i)
			return nil
		}
	}
	return fmt.Errorf("picture: no filter is called %.40q; they are %q", text, filterNames)
}

// support is how many samples the filter reaches to each side when it does not shrink.
func (f Filter) support() float64 {
	switch f {
	case Box:
		return 0.5
	case Bicubic:
		return 2
	case Lanczos:
		return 3
	}
	return 1
}

// weight returns the filter's value at distance x, as Pillow's Resample.c computes it. The conversions to float64 keep
// compilers from fusing a product and a sum, which would round otherwise than Pillow on some machines.
func (f Filter) weight(x float64) float64 {
	switch f {
	case Box:
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	case Lanczos:
		if x >= -3 && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}
	x = math.Abs(x)
	switch f {
	case Hamming:
		switch {
		case x == 0:
			return 1
		case x >= 1:
			return 0
		}
		x *= math.Pi
		const a, b = float64(float32(0.54)), float64(float32(0.46))
		return math.Sin(x) / x * (a + float64(b*math.Cos(x)))
	case Bicubic:
		const a = -0.5
		switch {
		case x < 1:
			return float64((float64((a+2)*x)-(a+3))*x*x) + 1
		case x < 2:
			return (float64((float64((x-5)*x)+8)*x) - 4) * a
		}
		return 0
	}
	return max(1-x, 0)
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}
