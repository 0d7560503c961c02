package op

import "github.com/argand-go/argand/tensor"

// Mul multiplies two values, z = x·y: of the same shape, any, or
//
//	z[n,c,i,j] = x[n,c,i,j] · y[n,c,0,0]
//
// (N, C, H, W), (N, C, 1, 1) → (N, C, H, W), in either order: the scaling of
// channels in a squeeze-and-excitation block.
type Mul struct{}

// Name implements [Op].
func (*Mul) Name() string { return "mul" }

// Infer implements [Op].
func (o *Mul) Infer(in ...Spec) ([]Spec, error) {
	if len(in) == 2 && in[0].DType == tensor.Float32 && in[1].DType == tensor.Float32 {
		switch x, y := in[0], in[1]; {
		case x.Equal(y), scales(y, x):
			return []Spec{x}, nil
		case scales(x, y):
			return []Spec{y}, nil
		}
	}
	want := "2 operands of float32 of the same shape, or (N, C, H, W) and (N, C, 1, 1)"
	return nil, &ShapeError{Op: o.Name(), In: in, Want: want}
}

// scales reports whether s has a number for each channel of the images x.
func scales(s, x Spec) bool {
	return len(x.Shape) == 4 && s.Shape.Equal(tensor.Shape{x.Shape[0], x.Shape[1], 1, 1})
}
