package kernels

import "github.com/argand-go/argand/nn/op"

// linear prepares the weights (O, C) of a fully connected layer. If its
// operand is a flattened image of S×S pixels, known from the operator that
// made it, then it is a convolution with an S×S kernel of (O, C/S², S, S), and
// reads the image as it lies, without a transposition.
func (p *packer) linear(o *op.Linear, maker op.Op) *weights {
	s := o.Weight.Shape()
	if len(s) != 2 || !fits(&o.Epilogue, s[0]) {
		return nil // shape inference reports it
	}
	w := &weights{act: o.Act}
	size := 1
	if m, ok := maker.(*op.RoIAlign); ok && m.Size > 0 && s[1] > 0 && s[1]%(m.Size*m.Size) == 0 {
		w.image, size = true, m.Size
	}
	from := source{tensor: o.Weight, scale: o.Scale, out: s[1], in: size * size}
	var taps []tap
	for u := range size {
		for v := range size {
			from.taps = append(from.taps, u*size+v)
			taps = append(taps, tap{u, v})
		}
	}
	panels := p.add(from, 1, s[0], s[1]/(size*size), [4]int{})
	w.phases = []phase{{taps: taps, panels: panels}}
	w.bias = padBias(o.Bias, panels)
	return w
}

// linear plans a fully connected layer as the convolution of images of one
// output pixel.
func (p *planner) linear(n *op.Node, o *op.Linear, w *weights) {
	in := n.In[0]
	if w.image {
		in = p.flattenOf[in].In[0]
	}
	k := p.product(n, &product{
		weights: w, phase: &w.phases[0],
		in: p.use(in), out: p.write(n, 0),
		inStep: [2]int{1, 1}, outStep: [2]int{1, 1}, size: [2]int{1, 1},
	}, o.Residual)
	p.addStep(n, w.phases[0].panels.tile.Name, k.out, k)
}
