package graph

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// Narrow returns g with its selections of single pixels moved up before the
// operators that compute each pixel from the same pixel of their operands, as
// far as nothing else reads what they make. Of its last block a vision
// transformer then computes all but the attention for the class token alone.
// It changes neither g nor its operators.
func Narrow(g *op.Graph) *op.Graph {
	n := narrower{
		graph:  op.Graph{Inputs: slices.Clone(g.Inputs), Outputs: slices.Clone(g.Outputs), Values: g.Values},
		wanted: wantedPixels(g),
		narrow: make([]bool, g.Values),
		is:     make([]op.Value, g.Values),
		chosen: make(map[choice]op.Value),
	}
	for v := range n.is {
		n.is[v] = op.Value(v)
	}
	for _, node := range g.Nodes {
		n.add(node)
	}
	for i, v := range n.graph.Outputs {
		n.graph.Outputs[i] = n.is[v]
	}
	return &n.graph
}

// What is wanted of a value besides the index of the one pixel of it that is.
const (
	nothing = -1
	all     = -2
)

// wantedPixels returns, for every value, which one of its pixels is all that is
// read of it.
func wantedPixels(g *op.Graph) []int {
	wanted := make([]int, g.Values)
	for v := range wanted {
		wanted[v] = nothing
	}
	want := func(v op.Value, pixel int) {
		if wanted[v] != nothing && wanted[v] != pixel {
			pixel = all
		}
		wanted[v] = pixel
	}
	for _, v := range g.Outputs {
		want(v, all)
	}
	for _, n := range slices.Backward(g.Nodes) {
		pixel := all
		if s, ok := n.Op.(*op.Select); ok && s.Index >= 0 {
			pixel = s.Index
		} else if byPixel(n.Op) && wanted[n.Out[0]] >= 0 {
			pixel = wanted[n.Out[0]]
		}
		for _, v := range n.In {
			want(v, pixel)
		}
	}
	return wanted
}

// byPixel reports whether o computes every pixel of its only result from the
// same pixel of its operands, all of the same height and width.
func byPixel(o op.Op) bool {
	switch o := o.(type) {
	case *op.Conv2d:
		stride, padding, _, _ := o.Window()
		s := o.Weight.Shape()
		return len(s) == 4 && s[2] == 1 && s[3] == 1 && stride == [2]int{1, 1} && padding == [2]int{} &&
			o.Residual <= op.SameResidual
	case *op.Add, *op.Activation, *op.BatchNorm2d, *op.LayerNorm:
		return true
	}
	return false
}

type narrower struct {
	graph  op.Graph
	wanted []int      // see wantedPixels
	narrow []bool     // per value of the old graph: it is the one pixel now
	is     []op.Value // per value of the old graph: the one that is the same now
	chosen map[choice]op.Value
}

// A choice is one pixel of a value that has more.
type choice struct {
	of    op.Value
	pixel int
}

// add appends a node, of one pixel if no more is wanted of it.
func (n *narrower) add(node op.Node) {
	if _, ok := node.Op.(*op.Select); ok && n.narrow[node.In[0]] {
		n.is[node.Out[0]] = n.is[node.In[0]]
		return
	}
	pixel := n.wanted[node.Out[0]]
	narrow := pixel >= 0 && byPixel(node.Op)
	in := make([]op.Value, len(node.In))
	for i, v := range node.In {
		in[i] = n.is[v]
		if narrow && !n.narrow[v] {
			in[i] = n.choose(choice{n.is[v], pixel}, node.Path)
		}
	}
	node.In = in
	n.narrow[node.Out[0]] = narrow
	n.graph.Nodes = append(n.graph.Nodes, node)
}

// choose returns the value that a choice is.
func (n *narrower) choose(c choice, path string) op.Value {
	one, ok := n.chosen[c]
	if !ok {
		one = op.Value(n.graph.Values)
		n.graph.Values++
		n.chosen[c] = one
		n.graph.Nodes = append(n.graph.Nodes, op.Node{
			Path: path + "/select", Op: &op.Select{Index: c.pixel}, In: []op.Value{c.of}, Out: []op.Value{one},
		})
	}
	return one
}
