package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Select takes one pixel of an image, or one token of a sequence:
//
//	y[n,c,0,0] = x[n,c,i,j]   with i·W + j = Index
//
// (N, C, H, W) → (N, C, 1, 1).
type Select struct {
	Index int // of the pixel, from 0, row by row
}

// Name implements [Op].
func (*Select) Name() string { return "select" }

// Infer implements [Op].
func (o *Select) Infer(in ...Spec) ([]Spec, error) {
	valid := len(in) == 1 && in[0].DType == tensor.Float32 && len(in[0].Shape) == 4
	if !valid || o.Index < 0 || o.Index >= in[0].Shape[2:].Len() {
		return nil, &ShapeError{Op: o.Name(), In: in,
			Want: fmt.Sprintf("1 operand, float32 (N, C, H, W) of more than %d pixels", o.Index)}
	}
	return []Spec{F32(in[0].Shape[0], in[0].Shape[1], 1, 1)}, nil
}
