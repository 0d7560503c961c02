package op

import (
	"reflect"
	"slices"

	"github.com/argand-go/argand/tensor"
)

// Outline returns a copy of g in which the tensors of the operators have types
// and shapes but no elements; see [tensor.Tensor.Outline]. It infers shapes and
// counts operations as g does, and keeps no checkpoint in memory: who has packed
// the weights needs no more of them. Scales and biases of epilogues stay.
func (g *Graph) Outline() *Graph {
	outline := *g
	outline.Nodes = slices.Clone(g.Nodes)
	for i := range outline.Nodes {
		outline.Nodes[i].Op = outlineOf(outline.Nodes[i].Op)
	}
	return &outline
}

// outlineOf returns o, or a copy of it without elements.
func outlineOf(o Op) Op {
	from := reflect.ValueOf(o)
	if from.Kind() != reflect.Pointer || from.Elem().Kind() != reflect.Struct {
		return o
	}
	to := reflect.New(from.Elem().Type())
	to.Elem().Set(from.Elem())
	for i := range to.Elem().NumField() {
		field := to.Elem().Field(i)
		if !field.CanSet() {
			continue
		}
		if t, ok := reflect.TypeAssert[*tensor.Tensor](field); ok && t != nil {
			field.Set(reflect.ValueOf(t.Outline()))
		}
	}
	return to.Interface().(Op)
}
