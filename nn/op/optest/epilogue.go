package optest

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// residual returns the operand that the epilogue adds, nil if it adds none.
func residual(e *op.Epilogue, in []*tensor.Tensor) *tensor.Tensor {
	if e.Residual == op.NoResidual {
		return nil
	}
	return in[len(in)-1]
}

// finish stores act(scale[c]·sum + bias[c] + residual) for one channel c of
// one picture n of y, (N, C, H, W) or (N, C).
func finish(e *op.Epilogue, y *tensor.Tensor, n, c int, sums []float64, residual *tensor.Tensor) {
	out := plane(y, n, c)
	var r []float32
	if residual != nil {
		r = plane(residual, n, c)
	}
	for i, s := range sums {
		if e.Scale != nil {
			s *= e.Scale[c]
		}
		if e.Bias != nil {
			s += e.Bias[c]
		}
		switch e.Residual {
		case op.SameResidual:
			s += float64(r[i])
		case op.NearestResidual:
			H, W := y.Shape()[2], y.Shape()[3]
			h, w := residual.Shape()[2], residual.Shape()[3]
			s += float64(r[op.Nearest(i/W, h, H)*w+op.Nearest(i%W, w, W)])
		}
		out[i] = float32(act(e.Act, s))
	}
}

// plane returns t[n, c], the pixels (H, W) of one channel, or one number.
func plane(t *tensor.Tensor, n, c int) []float32 {
	s := t.Shape()
	size := s[2:].Len()
	at := (n*s[1] + c) * size
	return floats(t)[at : at+size]
}

// epilogue fills in a full epilogue for c channels.
func (s source) epilogue(c int, r op.Residual, a op.Act) op.Epilogue {
	return op.Epilogue{Scale: s.vector(c, 1), Bias: s.vector(c, 0), Residual: r, Act: a}
}

// finishes are the epilogues that geometries are tried with.
var finishes = []struct {
	name     string
	batch    int
	residual op.Residual
	act      op.Act
	plain    bool // neither scale nor bias
}{
	{"plain", 1, op.NoResidual, op.NoAct, true},
	{"bias relu", 1, op.NoResidual, op.ReLU, false},
	{"same relu", 3, op.SameResidual, op.ReLU, false},
	{"nearest", 1, op.NearestResidual, op.NoAct, false},
	{"nearest sigmoid", 3, op.NearestResidual, op.Sigmoid, false},
}
