package picture

import (
	"image/color"
	"math"
)

// instanceColour returns the colour of the i-th instance. Hues go round by the golden angle, so that any first few are
// far apart, in the OKLCh space, so that none looks darker or paler than planned; lightness has three steps, because
// hues alone are hard to tell after the first dozen.
func instanceColour(i int) color.RGBA {
	const goldenAngle, firstHue, chroma = 137.50776405003785, 29, 0.19
	hue := math.Mod(firstHue+goldenAngle*float64(i), 360) * math.Pi / 180
	lightness := [3]float64{0.68, 0.78, 0.60}[i%3]
	for c := chroma; ; c *= 0.95 { // less colourful until sRGB can show it; gray always can
		if rgb, ok := oklab(lightness, c*math.Cos(hue), c*math.Sin(hue)); ok || c < 0.01 {
			return rgb
		}
	}
}

// oklab converts Björn Ottosson's OKLab to sRGB and reports whether sRGB holds the colour.
func oklab(l, a, b float64) (color.RGBA, bool) {
	cube := func(v float64) float64 { return v * v * v }
	x := cube(l + 0.3963377774*a + 0.2158037573*b)
	y := cube(l - 0.1055613458*a - 0.0638541728*b)
	z := cube(l - 0.0894841775*a - 1.2914855480*b)
	inside := true
	sample := func(v float64) uint8 {
		inside = inside && v >= 0 && v <= 1
		return uint8(math.Round(255 * encodeSRGB(min(max(v, 0), 1))))
	}
	c := color.RGBA{
		R: sample(4.0767416621*x - 3.3077115913*y + 0.2309699292*z),
		G: sample(-1.2684380046*x + 2.6097574011*y - 0.3413193965*z),
		B: sample(-0.0041960863*x - 0.7034186147*y + 1.7076147010*z),
		A: 255,
	}
	return c, inside
}

func encodeSRGB(v float64) float64 {
	if v <= 0.0031308 {
		return 12.92 * v
	}
	return 1.055*math.Pow(v, 1/2.4) - 0.055
}

func decodeSRGB(v uint8) float64 {
	s := float64(v) / 255
	if s <= 0.04045 {
		return s / 12.92
	}
	return math.Pow((s+0.055)/1.055, 2.4)
}

// inkOn returns black or white, whichever has more contrast on a plate of colour c by WCAG's formula.
func inkOn(c color.RGBA) color.RGBA {
	luminance := 0.2126*decodeSRGB(c.R) + 0.7152*decodeSRGB(c.G) + 0.0722*decodeSRGB(c.B)
	if (luminance+0.05)/0.05 >= 1.05/(luminance+0.05) {
		return color.RGBA{A: 255}
	}
	return color.RGBA{R: 255, G: 255, B: 255, A: 255}
}
