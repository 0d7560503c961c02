package op

import (
	"github.com/argand-go/argand/tensor"
)

// Op is one operator. Backends switch on the concrete types of this package,
// which are pointers: *Conv2d, *Linear, …
type Op interface {
	// Name returns the operator's name in PyTorch's spelling, "conv2d".
	Name() string

	// Infer returns the type and shape of each output for the given operands,
	// or a [*ShapeError] that says which rule they break.
	Infer(in ...Spec) ([]Spec, error)
}

// A Spec is the type and shape of a value.
type Spec struct {
	DType tensor.DType
	Shape tensor.Shape
}

// String returns "float32 (1, 3, 224, 224)".
func (s Spec) String() string { return s.DType.String() + " " + s.Shape.String() }

// Equal reports whether s and t are the same type and shape.
func (s Spec) Equal(t Spec) bool { return s.DType == t.DType && s.Shape.Equal(t.Shape) }

// shapeOf returns the shape of a weight, nil if it was left out, which no
// operator takes.
func shapeOf(weight *tensor.Tensor) tensor.Shape {
	if weight == nil {
		return nil
	}
	return weight.Shape()
}

// F32 returns the Spec of a float32 value.
func F32(shape ...int) Spec { return Spec{tensor.Float32, shape} }

// Act is an activation function.
type Act uint8

// The activation functions, PyTorch's at infinities too: SiLU, HardSwish and
// GELU of −∞ are NaN. Only GELU of +∞ is +∞, where PyTorch has NaN. The zero Act
// leaves its argument as it is.
const (
	NoAct       Act = iota
	ReLU            // max(x, 0)
	Sigmoid         // 1 / (1 + e⁻ˣ)
	SiLU            // x / (1 + e⁻ˣ)
	HardSwish       // x·min(max(x+3, 0), 6) / 6
	HardSigmoid     // min(max(x+3, 0), 6) / 6
	ReLU6           // min(max(x, 0), 6)
	GELU            // x·(1 + erf(x/√2)) / 2
)

// known reports whether a is one of them.
func (a Act) known() bool { return a <= GELU }

// String returns the function's name in PyTorch's spelling.
func (a Act) String() string {
	switch a {
	case NoAct:
		return "none"
	case ReLU:
		return "relu"
	case Sigmoid:
		return "sigmoid"
	case SiLU:
		return "silu"
	case HardSwish:
		return "hardswish"
	case HardSigmoid:
		return "hardsigmoid"
	case ReLU6:
		return "relu6"
	case GELU:
		return "gelu"
	}
	return "act?"
}
