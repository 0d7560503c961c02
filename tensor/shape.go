package tensor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A Shape is the extent of each axis, outermost first: (N, C, H, W) for
// images. The empty shape is a scalar; an extent may be 0.
type Shape []int

// Len returns the number of elements. It is meaningful for valid shapes only;
// see [Shape.Validate].
func (s Shape) Len() int {
	n := 1
	for _, d := range s {
		n *= d
	}
	return n
}

// Equal reports whether s and t have the same axes.
func (s Shape) Equal(t Shape) bool { return slices.Equal(s, t) }

// Clone returns a copy of s.
func (s Shape) Clone() Shape { return slices.Clone(s) }

// Validate returns a [*ShapeError] unless every extent is at least 0 and an
// array of this shape, of elements of up to 16 bytes, can be addressed.
func (s Shape) Validate() error {
	n := 1
	for _, d := range s {
		if d < 0 {
			return &ShapeError{Shape: s.Clone(), Want: "no negative extent"}
		}
		if d == 0 {
			continue // the other extents must still multiply without overflow
		}
		if n > math.MaxInt/16/d {
			return &ShapeError{Shape: s.Clone(), Want: "fewer elements than memory can address"}
		}
		n *= d
	}
	return nil
}

// String formats s as PyTorch does: (1, 3, 224, 224), (4,) or ().
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('(')
	for i, d := range s {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(d))
	}
	if len(s) == 1 {
		b.WriteByte(',')
	}
	b.WriteByte(')')
	return b.String()
}

// A ShapeError reports a shape that breaks a rule.
type ShapeError struct {
	Shape Shape
	Want  string // the rule it breaks
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("tensor: shape %v, want %s", e.Shape, e.Want)
}
