package op

import (
	"strconv"

	"github.com/argand-go/argand/tensor"
)

// CheckOperands returns an [*OperandError] unless the tensors of a run are what
// its program was planned for: as many, of these types and shapes, and not
// outlines. Kind is "input" or "output". It is for backends.
func CheckOperands(kind string, specs []Spec, ts []*tensor.Tensor) error {
	if len(specs) != len(ts) {
		return &OperandError{Kind: kind, Index: -1, Got: strconv.Itoa(len(ts)), Want: strconv.Itoa(len(specs))}
	}
	for i, t := range ts {
		if t == nil {
			return &OperandError{Kind: kind, Index: i, Got: "nil", Want: specs[i].String()}
		}
		if got := (Spec{DType: t.DType(), Shape: t.Shape()}); !got.Equal(specs[i]) {
			return &OperandError{Kind: kind, Index: i, Got: got.String(), Want: specs[i].String()}
		}
		if len(t.Bytes()) == 0 && t.Len() > 0 {
			return &OperandError{Kind: kind, Index: i, Got: "an outline", Want: specs[i].String()}
		}
	}
	return nil
}
