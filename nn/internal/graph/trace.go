package graph

import (
	"fmt"
	"io"
	"strings"

	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// A Trace is a network being recorded.
type Trace struct {
	Graph op.Graph
	Err   error // the first mistake made while recording

	paths []string // per value, of the node that makes it
}

// Input appends an input.
func (t *Trace) Input(d tensor.DType) op.Value {
	v := t.value("")
	t.Graph.Inputs = append(t.Graph.Inputs, op.Input{Value: v, DType: d})
	return v
}

// Add appends an operator with the given number of outputs and returns the
// first; the others follow it. An operator without a path of its own, one that
// is no layer, is named after the layer it follows: "layer1.0.bn3/add".
func (t *Trace) Add(path string, o op.Op, outputs int, in ...op.Value) op.Value {
	if path == "" {
		path = o.Name()
		if after, _, _ := strings.Cut(t.paths[in[0]], "/"); after != "" {
			path = after + "/" + path
		}
	}
	n := op.Node{Path: path, Op: o, In: in, Out: make([]op.Value, outputs)}
	for i := range n.Out {
		n.Out[i] = t.value(path)
	}
	t.Graph.Nodes = append(t.Graph.Nodes, n)
	return n.Out[0]
}

// Fail records err unless an earlier mistake is recorded already.
func (t *Trace) Fail(err error) {
	if t.Err == nil {
		t.Err = err
	}
}

func (t *Trace) value(path string) op.Value {
	t.paths = append(t.paths, path)
	t.Graph.Values++
	return op.Value(t.Graph.Values - 1)
}

// Dump writes g, a node a line: "%5 = conv2d(%4, %1) layer1.0.conv3 +residual
// +relu".
func Dump(w io.Writer, g *op.Graph) error {
	names := func(vs []op.Value) string {
		s := make([]string, len(vs))
		for i, v := range vs {
			s[i] = fmt.Sprintf("%%%d", v)
		}
		return strings.Join(s, ", ")
	}
	var b strings.Builder
	for _, in := range g.Inputs {
		fmt.Fprintf(&b, "%%%d = input %v\n", in.Value, in.DType)
	}
	for _, n := range g.Nodes {
		fmt.Fprintf(&b, "%s = %s(%s) %s%s\n", names(n.Out), n.Op.Name(), names(n.In), n.Path, fused(n.Op))
	}
	fmt.Fprintf(&b, "return %s\n", names(g.Outputs))
	_, err := io.WriteString(w, b.String())
	return err
}

// fused describes what an operator has absorbed.
func fused(o op.Op) (s string) {
	e := op.EpilogueOf(o)
	if e == nil {
		return ""
	}
	if e.Scale != nil {
		s += " +scale"
	}
	if e.Bias != nil {
		s += " +bias"
	}
	switch e.Residual {
	case op.SameResidual:
		s += " +residual"
	case op.NearestResidual:
		s += " +upsampled"
	}
	if e.Act != op.NoAct {
		s += " +" + e.Act.String()
	}
	return s
}
