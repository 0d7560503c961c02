package picture

import (
	"bytes"
	"math"
	"testing"
)

// TestSkeleton: what is drawn lies along the lines of the skeleton, and nowhere else.
func TestSkeleton(t *testing.T) {
	p := NewRGB(400, 300)
	for i := range p.Pix {
		p.Pix[i] = 120
	}
	points := make([]Keypoint, 17)
	v := noise(34, 5)
	for i := range points {
		points[i] = Keypoint{X: v[2*i]*500 - 50, Y: v[2*i+1]*400 - 50, Score: 9}
	}
	points[9].Score = KeypointThreshold - 0.1 // the left wrist is hidden
	c := newCanvas(p.RGBA())
	in := Instance{Keypoints: points}
	c.skeleton(&in, instanceColour(0))
	plain, line, dot := p.RGBA(), 1.4*float64(c.line), 2.4*float64(c.line)
	near := func(x, y float64) float64 { // how far the pixel is inside of what is to be drawn
		inside := math.Inf(-1)
		for _, e := range append(PersonSkeleton(), [2]int{4, 4}, [2]int{8, 8}) {
			a, b := points[e[0]], points[e[1]]
			if e[0] == 9 || e[1] == 9 {
				continue
			}
			ax, ay, dx, dy := float64(a.X), float64(a.Y), float64(b.X-a.X), float64(b.Y-a.Y)
			t := 0.0
			if dx != 0 || dy != 0 {
				t = min(max(((x-ax)*dx+(y-ay)*dy)/(dx*dx+dy*dy), 0), 1)
			}
			inside = max(inside, line-math.Hypot(x-ax-t*dx, y-ay-t*dy))
			for _, k := range []Keypoint{a, b} {
				inside = max(inside, dot-math.Hypot(x-float64(k.X), y-float64(k.Y)))
			}
		}
		return inside
	}
	for y := range p.H {
		for x := range p.W {
			drawn := c.dst.RGBAAt(x, y) != plain.RGBAAt(x, y)
			inside := near(float64(x)+0.5, float64(y)+0.5)
			if drawn && inside < -0.51 || !drawn && inside > -0.45 {
				t.Fatalf("pixel (%d, %d), %.2f inside of the skeleton: drawn is %v", x, y, inside, drawn)
			}
		}
	}
}

func TestSkeletonOfOthers(t *testing.T) {
	p := NewRGB(40, 30)
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	two := []Keypoint{{10, 10, 5}, {30, 20, 5}}
	drawn := func(in Instance) int {
		c := newCanvas(p.RGBA())
		c.skeleton(&in, instanceColour(3))
		n := 0
		for i, v := range c.dst.Pix {
			if i%4 < 3 && v > 0 {
				n++
			}
		}
		return n
	}
	dots, line := drawn(Instance{Keypoints: two}), drawn(Instance{Keypoints: two, Skeleton: [][2]int{{0, 1}}})
	if dots == 0 || line <= dots {
		t.Errorf("%d samples of points, %d with a line", dots, line)
	}
	for _, odd := range [][]Keypoint{nil, {{nan, 1, 9}}, {{1, inf, 9}}, {{1, 1, nan}}, {{1e30, -1e30, 9}}, {{9, 9, 0}}} {
		if n := drawn(Instance{Keypoints: odd, Skeleton: [][2]int{{0, 1}, {-1, 0}, {0, 0}}}); n > 0 {
			t.Errorf("%v: %d samples", odd, n)
		}
	}
}

// TestColourByNumber: a thing keeps its colour wherever it stands in the list.
func TestColourByNumber(t *testing.T) {
	p, list := scene(160, 120, 3)
	want := Overlay(p, list[:1])
	list[0].Colour = 1
	list[1] = Instance{Box: [4]float32{float32(math.NaN())}}
	list[2] = list[1]
	list[0], list[2] = list[2], list[0]
	if !bytes.Equal(Overlay(p, list).Pix, want.Pix) {
		t.Error("number 1 in the third place is not the colour of the first place")
	}
	list[2].Colour = 7
	if bytes.Equal(Overlay(p, list).Pix, want.Pix) {
		t.Error("number 7 has the colour of number 1")
	}
	if (&Instance{Colour: -3}).ink(5) != instanceColour(5) {
		t.Error("a negative number is a colour")
	}
}
