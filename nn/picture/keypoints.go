package picture

import (
	"image"
	"image/color"
	"math"
)

// A Keypoint is one point of an object, such as an elbow of a person.
type Keypoint struct {
	X, Y float32 // X and Y are in pixels of the picture: (0, 0) is the upper left corner of the first pixel.
	// Score says how sure the network is of the point. Keypoint R-CNN's is no probability but the greatest value of the
	// point's heat map, which has no bounds; see [KeypointThreshold].
	Score float32
}

// KeypointThreshold is the score of a keypoint from which Overlay draws it. Detectron, where Keypoint R-CNN comes from,
// shows its keypoints from the same score on; below it are mostly points that are hidden or outside the picture.
const KeypointThreshold = 2

// PersonSkeleton returns the pairs of keypoints that lines join in a picture of a person: COCO's skeleton over its 17
// keypoints, which begin with the nose, numbered from 0.
func PersonSkeleton() [][2]int {
	return [][2]int{
		{15, 13}, {13, 11}, {16, 14}, {14, 12}, {11, 12}, {5, 11}, {6, 12}, {5, 6}, {5, 7}, {6, 8}, {7, 9}, {8, 10},
		{1, 2}, {0, 1}, {0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 6},
	}
}

// personKeypoints is the number of keypoints of a person in COCO.
const personKeypoints = 17

// skeleton draws an instance's lines and points, each with a dark rim, so that they stand out from its mask.
func (c *canvas) skeleton(in *Instance, ink color.RGBA) {
	edges := in.Skeleton
	if edges == nil && len(in.Keypoints) == personKeypoints {
		edges = PersonSkeleton()
	}
	seen := func(i int) bool {
		return i >= 0 && i < len(in.Keypoints) && in.Keypoints[i].Score >= KeypointThreshold
	}
	line := float64(c.line)
	black, white := color.RGBA{A: 255}, color.RGBA{R: 255, G: 255, B: 255, A: 255}
	for _, pass := range []struct {
		line, dot       float64 // half the width of lines, 0 for none, and the radius of points
		lineInk, dotInk color.RGBA
	}{
		{1.4 * line, 2.4 * line, black, black},
		{line, 2 * line, ink, ink},
		{0, line, ink, white},
	} {
		for _, e := range edges {
			if pass.line > 0 && seen(e[0]) && seen(e[1]) {
				c.stroke(in.Keypoints[e[0]], in.Keypoints[e[1]], pass.line, pass.lineInk)
			}
		}
		for i, k := range in.Keypoints {
			if seen(i) {
				c.stroke(k, k, pass.dot, pass.dotInk)
			}
		}
	}
}

// stroke draws the pixels within radius of the line between two points; those at its rim are blended by how much of
// them lies inside.
func (c *canvas) stroke(from, to Keypoint, radius float64, ink color.RGBA) {
	const far = 1 << 20 // beyond any picture; keeps the arithmetic finite
	ax, ay, bx, by := float64(from.X), float64(from.Y), float64(to.X), float64(to.Y)
	for _, v := range []float64{ax, ay, bx, by} {
		if !(math.Abs(v) <= far) {
			return
		}
	}
	dx, dy, reach := bx-ax, by-ay, radius+1
	rows := func(v float64) int { return int(min(max(math.Floor(v), 0), float64(c.dst.Rect.Max.Y))) }
	for y := rows(min(ay, by) - reach); y < rows(max(ay, by)+reach+1); y++ {
		py := float64(y) + 0.5
		x1, x2 := min(ax, bx), max(ax, bx) // of the part of the line that is near the row
		if math.Abs(dy) > 1 {
			at := func(y float64) float64 { return ax + dx*min(max((y-ay)/dy, 0), 1) }
			u, v := at(py-reach), at(py+reach)
			x1, x2 = min(u, v), max(u, v)
		}
		columns := image.Rect(int(math.Floor(x1-reach)), y, int(math.Ceil(x2+reach)), y+1).Intersect(c.dst.Rect)
		for x := columns.Min.X; x < columns.Max.X; x++ {
			px := float64(x) + 0.5
			t := 0.0
			if length := dx*dx + dy*dy; length > 0 {
				t = min(max(((px-ax)*dx+(py-ay)*dy)/length, 0), 1)
			}
			if inside := radius + 0.5 - math.Hypot(px-ax-t*dx, py-ay-t*dy); inside > 0 {
				c.blend(x, y, ink, min(inside, 1))
			}
		}
	}
}
