package gorgonia

import (
	"fmt"
	"strings"

	"github.com/argand-go/argand/tensor"
)

// A Reason says why an array cannot be shared.
type Reason string

// The reasons.
const (
	Missing      Reason = "there is no array, but nil"
	DType        Reason = "the other side has no elements of this type"
	Empty        Reason = "gorgonia panics on arrays without elements"
	Layout       Reason = "its elements do not lie row-major without gaps; Materialize, Transpose or copy it first"
	Masked       Reason = "it has a mask"
	Inaccessible Reason = "its memory cannot be read from Go"
	Malformed    Reason = "it is malformed"
	Panicked     Reason = "gorgonia.org/tensor panicked"
)

// An Error reports an array that [ToDense] or [FromDense] cannot share.
type Error struct {
	Op     string       // "ToDense" or "FromDense"
	DType  string       // the elements as their side calls them: "float16", "complex128"; "" for a nil array
	Shape  tensor.Shape // the array's
	Reason Reason
	Err    error // what is behind it, or nil
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gorgonia: %s", e.Op)
	if e.DType != "" {
		fmt.Fprintf(&b, " of %s %v", e.DType, e.Shape)
	}
	fmt.Fprintf(&b, ": %s", e.Reason)
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns what is behind the error, or nil.
func (e *Error) Unwrap() error { return e.Err }

// belt turns a panic into e: gorgonia panics where other packages return
// errors, and not all of its conditions are documented.
func belt(err *error, e Error) {
	if r := recover(); r != nil {
		e.Reason, e.Err = Panicked, fmt.Errorf("%v", r)
		*err = &e
	}
}
