package gorgonia

import (
	"errors"
	"testing"
)

// TestBelt: a panic of gorgonia's becomes an error. None is known that the
// conditions before it let through.
func TestBelt(t *testing.T) {
	err := func() (err error) {
		defer belt(&err, Error{Op: "ToDense", DType: "float32"})
		panic("index out of range")
	}()
	var e *Error
	if !errors.As(err, &e) || e.Reason != Panicked {
		t.Fatalf("got %v", err)
	}
	const want = "gorgonia: ToDense of float32 (): gorgonia.org/tensor panicked: index out of range"
	if err.Error() != want || errors.Unwrap(err) == nil {
		t.Errorf("got %q, want %q", err, want)
	}
}
