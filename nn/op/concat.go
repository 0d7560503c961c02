package op

import "github.com/argand-go/argand/tensor"

// Concat puts the channels of images one after the other, PyTorch's cat(dim=1):
//
//	y[n, C₁+…+Cₖ₋₁+c, i, j] = xₖ[n,c,i,j]
//
// (N, C₁, H, W), (N, C₂, H, W), … → (N, C₁+C₂+…, H, W), of one operand or more.
type Concat struct{}

// Name implements [Op].
func (*Concat) Name() string { return "cat" }

// Infer implements [Op].
func (o *Concat) Infer(in ...Spec) ([]Spec, error) {
	if len(in) == 0 {
		return nil, &ShapeError{Op: o.Name(), Want: "an operand"}
	}
	y := in[0].Shape.Clone()
	for i, x := range in {
		if x.DType != tensor.Float32 || len(x.Shape) != 4 {
			return nil, &ShapeError{Op: o.Name(), In: in, Want: "operands of float32 (N, ·, H, W)"}
		}
		if i > 0 {
			y[1] += x.Shape[1]
		}
		if !x.Shape.Equal(tensor.Shape{y[0], x.Shape[1], y[2], y[3]}) {
			return nil, &ShapeError{Op: o.Name(), In: in, Want: "operands of one N, H and W"}
		}
	}
	return []Spec{{tensor.Float32, y}}, nil
}
