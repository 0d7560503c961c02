package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// MaskSelect picks each object's own class from the mask logits and makes it
// a probability, torchvision's maskrcnn_inference:
//
//	y[n,d,i,j] = sigmoid(x[row(n,d), labels[n,d], i, j])
//
// with row the place of object d of picture n among the packed rows (see
// [RoIAlign]). A label outside the classes selects class 0.
//
// Logits (N·D, K, S, S), labels (N, D) int64, counts (N) int32
// → (N, D, S, S); masks of unused places are 0.
type MaskSelect struct{}

// Name implements [Op].
func (*MaskSelect) Name() string { return "mask_select" }

// Infer implements [Op].
func (o *MaskSelect) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 3 {
		return fail("logits, labels and counts")
	}
	l := in[1]
	if l.DType != tensor.Int64 || len(l.Shape) != 2 || !in[2].Equal(Spec{tensor.Int32, l.Shape[:1]}) {
		return fail("labels int64 (N, D) and counts int32 (N,)")
	}
	x := in[0]
	if x.DType != tensor.Float32 || len(x.Shape) != 4 || x.Shape[0] != l.Shape.Len() || x.Shape[1] < 1 {
		return fail(fmt.Sprintf("logits float32 (%d, K, S, S)", l.Shape.Len()))
	}
	return []Spec{F32(l.Shape[0], l.Shape[1], x.Shape[2], x.Shape[3])}, nil
}
