package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// GroupNorm normalises groups of channels of each picture by their own
// statistics (Wu and He, "Group Normalization", 2018), PyTorch's GroupNorm: the
// channels are divided into Groups of neighbours, and
//
//	sum[n,c,i,j] = (x[n,c,i,j] − μ) / √(σ² + ε)
//
// with the mean μ and the variance σ² = mean of (x − μ)² of all the numbers of
// c's group in picture n, and then the [Epilogue], whose Scale and Bias are
// PyTorch's weight γ and bias β. (N, C, H, W) → (N, C, H, W).
type GroupNorm struct {
	Groups int     // at least 1; divides C
	Eps    float64 // ε
	Epilogue
}

// Name implements [Op].
func (*GroupNorm) Name() string { return "group_norm" }

// Infer implements [Op].
func (o *GroupNorm) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 1+o.operands() {
		return fail(fmt.Sprintf("%d operands", 1+o.operands()))
	}
	x := in[0].Shape
	if in[0].DType != tensor.Float32 || len(x) != 4 || o.Groups < 1 || x[1]%o.Groups != 0 {
		return fail(fmt.Sprintf("float32 (N, C, H, W) with C a multiple of %d groups", o.Groups))
	}
	if o.Residual == NearestResidual {
		return fail("a residual of the output's size")
	}
	if rule := o.check(x, x[1], in[1:]); rule != "" {
		return fail(rule)
	}
	return []Spec{in[0]}, nil
}
