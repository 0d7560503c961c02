package optest

import (
	"fmt"
	"math"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// activation computes y = act(x), element by element.
func activation(o *op.Activation, y, x *tensor.Tensor) {
	out := floats(y)
	for i, v := range floats(x) {
		out[i] = float32(act(o.Act, float64(v)))
	}
}

// lastAct is the activation function named last; NoAct is the first.
const lastAct = op.GELU

func act(a op.Act, x float64) float64 {
	switch a {
	case op.ReLU:
		return max(x, 0)
	case op.Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case op.SiLU:
		return x / (1 + math.Exp(-x))
	case op.HardSwish:
		return x * min(max(x+3, 0), 6) / 6
	case op.HardSigmoid:
		return min(max(x+3, 0), 6) / 6
	case op.ReLU6:
		return min(max(x, 0), 6)
	case op.GELU:
		return x / 2 * math.Erfc(-x/math.Sqrt2)
	}
	return x
}

func activationCases() (cases []testCase) {
	for a := op.NoAct; a <= lastAct; a++ {
		for _, shape := range []tensor.Shape{
			{1, 1, 1, 1}, {3, 5, 7, 9}, {1, 64, 4, 4}, {1, 33}, {7}, {}, {0, 4}, {2, 3, 5}, {2, 1, 3, 1, 2},
		} {
			cases = append(cases, numeric(fmt.Sprintf("activation/%v/%v", a, shape), func(s source) sample {
				return one(&op.Activation{Act: a}, s.wide(shape...))
			}))
		}
		cases = append(cases, numeric(fmt.Sprintf("activation/%v/far from zero", a), func(s source) sample {
			x := []float32{-1e30, -1000, -104, -90, -89, -88, -87, -17, -1e-3, 0, 1e-3, 17, 87, 88, 89, 90, 104, 1000, 1e30}
			return one(&op.Activation{Act: a}, of(x, len(x)))
		}))
		// Where results are exact: the ends of the straight parts, and what is no number.
		cases = append(cases, exact(fmt.Sprintf("activation/%v/NaN and infinities", a), func(s source) sample {
			inf := float32(math.Inf(1))
			x := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 200, -200, 1 << 100}
			if a != op.Sigmoid && a != op.SiLU && a != op.GELU {
				x = append(x, -3, 3, 6, -6, 9)
			}
			return one(&op.Activation{Act: a}, of(x, len(x)))
		}))
		cases = append(cases, fusedActivation(a)...)
	}
	return cases
}

// fusedActivation returns cases of everything that applies a to its own sums.
func fusedActivation(a op.Act) (cases []testCase) {
	for _, g := range []geometry{
		{in: 9, out: 37, k: sq(1), h: 5, w: 9},
		{in: 3, out: 35, k: sq(7), stride: sq(2), pad: sq(3), h: 9, w: 11},
		{in: 40, out: 41, k: sq(3), pad: sq(1), h: 9, w: 10},
		{in: 12, out: 20, k: sq(3), pad: sq(1), groups: 4, h: 6, w: 5},
		{in: 29, out: 29, k: sq(5), stride: sq(2), pad: sq(2), groups: 29, h: 9, w: 10},
		{in: 21, out: 21, k: sq(3), pad: sq(1), groups: 21, h: 4, w: 9},
	} {
		cases = append(cases, numeric(fmt.Sprintf("conv2d/activation/%v/%v", a, g), func(s source) sample {
			o := g.conv(s)
			o.Epilogue = s.spread(g.out, a)
			return s.image(o, &o.Epilogue, 2, g.in, g.h, g.w)
		}))
	}
	return append(cases,
		numeric(fmt.Sprintf("conv_transpose2d/activation/%v", a), func(s source) sample {
			o := &op.ConvTranspose2d{Weight: s.weight(tensor.Float32, 7, 7, 19, 2, 2), Stride: sq(2)}
			o.Epilogue = s.spread(19, a)
			return s.image(o, &o.Epilogue, 2, 7, 5, 3)
		}),
		numeric(fmt.Sprintf("linear/activation/%v", a), func(s source) sample {
			o := &op.Linear{Weight: s.weight(tensor.Float32, 13, 45, 13), Epilogue: s.spread(45, a)}
			return one(o, s.normal(14, 13), s.normal(14, 45))
		}))
}

// spread is a full epilogue of numbers so far from zero that they reach all
// parts of an activation function.
func (s source) spread(c int, a op.Act) op.Epilogue {
	e := s.epilogue(c, op.SameResidual, a)
	for i := range e.Bias {
		e.Bias[i] *= 12
	}
	return e
}

// wide returns numbers from N(0, 5).
func (s source) wide(shape ...int) *tensor.Tensor {
	t := s.normal(shape...)
	for i := range floats(t) {
		floats(t)[i] *= 5
	}
	return t
}
