package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Attention is scaled dot-product attention between all pixels of an image,
// PyTorch's MultiheadAttention without its projections. The 3E channels are
// queries q, keys k and values v of E each, of which every head has d = E/Heads:
//
//	s[h,i,j] = Σ_c q[h·d+c, i] · k[h·d+c, j] / √d
//	y[h·d+c, i] = Σ_j exp(s[h,i,j]) · v[h·d+c, j] / Σ_j exp(s[h,i,j])
//
// for pixels i and j of one picture. (N, 3E, H, W) → (N, E, H, W).
type Attention struct {
	Heads int // at least 1; it divides E
}

// Name implements [Op].
func (*Attention) Name() string { return "scaled_dot_product_attention" }

// Infer implements [Op].
func (o *Attention) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if o.Heads < 1 || len(in) != 1 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 {
		return fail("at least 1 head and 1 operand, float32 (N, 3·E, H, W)")
	}
	y := in[0].Shape.Clone()
	if y[1] == 0 || y[1]%3 != 0 || y[1]/3%o.Heads != 0 {
		return fail(fmt.Sprintf("float32 (N, 3·E, H, W) with %d heads that divide E", o.Heads))
	}
	y[1] /= 3
	return []Spec{{tensor.Float32, y}}, nil
}
