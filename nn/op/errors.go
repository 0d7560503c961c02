package op

import (
	"errors"
	"fmt"
	"strings"
)

// A ShapeError reports operands that do not fit an operator.
type ShapeError struct {
	Path string // layer in the network, "layer1.0.conv1"; "" for an operator alone
	Op   string // operator, "conv2d"
	In   []Spec // operands as given
	Want string // the rule they break
}

func (e *ShapeError) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Op + ": got ")
	for i, s := range e.In {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s.String())
	}
	return b.String() + "; want " + e.Want
}

// An UnsupportedError names every operator of a network that a backend cannot
// run. It wraps [errors.ErrUnsupported].
type UnsupportedError struct {
	Backend string
	Missing []string // "layer1.0.conv1: conv2d with groups 2", …
}

func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("%s cannot run: %s", e.Backend, strings.Join(e.Missing, "; "))
}

// Unwrap returns [errors.ErrUnsupported].
func (e *UnsupportedError) Unwrap() error { return errors.ErrUnsupported }

// A StepError reports where in a network a run stopped; Err says why. It
// wraps the context's error when a run was cancelled.
type StepError struct {
	Path string // layer in the network
	Op   string // operator
	Err  error
}

func (e *StepError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Path, e.Op, e.Err) }

// Unwrap returns e.Err.
func (e *StepError) Unwrap() error { return e.Err }

// An OperandError reports a tensor given to a program that is not of the type
// and shape the program was made for.
type OperandError struct {
	Kind  string // "input" or "output"
	Index int    // which of them, −1 when their number is wrong
	Got   string
	Want  string
}

func (e *OperandError) Error() string {
	if e.Index < 0 {
		return fmt.Sprintf("%ss: got %s, want %s", e.Kind, e.Got, e.Want)
	}
	return fmt.Sprintf("%s %d: got %s, want %s", e.Kind, e.Index, e.Got, e.Want)
}

// ErrClosed is returned by models after Close.
var ErrClosed = errors.New("model is closed")
