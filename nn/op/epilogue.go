package op

import "github.com/argand-go/argand/tensor"

// Residual says how the last operand is added in an [Epilogue].
type Residual uint8

// The ways to add a residual. The zero Residual adds none: the operator then
// has one operand less.
const (
	NoResidual      Residual = iota
	SameResidual             // an operand of the output's shape
	NearestResidual          // (N, C, h, w), read at the nearest pixel as [Upsample] does
)

// An Epilogue is what is done to each element of an operator's sum before it is
// stored:
//
//	y[n,c,…] = act(scale[c]·sum[n,c,…] + bias[c] + residual[n,c,…])
//
// The zero Epilogue does nothing. Scale and Bias are kept in float64 so that a
// folded batch norm is rounded once, when the weights are packed.
type Epilogue struct {
	Scale    []float64 // (C), nil for 1
	Bias     []float64 // (C), nil for 0
	Residual Residual
	Act      Act
}

// operands returns how many operands an operator with this epilogue takes
// besides its own.
func (e *Epilogue) operands() int {
	if e.Residual == NoResidual {
		return 0
	}
	return 1
}

// check returns the rule that the epilogue breaks for an output of the given
// shape and the operands after the operator's own, or "".
func (e *Epilogue) check(out tensor.Shape, channels int, rest []Spec) string {
	if e.Scale != nil && len(e.Scale) != channels || e.Bias != nil && len(e.Bias) != channels {
		return "scale and bias of one number per output channel"
	}
	if e.Residual > NearestResidual || !e.Act.known() {
		return "a known residual and activation"
	}
	switch e.Residual {
	case SameResidual:
		if !rest[0].Equal(Spec{tensor.Float32, out}) {
			return "a residual of the output's shape " + out.String()
		}
	case NearestResidual:
		r := rest[0]
		images := len(out) == 4 && r.DType == tensor.Float32 && len(r.Shape) == 4
		if !images || r.Shape[0] != out[0] || r.Shape[1] != out[1] || (r.Shape.Len() == 0) != (out.Len() == 0) {
			return "a residual (N, C, h, w) to upsample to " + out.String()
		}
	}
	return ""
}

// EpilogueOf returns the epilogue of o to read or fill in, nil if an operator
// of its kind has none.
func EpilogueOf(o Op) *Epilogue {
	switch o := o.(type) {
	case *Conv2d:
		return &o.Epilogue
	case *ConvTranspose2d:
		return &o.Epilogue
	case *Linear:
		return &o.Epilogue
	case *GroupNorm:
		return &o.Epilogue
	}
	return nil
}

// Clone returns a copy of o that shares its tensors, so that its epilogue can
// be filled in; operators without an epilogue are returned as they are.
func Clone(o Op) Op {
	switch o := o.(type) {
	case *Conv2d:
		c := *o
		return &c
	case *ConvTranspose2d:
		c := *o
		return &c
	case *Linear:
		c := *o
		return &c
	case *GroupNorm:
		c := *o
		return &c
	}
	return o
}

// AllowsNearest reports whether o may have a [NearestResidual]: whether its
// output is an image.
func AllowsNearest(o Op) bool {
	switch o.(type) {
	case *Conv2d, *ConvTranspose2d:
		return true
	}
	return false
}
