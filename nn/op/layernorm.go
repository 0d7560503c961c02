package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// LayerNorm normalises the channels of each pixel, PyTorch's LayerNorm(C) on
// (N, H, W, C) and torchvision's LayerNorm2d:
//
//	y[n,c,i,j] = γ[c] · (x[n,c,i,j] − μ) / √(σ² + ε) + β[c]
//
// with μ and σ² = Σ(x − μ)²/C of the C numbers x[n,·,i,j].
// (N, C, H, W) → (N, C, H, W).
type LayerNorm struct {
	Weight, Bias *tensor.Tensor // γ, β: (C), any float type
	Eps          float64        // ε
}

// Name implements [Op].
func (*LayerNorm) Name() string { return "layer_norm" }

// Infer implements [Op].
func (o *LayerNorm) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	c := shapeOf(o.Weight)
	if len(c) != 1 || c[0] == 0 || !shapeOf(o.Bias).Equal(c) {
		return fail("weight and bias of one shape (C,)")
	}
	if len(in) != 1 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 || in[0].Shape[1] != c[0] {
		return fail(fmt.Sprintf("1 operand, float32 (N, %d, H, W)", c[0]))
	}
	return []Spec{in[0]}, nil
}
