package op

import (
	"fmt"
	"math"
	"runtime"

	"github.com/argand-go/argand/tensor"
)

// BatchNorm2d is batch normalisation with fixed statistics, torchvision's
// FrozenBatchNorm2d and PyTorch's BatchNorm2d in eval mode:
//
//	y[n,c,i,j] = γ[c] · (x[n,c,i,j] − μ[c]) / √(σ²[c] + ε) + β[c]
//
// (N, C, H, W) → (N, C, H, W). After a convolution it is folded into its
// [Epilogue]; see [BatchNorm2d.Affine].
type BatchNorm2d struct {
	Weight, Bias *tensor.Tensor // γ, β: (C), any float type
	Mean, Var    *tensor.Tensor // μ, σ²: (C)
	Eps          float64        // ε
}

// Name implements [Op].
func (*BatchNorm2d) Name() string { return "batch_norm" }

// Infer implements [Op].
func (o *BatchNorm2d) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 1 {
		return fail("1 operand")
	}
	c := shapeOf(o.Weight)
	if !o.vectors() {
		return fail("weight, bias, mean and variance of one shape (C,)")
	}
	if x := in[0]; x.DType != tensor.Float32 || len(x.Shape) != 4 || x.Shape[1] != c[0] {
		return fail(fmt.Sprintf("float32 (N, %d, H, W)", c[0]))
	}
	return []Spec{in[0]}, nil
}

// vectors reports whether the four are (C) of the same C.
func (o *BatchNorm2d) vectors() bool {
	c := shapeOf(o.Weight)
	return len(c) == 1 && shapeOf(o.Bias).Equal(c) && shapeOf(o.Mean).Equal(c) && shapeOf(o.Var).Equal(c)
}

// Affine returns the normalisation as y = scale[c]·x + shift[c], in float64.
// It returns a [*tensor.DTypeError] if a vector is not of numbers, and a
// [*ShapeError] if the four are not of one shape.
func (o *BatchNorm2d) Affine() (scale, shift []float64, err error) {
	if !o.vectors() {
		return nil, nil, &ShapeError{Op: o.Name(), Want: "weight, bias, mean and variance of one shape (C,)"}
	}
	var v [4][]float32
	for i, t := range []*tensor.Tensor{o.Weight, o.Bias, o.Mean, o.Var} {
		if v[i], err = t.Float32s(); err != nil {
			return nil, nil, err
		}
	}
	scale, shift = make([]float64, len(v[0])), make([]float64, len(v[0]))
	for c := range scale {
		scale[c] = float64(v[0][c]) / math.Sqrt(float64(v[3][c])+o.Eps)
		shift[c] = float64(v[1][c]) - float64(v[2][c])*scale[c]
	}
	runtime.KeepAlive(o) // and with it mapped files: v may be their memory
	return scale, shift, nil
}
