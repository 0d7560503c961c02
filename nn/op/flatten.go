package op

import "github.com/argand-go/argand/tensor"

// Flatten joins all axes but the first, in row-major order of the logical
// (N, C, H, W): y[n, (c·H+i)·W+j] = x[n,c,i,j]. (N, …) → (N, M).
type Flatten struct{}

// Name implements [Op].
func (*Flatten) Name() string { return "flatten" }

// Infer implements [Op].
func (o *Flatten) Infer(in ...Spec) ([]Spec, error) {
	if len(in) != 1 || in[0].DType != tensor.Float32 || len(in[0].Shape) < 1 {
		return nil, &ShapeError{Op: o.Name(), In: in, Want: "1 operand, float32 (N, …)"}
	}
	return []Spec{F32(in[0].Shape[0], in[0].Shape[1:].Len())}, nil
}
