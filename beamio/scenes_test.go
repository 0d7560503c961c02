package beamio

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

// writeScenes writes n pictures of shapes such as the embedded network knows, a seed's each, of three sizes, and
// returns their directory and names in order.
func writeScenes(t testing.TB, n int) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	sizes := [][2]int{{96, 96}, {96, 128}, {120, 96}}
	for i := range n {
		size := sizes[i%len(sizes)]
		names = append(names, fmt.Sprintf("s%03d.png", i))
		write(t, dir, names[i], pngBytes(t, shapesScene(size[0], size[1], uint64(i))))
	}
	return dir, names
}

// shapesScene draws one to three shapes, circles, squares, triangles and stars, on a grainy ground.
func shapesScene(w, h int, seed uint64) image.Image {
	r := rand.New(rand.NewPCG(seed, 22))
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	colour := func() [3]float64 { return [3]float64{10 + 235*r.Float64(), 10 + 235*r.Float64(), 10 + 235*r.Float64()} }
	grain := func(c [3]float64, by float64) color.RGBA {
		n := by * (r.Float64() - 0.5)
		return color.RGBA{level(c[0] + n), level(c[1] + n), level(c[2] + n), 255}
	}
	ground := colour()
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, grain(ground, 12))
		}
	}
	for range 1 + r.IntN(3) {
		kind, fill := r.IntN(4), colour()
		radius := (0.12 + 0.25*r.Float64()) * float64(min(w, h))
		cx := radius + r.Float64()*(float64(w)-2*radius)
		cy := radius + r.Float64()*(float64(h)-2*radius)
		turn := 2 * math.Pi * r.Float64()
		for y := range h {
			for x := range w {
				dx, dy := float64(x)-cx, float64(y)-cy
				if math.Hypot(dx, dy) < radius*outline(kind, math.Atan2(dy, dx)+turn) {
					img.SetRGBA(x, y, grain(fill, 6))
				}
			}
		}
	}
	return img
}

// outline returns how far a shape within the unit circle reaches in a direction.
func outline(kind int, angle float64) float64 {
	polygon := func(corners int) float64 {
		step := 2 * math.Pi / float64(corners)
		within := math.Mod(math.Mod(angle, step)+step, step) - step/2
		return math.Cos(step/2) / math.Cos(within)
	}
	switch kind {
	case 0:
		return 1
	case 1:
		return polygon(4)
	case 2:
		return polygon(3)
	}
	step := 2 * math.Pi / 5 // a star's edge is the line from its corner to its notch
	within := math.Abs(math.Mod(math.Mod(angle, step)+step, step) - step/2)
	const notch = 0.45
	nx, ny := notch*math.Cos(step/2), notch*math.Sin(step/2)
	// The corner is at angle 0, the notch at step/2: both lines meet the ray at within's distance from the corner.
	a := step/2 - within
	return ny / (ny*math.Cos(a) + (1-nx)*math.Sin(a))
}

func level(v float64) uint8 { return uint8(max(0, min(255, v))) }

// TestScenesHaveShapes finds something in most scenes, and not the same in all: what is compared on them is no void.
func TestScenesHaveShapes(t *testing.T) {
	const n = 12
	dir, names := writeScenes(t, n)
	m, err := sceneModel(t).Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	some, kinds := 0, make(map[string]int)
	for _, name := range names {
		found, err := m.Infer(t.Context(), []Picture{{Name: filepath.Join(dir, name)}})
		if err != nil {
			t.Fatal(err)
		}
		if found[0].Len() > 0 {
			some++
		}
		for _, k := range found[0].Names {
			kinds[k]++
		}
	}
	t.Log(some, kinds)
	if some < n*2/3 || len(kinds) < 3 {
		t.Errorf("objects in %d of %d scenes: %v", some, n, kinds)
	}
}

// sceneModel is the network of shapes for pictures of the size of scenes.
func sceneModel(t testing.TB) *Detector {
	d := shapesModel(t)
	d.MinSize, d.MaxSize = 96, 128
	return d
}
