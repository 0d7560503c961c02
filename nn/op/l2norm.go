package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// L2Norm makes the channels of each pixel a vector of length 1, PyTorch's
// normalize, and weighs them, as SSD does what is found at its finest level:
//
//	y[n,c,i,j] = w[c] · x[n,c,i,j] / max(√Σ_k x[n,k,i,j]², 1e-12)
//
// (N, C, H, W) → (N, C, H, W).
type L2Norm struct {
	Weight *tensor.Tensor // w: (C), any float type
}

// L2NormEps is the least length that [L2Norm] divides by.
const L2NormEps = 1e-12

// Name implements [Op].
func (*L2Norm) Name() string { return "normalize" }

// Infer implements [Op].
func (o *L2Norm) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	c := shapeOf(o.Weight)
	if len(c) != 1 || c[0] == 0 {
		return fail("a weight (C,)")
	}
	if len(in) != 1 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 || in[0].Shape[1] != c[0] {
		return fail(fmt.Sprintf("1 operand, float32 (N, %d, H, W)", c[0]))
	}
	return []Spec{in[0]}, nil
}
