package nn

import (
	"errors"

	"github.com/argand-go/argand/nn/internal/graph"
	"github.com/argand-go/argand/nn/op"
)

// A Value is the output of a layer while a network is traced.
type Value struct {
	trace *graph.Trace
	id    op.Value
}

// Module is a layer or a network with one input and one output.
type Module interface {
	Forward(x Value) Value
}

// Sequential applies modules one after the other. Empty, it is the identity.
type Sequential []Module

// Forward implements [Module].
func (s Sequential) Forward(x Value) Value {
	for _, m := range s {
		x = m.Forward(x)
	}
	return x
}

var (
	errNoTrace   = errors.New("nn: a zero Value was used; Values come from Compile and from layers")
	errTwoTraces = errors.New("nn: Values of two networks were mixed")
)

// apply records an operator with one output, under the path of its layer or "".
func apply(path string, o op.Op, in ...Value) Value { return applyN(path, o, 1, in...)[0] }

// applyN records an operator. A mistake is recorded in its stead, for Compile
// to report; the Values returned are then of no use, but harmless.
func applyN(path string, o op.Op, outputs int, in ...Value) []Value {
	out := make([]Value, outputs)
	var t *graph.Trace
	for _, v := range in {
		if v.trace != nil {
			t = v.trace
		}
	}
	if t == nil {
		return out
	}
	ids := make([]op.Value, len(in))
	for i, v := range in {
		switch {
		case v.trace == nil:
			t.Fail(errNoTrace)
		case v.trace != t:
			t.Fail(errTwoTraces)
			v.trace.Fail(errTwoTraces)
		}
		ids[i] = v.id
	}
	if t.Err != nil {
		for i := range out {
			out[i].trace = t
		}
		return out
	}
	first := t.Add(path, o, outputs, ids...)
	for i := range out {
		out[i] = Value{t, first + op.Value(i)}
	}
	return out
}
