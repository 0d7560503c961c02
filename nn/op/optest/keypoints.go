package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// keypoints scales each map by a factor and then to its box, and takes the first
// of the greatest numbers: maps (N·D, K, S, S), boxes (N, D, 4), count (N)
// → (N, D, K, 3). Results are decisions, so that numbers are rounded as the
// operator says.
func keypoints(o *op.Keypoints, y, maps, boxes, count *tensor.Tensor) {
	capacity, kinds := boxes.Shape()[1], maps.Shape()[1]
	row := 0
	for n, used := range rows(count, capacity) {
		for d := range used {
			b := [4]float32(floats(boxes)[(n*capacity+d)*4:])
			w, columns, okX := op.HeatSide(b[0], b[2])
			h, lines, okY := op.HeatSide(b[1], b[3])
			for k := range kinds {
				if !okX || !okY {
					continue
				}
				heat, side := enlarged(plane(maps, row, k), maps.Shape()[3], o.Scale)
				i, j, score := hottest(heat, side, columns, lines)
				out := plane(y, n, d)[3*k:]
				out[0] = float32((float32(j)+0.5)*(w/float32(columns))) + b[0]
				out[1] = float32((float32(i)+0.5)*(h/float32(lines))) + b[1]
				out[2] = score
			}
			row++
		}
	}
}

// enlarged returns a square map scaled bilinearly, and its side.
func enlarged(m []float32, size, scale int) ([]float32, int) {
	side := size * scale
	heat := make([]float32, side*side)
	for i := range side {
		upper, lower, p := op.Between(i, size, side)
		for j := range side {
			a, b, q := op.Between(j, size, side)
			above := weighed(m[upper*size+a], m[upper*size+b], q)
			below := weighed(m[lower*size+a], m[lower*size+b], q)
			heat[i*side+j] = weighed(above, below, p)
		}
	}
	return heat, side
}

// hottest returns the pixel of the greatest number of a square map that is
// scaled to w×h pixels.
func hottest(heat []float32, side, w, h int) (i, j int, score float32) {
	sum := func(weights [4]float32, number func(k int) float32) float32 {
		s := float32(weights[1] * number(1))
		for _, k := range []int{0, 2, 3} {
			s = float32(float64(weights[k])*float64(number(k)) + float64(s))
		}
		return s
	}
	within := func(k int) int { return min(max(k, 0), side-1) }
	score = float32(math.Inf(-1))
	for y := range h {
		top, v := op.Cubic(y, side, h)
		for x := range w {
			left, u := op.Cubic(x, side, w)
			number := sum(v, func(r int) float32 {
				row := heat[within(top+r)*side:]
				return sum(u, func(c int) float32 { return row[within(left+c)] })
			})
			if number > score || isNaN(number) && !isNaN(score) {
				i, j, score = y, x, number
			}
		}
	}
	return i, j, score
}

func keypointsCases() (cases []testCase) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, m := range []struct {
		name           string
		counts         []int
		d, k, s, scale int
		whole          bool // numbers of the maps, so that some are equal
		odd            float32
		boxes          [][4]float32
	}{
		{name: "persons", counts: []int{3}, d: 4, k: 17, s: 28, scale: 2, boxes: [][4]float32{
			{10.3, 20.7, 61.2, 131.9}, {5, 5, 61, 61}, {30.5, 2.25, 48.1, 20.9}}},
		{name: "pictures with gaps", counts: []int{2, 0, 1}, d: 3, k: 3, s: 7, scale: 2, boxes: [][4]float32{
			{0, 0, 40.5, 30}, {9, 9, 12, 80}, {-7.5, 3, 31, 19}}},
		{name: "smaller than a pixel", counts: []int{5}, d: 5, k: 2, s: 14, scale: 2, boxes: [][4]float32{
			{5, 5, 5, 5}, {9, 9, 3, 4}, {3, 3, 4, 70}, {3.5, 3, 90, 3.25}, {1, 1, 2.0000002, 2}}},
		{name: "one number", counts: []int{2}, d: 2, k: 3, s: 1, scale: 1, boxes: [][4]float32{{3, 3, 9, 12}, {0, 0, 1, 1}}},
		{name: "scaled by three", counts: []int{2}, d: 2, k: 3, s: 3, scale: 3, boxes: [][4]float32{
			{3, 3, 19, 12}, {0, 0, 6, 8}}},
		{name: "equal numbers", counts: []int{4}, d: 4, k: 5, s: 12, scale: 1, whole: true, boxes: [][4]float32{
			{2, 3, 14, 15}, {0, 0, 12, 24}, {0, 0, 6, 6}, {0, 0, 48, 36}}},
		{name: "NaN", counts: []int{3}, d: 3, k: 9, s: 9, scale: 2, odd: nan, boxes: [][4]float32{
			{2, 3, 44, 65}, {0, 0, 18, 18}, {0, 0, 7, 5}}},
		{name: "infinity", counts: []int{3}, d: 3, k: 9, s: 9, scale: 1, odd: inf, boxes: [][4]float32{
			{2, 3, 44, 65}, {0, 0, 9, 9}, {0, 0, 7, 5}}},
		{name: "minus infinity", counts: []int{3}, d: 3, k: 9, s: 9, scale: 1, odd: -inf, boxes: [][4]float32{
			{2, 3, 44, 65}, {0, 0, 9, 9}, {0, 0, 7, 5}}},
		{name: "refused boxes", counts: []int{5}, d: 6, k: 2, s: 5, scale: 2, boxes: [][4]float32{
			{nan, 3, 44, 65}, {0, 0, inf, 18}, {0, -inf, 7, 5}, {0, 0, 65537, 1}, {3, 4, 9, 9}}},
		{name: "no objects", counts: []int{0, 0}, d: 3, k: 2, s: 5, scale: 2},
		{name: "no picture", d: 3, k: 2, s: 5, scale: 2},
		{name: "no capacity", counts: []int{0}, k: 2, s: 5, scale: 2},
		{name: "no keypoints", counts: []int{1}, d: 2, s: 5, scale: 2, boxes: [][4]float32{{2, 3, 44, 65}}},
	} {
		name := fmt.Sprintf("keypoints/%s, %v of %d of %dx%d", m.name, m.counts, m.k, m.s, m.s)
		cases = append(cases, exact(name, func(s source) sample {
			n := len(m.counts)
			maps := s.normal(n*m.d, m.k, m.s, m.s)
			for i, v := range floats(maps) {
				if m.whole {
					floats(maps)[i] = float32(math.Round(float64(v)))
				}
				if m.odd != 0 && s.IntN(3*m.s*m.s) == 0 {
					floats(maps)[i] = m.odd
				}
			}
			boxes, counts := empty(tensor.Float32, n, m.d, 4), empty(tensor.Int32, n)
			next := 0
			for i, c := range m.counts {
				data[int32](counts)[i] = int32(c)
				for d := range c {
					copy(floats(boxes)[(i*m.d+d)*4:], m.boxes[next][:])
					next++
				}
			}
			return one(&op.Keypoints{Scale: m.scale}, maps, boxes, counts)
		}))
	}
	return cases
}
