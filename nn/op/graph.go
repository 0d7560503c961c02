package op

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/argand-go/argand/tensor"
)

// A Value names the result of a node, or an input, within its graph:
// 0, 1, … in order of appearance. It has no shape until inputs have one.
type Value int

// A Node applies one operator.
type Node struct {
	Path string // layer in the network and prefix in the checkpoint, "layer1.0.conv1"
	Op   Op
	In   []Value
	Out  []Value
}

// An Input is one operand of a network.
type Input struct {
	Value Value
	DType tensor.DType
}

// A Graph is a network in execution order: every node comes after those it
// reads. It knows no shapes.
type Graph struct {
	Inputs  []Input
	Nodes   []Node
	Outputs []Value
	Values  int // values are 0 … Values-1
}

// Validate returns an error unless every value is written once, before it is
// read, and every node has an operator and that its weights, and at least an
// operand and a result. Whether it has as many as its operator takes is for
// [Graph.Infer] to see.
func (g *Graph) Validate() error {
	written := make([]bool, g.Values)
	write := func(v Value) error {
		if v < 0 || int(v) >= g.Values {
			return fmt.Errorf("value %d of %d", v, g.Values)
		}
		if written[v] {
			return fmt.Errorf("value %d written twice", v)
		}
		written[v] = true
		return nil
	}
	read := func(v Value) error {
		if v < 0 || int(v) >= g.Values || !written[v] {
			return fmt.Errorf("value %d read before it is written", v)
		}
		return nil
	}
	var errs []error
	for _, in := range g.Inputs {
		errs = append(errs, write(in.Value))
	}
	for _, n := range g.Nodes {
		what := lacks(n.Op)
		switch _, pools := n.Op.(*RoIAlign); { // CountedRows reads its second operand
		case what != "":
		case len(n.In) == 0, pools && len(n.In) < 2:
			what = "operand"
		case len(n.Out) == 0:
			what = "result"
		}
		if what != "" {
			errs = append(errs, fmt.Errorf("%s: the node has no %s", n.Path, what))
		}
		for _, v := range n.In {
			if err := read(v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", n.Path, err))
			}
		}
		for _, v := range n.Out {
			if err := write(v); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", n.Path, err))
			}
		}
	}
	for _, v := range g.Outputs {
		errs = append(errs, read(v))
	}
	return errors.Join(errs...)
}

// lacks returns what o cannot do without and does not have, or "".
func lacks(o Op) string {
	if v := reflect.ValueOf(o); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return "operator"
	}
	switch o := o.(type) {
	case *Conv2d:
		if o.Weight != nil {
			return ""
		}
	case *ConvTranspose2d:
		if o.Weight != nil {
			return ""
		}
	case *Linear:
		if o.Weight != nil {
			return ""
		}
	case *BatchNorm2d:
		if o.Weight != nil && o.Bias != nil && o.Mean != nil && o.Var != nil {
			return ""
		}
	case *L2Norm:
		if o.Weight != nil {
			return ""
		}
	case *LayerNorm:
		if o.Weight != nil && o.Bias != nil {
			return ""
		}
	case *Tokens:
		if o.Class != nil && o.Positions != nil {
			return ""
		}
	default:
		return ""
	}
	return "weight"
}

// Infer returns the type and shape of every value of a valid graph for inputs
// of the given shapes. It returns a [*ShapeError] with the layer's path if
// operands do not fit, or an [*OperandError] for a wrong number of inputs.
func (g *Graph) Infer(in ...tensor.Shape) ([]Spec, error) {
	if len(in) != len(g.Inputs) {
		return nil, &OperandError{"input", -1, fmt.Sprint(len(in)), fmt.Sprint(len(g.Inputs))}
	}
	specs := make([]Spec, g.Values)
	for i, x := range g.Inputs {
		if err := in[i].Validate(); err != nil {
			return nil, &OperandError{"input", i, in[i].String(), err.Error()}
		}
		specs[x.Value] = Spec{x.DType, in[i].Clone()}
	}
	for _, n := range g.Nodes {
		operands := make([]Spec, len(n.In))
		for i, v := range n.In {
			operands[i] = specs[v]
		}
		out, err := n.Op.Infer(operands...)
		if e, ok := errors.AsType[*ShapeError](err); ok && e.Path == "" {
			e.Path = n.Path
		}
		if err != nil {
			return nil, err
		}
		if len(out) != len(n.Out) {
			return nil, fmt.Errorf("%s: %s has %d outputs, the graph has %d", n.Path, n.Op.Name(), len(out), len(n.Out))
		}
		for i, v := range n.Out {
			if err := out[i].Shape.Validate(); err != nil {
				return nil, &ShapeError{n.Path, n.Op.Name(), operands, err.Error()}
			}
			specs[v] = out[i]
		}
	}
	return specs, nil
}

// CountedRows returns, for every value of a valid graph, the value (N) that
// counts its meaningful leading rows (their number is the sum over N), or −1
// if all rows are meaningful. Every operator computes row i of its outputs
// from row i of its operands, and row i means something only if it does in all
// of them, except those that pack rows ([RoIAlign] begins a counted value) or
// take them apart again ([Detections], [MaskSelect], [Keypoints], whose outputs
// are padded with zeros).
func (g *Graph) CountedRows() []Value {
	count := make([]Value, g.Values)
	for i := range count {
		count[i] = -1
	}
	for _, n := range g.Nodes {
		c := Value(-1)
		switch n.Op.(type) {
		case *RoIAlign:
			c = n.In[1]
		case *Proposals, *Detections, *DenseDetections, *MaskSelect, *Keypoints:
		default:
			for i, v := range n.In {
				if c < 0 && !ShapeOnly(n.Op, i) {
					c = count[v]
				}
			}
		}
		for _, v := range n.Out {
			count[v] = c
		}
	}
	return count
}

// ShapeOnly reports whether o uses only the shape of the operand at index i,
// so that a backend need not keep that value for it.
func ShapeOnly(o Op, i int) bool {
	switch o.(type) {
	case *Upsample, *Proposals, *DenseDetections, *Tokens:
		return i == 1
	case *SSDDetections:
		return i == 1
	case *Preprocess, *MaskPaste:
		return i == 2
	}
	return false
}
