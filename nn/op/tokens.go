package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Tokens makes the sequence that a vision transformer reads of the features of
// a picture's patches: the class token, then the patches in row-major order,
// each with the embedding of its position added:
//
//	y[n,e,0,0] = class[e] + position[0,e]
//	y[n,e,1+i·w+j,0] = x[n,e,i,j] + position[1+i·w+j, e]
//
// The positions hold for pictures of one size. Of the second operand, the
// picture, only the shape is used, and has to be of that size.
// (N, E, h, w), (·, ·, H, W) → (N, E, h·w+1, 1).
type Tokens struct {
	Class     *tensor.Tensor // (E), any float type
	Positions *tensor.Tensor // (h·w+1, E), any float type
	Size      [2]int         // H and W of the picture
}

// Name implements [Op].
func (*Tokens) Name() string { return "tokens" }

// Infer implements [Op].
func (o *Tokens) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	class, positions := shapeOf(o.Class), shapeOf(o.Positions)
	if len(class) != 1 || len(positions) != 2 || positions[0] < 1 || positions[1] != class[0] {
		return fail(fmt.Sprintf("a class token (E,) and positions (L, E), not %v and %v", class, positions))
	}
	if len(in) != 2 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 || len(in[1].Shape) != 4 {
		return fail("float32 (N, E, h, w) and a picture (·, ·, H, W)")
	}
	x, picture := in[0].Shape, in[1].Shape
	if [2]int(picture[2:]) != o.Size {
		return fail(fmt.Sprintf("a picture of exactly %d×%d pixels, for which the network has embeddings of positions",
			o.Size[0], o.Size[1]))
	}
	if x[1] != class[0] || x[2]*x[3]+1 != positions[0] {
		return fail(fmt.Sprintf("float32 (N, %d, h, w) of %d pixels, one for each position but the class token's",
			class[0], positions[0]-1))
	}
	return []Spec{F32(x[0], x[1], positions[0], 1)}, nil
}
