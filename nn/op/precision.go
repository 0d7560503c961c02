package op

import (
	"fmt"
	"strings"
)

// Precision says how exact arithmetic must be. Inputs and results are float32
// always, and so is what products are added up in. A backend that has not a
// precision refuses it with an [*UnsupportedError].
type Precision uint8

// The precisions. The zero Precision is the default.
const (
	Float32        Precision = iota // errors as float32 arithmetic's own
	TensorFloat32                   // factors of products have 11 significant bits and float32's range
	BFloat16                        // weights and maps are bfloat16: 8 significant bits and float32's range
	Float16                         // weights and maps are float16: 11 significant bits, nothing above 65504
	precisionCount                  // how many there are
)

// precisionNames are the names of the precisions, by value.
var precisionNames = [precisionCount]string{"float32", "tf32", "bfloat16", "float16"}

// String returns the precision's name: "float32", "tf32", "bfloat16" or
// "float16".
func (p Precision) String() string {
	if p < precisionCount {
		return precisionNames[p]
	}
	return fmt.Sprintf("precision %d", uint8(p))
}

// MarshalText implements [encoding.TextMarshaler].
func (p Precision) MarshalText() ([]byte, error) {
	if p >= precisionCount {
		return nil, &PrecisionError{p.String()}
	}
	return []byte(p.String()), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]. Another name than those
// of [Precision.String] is a [*PrecisionError]; an empty one is Float32.
func (p *Precision) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = Float32
		return nil
	}
	for i, name := range precisionNames {
		if name == string(text) {
			*p = Precision(i)
			return nil
		}
	}
	return &PrecisionError{string(text)}
}

// PrecisionError says that there is no precision of a name.
type PrecisionError struct{ Name string }

// Error names those that there are.
func (e *PrecisionError) Error() string {
	return fmt.Sprintf("%q is not a precision: want %s", e.Name, strings.Join(precisionNames[:], ", "))
}
