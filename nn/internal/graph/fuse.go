package graph

import (
	"fmt"
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// Fuse returns g with batch norms, residuals and activations absorbed by the
// convolutions and linear layers before them. It changes neither g nor its
// operators.
//
// A fused node stands where the last operator it absorbed stood: there all its
// operands are known, whatever the order in which the network computed them.
func Fuse(g *op.Graph) (*op.Graph, error) {
	f := fuser{
		graph:   op.Graph{Inputs: slices.Clone(g.Inputs), Outputs: slices.Clone(g.Outputs), Values: g.Values},
		readers: make([]int, g.Values),
		maker:   make([]int, g.Values),
	}
	for i := range f.maker {
		f.maker[i] = -1
	}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			f.readers[v]++
		}
	}
	for _, v := range g.Outputs {
		f.readers[v]++
	}
	for _, n := range g.Nodes {
		if err := f.add(n); err != nil {
			return nil, err
		}
	}
	f.graph.Nodes = slices.DeleteFunc(f.graph.Nodes, func(n op.Node) bool { return n.Op == nil })
	return &f.graph, nil
}

type fuser struct {
	graph   op.Graph
	readers []int // per value, outputs of the network included
	maker   []int // per value, the index of its node in graph.Nodes, −1 for inputs
}

// add appends n, absorbing what it may.
func (f *fuser) add(n op.Node) error {
	switch o := n.Op.(type) {
	case *op.BatchNorm2d:
		if err := f.foldBatchNorm(&n, o); err != nil {
			return err
		}
	case *op.Add:
		f.absorbAdd(&n)
	case *op.Activation:
		f.absorbActivation(&n, o)
	}
	n.In = slices.Clone(n.In)
	for _, v := range n.Out {
		f.maker[v] = len(f.graph.Nodes)
	}
	f.graph.Nodes = append(f.graph.Nodes, n)
	return nil
}

// linear returns the node that makes v, with a copy of its operator and that
// copy's epilogue, if v has that many readers and nothing after its sum but
// what after allows.
func (f *fuser) linear(v op.Value, readers int, after func(*op.Epilogue) bool) (*op.Node, *op.Epilogue) {
	if f.maker[v] < 0 || f.readers[v] != readers {
		return nil, nil
	}
	n := f.graph.Nodes[f.maker[v]]
	n.Op = op.Clone(n.Op)
	e := op.EpilogueOf(n.Op)
	if e == nil || !after(e) {
		return nil, nil
	}
	return &n, e
}

// take removes the node that makes v and gives n its operator and path.
func (f *fuser) take(n, by *op.Node, v op.Value) {
	f.graph.Nodes[f.maker[v]].Op = nil
	n.Op, n.Path, n.In = by.Op, by.Path, by.In
}

func isSum(e *op.Epilogue) bool    { return e.Act == op.NoAct && e.Residual == op.NoResidual }
func isLinear(e *op.Epilogue) bool { return e.Act == op.NoAct }

// foldBatchNorm: scale·(s·sum + b) + shift = (scale·s)·sum + (scale·b + shift).
func (f *fuser) foldBatchNorm(n *op.Node, bn *op.BatchNorm2d) error {
	x := n.In[0]
	by, e := f.linear(x, 1, isSum)
	if by == nil || !op.AllowsNearest(by.Op) {
		return nil // of what is no image, for shape inference to report
	}
	scale, shift, err := bn.Affine()
	if err != nil {
		return fmt.Errorf("%s: %s: %w", n.Path, bn.Name(), err)
	}
	if e.Scale != nil && len(e.Scale) != len(scale) || e.Bias != nil && len(e.Bias) != len(scale) {
		return nil // left for shape inference to report
	}
	for c, s := range scale {
		if e.Bias != nil {
			shift[c] += s * e.Bias[c]
		}
		if e.Scale != nil {
			scale[c] *= e.Scale[c]
		}
	}
	e.Scale, e.Bias = scale, shift
	f.take(n, by, x)
	return nil
}

// absorbAdd makes one operand's node add the other. Of two that could, it is
// the one computed last, whose result is the freshest.
func (f *fuser) absorbAdd(n *op.Node) {
	first := 0
	if f.maker[n.In[1]] > f.maker[n.In[0]] {
		first = 1
	}
	for _, i := range []int{first, 1 - first} {
		x, residual := n.In[i], n.In[1-i]
		up, readers := f.upsample(residual), 1
		if up != nil && up.In[1] == x {
			readers = 2 // the addition, and the upsampling to the size of x
		}
		by, e := f.linear(x, readers, isSum)
		if by == nil || x == residual {
			continue
		}
		switch {
		case up != nil && op.AllowsNearest(by.Op) && (readers == 2 || keepsSize(by, up.In[1])):
			e.Residual, residual = op.NearestResidual, up.In[0]
			f.readers[up.In[1]]--
			up.Op = nil
		case readers == 2:
			continue // the upsampling stays, and reads x
		default:
			e.Residual = op.SameResidual
		}
		by.In = append(slices.Clone(by.In), residual)
		f.take(n, by, x)
		return
	}
}

// upsample returns the node that makes v if that is a nearest upsampling with no
// other reader, or else nil.
func (f *fuser) upsample(v op.Value) *op.Node {
	if f.maker[v] < 0 || f.readers[v] != 1 {
		return nil
	}
	n := &f.graph.Nodes[f.maker[v]]
	if o, ok := n.Op.(*op.Upsample); !ok || o.Bilinear {
		return nil
	}
	return n
}

// keepsSize reports whether n is a convolution of like that keeps its height
// and width. For any other value it cannot be known that its size is that of
// n's output, and an upsampling to a wrong size must not be lost.
func keepsSize(n *op.Node, like op.Value) bool {
	o, ok := n.Op.(*op.Conv2d)
	if !ok || n.In[0] != like {
		return false
	}
	stride, padding, dilation, _ := o.Window()
	k := o.Weight.Shape()
	return len(k) == 4 && stride == [2]int{1, 1} &&
		2*padding[0] == dilation[0]*(k[2]-1) && 2*padding[1] == dilation[1]*(k[3]-1)
}

func (f *fuser) absorbActivation(n *op.Node, a *op.Activation) {
	x := n.In[0]
	by, e := f.linear(x, 1, isLinear)
	if by == nil {
		return
	}
	e.Act = a.Act
	f.take(n, by, x)
}
