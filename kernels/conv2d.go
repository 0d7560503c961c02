package kernels

import "github.com/argand-go/argand/nn/op"

// conv2d prepares the weights (O, C/G, KH, KW) of a convolution.
func (p *packer) conv2d(o *op.Conv2d) *weights {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 {
		return nil // shape inference reports it
	}
	_, padding, dilation, groups := o.Window()
	if groups < 1 || s[0]%groups != 0 || !fits(&o.Epilogue, s[0]) {
		return nil
	}
	from := source{tensor: o.Weight, scale: o.Scale, out: s[1] * s[2] * s[3], in: s[2] * s[3]}
	var taps []tap
	for u := range s[2] {
		for v := range s[3] {
			from.taps = append(from.taps, u*s[3]+v)
			taps = append(taps, tap{u*dilation[0] - padding[0], v*dilation[1] - padding[1]})
		}
	}
	panels := p.add(from, groups, s[0]/groups, s[1], [4]int{})
	return &weights{phases: []phase{{taps: taps, panels: panels}}, bias: padBias(o.Bias, panels), act: o.Act}
}

// conv2d plans a convolution: the window of output pixel (i, j) begins at
// input pixel (i, j) times the stride.
func (p *planner) conv2d(n *op.Node, o *op.Conv2d, w *weights) {
	stride, _, _, _ := o.Window()
	out := p.write(n, 0)
	k := p.product(n, &product{
		weights: w, phase: &w.phases[0],
		in: p.read(n, 0), out: out,
		inStep: stride, outStep: [2]int{1, 1}, size: [2]int{out.h, out.w},
	}, o.Residual)
	p.addStep(n, w.phases[0].panels.tile.Name, k.out, k)
}
