package vision

import "math"

// CellAnchors returns the boxes x1, y1, x2, y2 that an [RPN] lays around every
// place of each level, as torchvision's AnchorGenerator computes them: of every
// ratio (height to width) and, within one, of every size that the level has
// (the side of a square of the same area, in pixels of the image), in float32,
// rounded to whole pixels, halves to even.
func CellAnchors(sizes [][]int, ratios []float64) [][][4]float32 {
	levels := make([][][4]float32, len(sizes))
	for l, level := range sizes {
		for _, ratio := range ratios {
			h := float32(math.Sqrt(float64(float32(ratio))))
			w := 1 / h
			for _, size := range level {
				x, y := halfToEven(w*float32(size)/2), halfToEven(h*float32(size)/2)
				levels[l] = append(levels[l], [4]float32{-x, -y, x, y})
			}
		}
	}
	return levels
}

func halfToEven(v float32) float32 { return float32(math.RoundToEven(float64(v))) }
