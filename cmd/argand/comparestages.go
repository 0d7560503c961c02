package main

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/argand-go/argand/nn"
	"github.com/argand-go/argand/tensor"
)

// A comparison is one stage beside the golden's.
type comparison struct {
	Path     string  `json:"path"`
	Call     int     `json:"call,omitempty"`
	Shape    []int   `json:"shape"`
	Greatest float64 `json:"greatest"` // absolute value of the golden's
	// Difference is the greatest there is, as a part of Greatest. Where there is a row for each object, it is that of the
	// rows that have a partner within the tolerance.
	Difference difference `json:"difference"`
	Alone      int        `json:"alone,omitempty"` // rows that have no such partner
	Missing    bool       `json:"missing,omitempty"`
	Here       []int      `json:"here,omitempty"` // the shape, if it is another
	Agrees     bool       `json:"agrees"`
}

// A difference is a number of at least 0, or infinity, which JSON has no number for: it is null there.
type difference float64

// MarshalJSON returns a number or null.
func (d difference) MarshalJSON() ([]byte, error) {
	if math.IsInf(float64(d), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(d))
}

// stageBytes is how much memory the results of one run may take besides the network's own.
const stageBytes = 512 << 20

// groups divides the paths of stages, so that the results of each group fit into memory.
func groups(stages []goldenStage) [][]string {
	size := map[string]int{}
	var order []string
	for _, s := range stages {
		if size[s.Path] == 0 {
			order = append(order, s.Path)
		}
		size[s.Path] += 4 * tensor.Shape(s.Shape).Len()
	}
	var all [][]string
	total := 0
	for _, path := range order {
		if total += size[path]; total > stageBytes || len(all) == 0 {
			all, total = append(all, nil), size[path]
		}
		last := len(all) - 1
		all[last] = append(all[last], path)
	}
	return all
}

// leastUnit stands for the greatest number of a stage that is all zeros but for rounding, as a norm of one pixel gives.
const leastUnit = 1e-12

// rowSlack is how much further than the numbers of other stages those of rows may be apart. Rows are cut from features
// at the places of boxes, so that a hundredth of a pixel between boxes shows in all of them.
const rowSlack = 100

// compareStage compares a golden stage with what a layer has made here.
func compareStage(s goldenStage, own *tensor.Tensor, tolerance float64) comparison {
	c := comparison{Path: s.Path, Call: s.Call, Shape: s.Shape, Greatest: s.Greatest}
	data, err := tensor.Data[float32](own)
	at := places(s, own.Shape())
	if err != nil || at == nil {
		c.Here = own.Shape()
		return c
	}
	unit := math.Max(s.Greatest, leastUnit)
	rows, n := s.Shape[0], s.perRow()
	if rows > 1 {
		tolerance *= rowSlack
	}
	size := own.Shape().Len() / own.Shape()[0]
	mine := make([]float32, min(rows, own.Shape()[0])*n)
	for i := range mine {
		mine[i] = data[i/n*size+at[i%n]]
	}
	for i := range rows {
		row := s.Samples[i*n : (i+1)*n]
		nearest := math.Inf(1)
		for j := range len(mine) / n {
			k := (i + j) % (len(mine) / n) // most often it is where it was
			if nearest = math.Min(nearest, apart(row, mine[k*n:(k+1)*n])/unit); nearest <= tolerance {
				break
			}
		}
		switch {
		case nearest <= tolerance || rows == 1:
			c.Difference = max(c.Difference, difference(nearest))
		default:
			c.Alone++
		}
	}
	// A box that is nearly as good as another may be in one program's list and not in the other's.
	c.Agrees = float64(c.Difference) <= tolerance && c.Alone <= rows/50
	return c
}

// apart returns the greatest difference of two rows; of what is not a number, infinity.
func apart(a, b []float32) float64 {
	most := 0.0
	for i, v := range a {
		d := math.Abs(float64(v) - float64(b[i]))
		if v == b[i] {
			d = 0 // infinities
		}
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		most = math.Max(most, d)
	}
	return most
}

// places returns where in a row of the given shape the numbers of a stage are, or nil if the shape is another one's.
func places(s goldenStage, own tensor.Shape) []int {
	golden := s.Shape[1:]
	mine := slices.Clone(own[1:])
	for len(mine) > len(golden) && mine[len(mine)-1] == 1 { // a sequence is a column of pixels here
		mine = mine[:len(mine)-1]
	}
	order := make([]int, len(golden)) // axes of mine in the golden's order
	for i := range order {
		order[i] = i
		if s.ChannelsLast {
			order[i] = (i + 1) % len(golden)
		}
	}
	if len(mine) != len(golden) || s.Shape[0] == 1 && own[0] != 1 {
		return nil
	}
	stride := make([]int, len(golden))
	for i, axis := range order {
		if mine[axis] != golden[i] {
			return nil
		}
		stride[i] = tensor.Shape(mine[axis+1:]).Len()
	}
	at := make([]int, s.perRow())
	n := uint64(tensor.Shape(golden).Len())
	for j := range at {
		rest := int(uint64(j) * 2654435761 % n)
		for i := len(golden) - 1; i >= 0; i-- {
			at[j] += rest % golden[i] * stride[i]
			rest /= golden[i]
		}
	}
	return at
}

// stages compares as the results of layers come in.
type stages struct {
	golden    []goldenStage
	found     []comparison
	tolerance float64
}

func newStages(g *dump, tolerance float64) *stages {
	s := &stages{g.Stages, make([]comparison, len(g.Stages)), tolerance}
	for i, stage := range g.Stages {
		s.found[i] = comparison{Path: stage.Path, Call: stage.Call, Shape: stage.Shape, Greatest: stage.Greatest,
			Missing: true}
	}
	return s
}

// receive is called with the result of a layer.
func (s *stages) receive(tap nn.Tap, result *tensor.Tensor) {
	for i, stage := range s.golden {
		if stage.Path == tap.Path && stage.Call == tap.Call {
			s.found[i] = compareStage(stage, result, s.tolerance)
		}
	}
}
