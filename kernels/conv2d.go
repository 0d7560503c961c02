package kernels

import "github.com/argand-go/argand/nn/op"

// conv2d prepares the weights (O, C/G, KH, KW) of a convolution.
func (p *packer) conv2d(o *op.Conv2d) (*weights, error) {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 {
		return nil, nil // shape inference reports it
	}
	_, padding, dilation, groups := o.Window()
	if groups < 1 || s[0]%groups != 0 || !fits(&o.Epilogue, s[0]) {
		return nil, nil
	}
	if isDepthwise(o) {
		return p.depthwise(o)
	}
	if edge := p.model.convolution.edge(o); edge > 0 {
		return p.winograd(o, edge), nil
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
	return &weights{phases: []phase{{taps: taps, panels: panels}}, bias: padBias(o.Bias, panels), act: o.Act}, nil
}

// conv2d plans a convolution: the window of output pixel (i, j) begins at
// input pixel (i, j) times the stride.
func (p *planner) conv2d(n *op.Node, o *op.Conv2d, w *weights) {
	if w.depth != nil {
		p.depthwise(n, o, w)
		return
	}
	if w.filters != nil {
		p.winograd(n, o, w)
		return
	}
	stride, padding, dilation, groups := o.Window()
	in, ph := p.read(n, 0), &w.phases[0]
	if kernel := o.Weight.Shape()[2:]; in.c <= fewChannels && kernel[1] > 1 && dilation[1] == 1 && groups == 1 {
		in, ph = p.rowTaps(n, in, padding, dilation[0], kernel, ph.panels)
	}
	out := p.write(n, 0)
	k := p.product(n, &product{
		weights: w, phase: ph,
		in: in, out: out,
		inStep: stride, outStep: [2]int{1, 1}, size: [2]int{out.h, out.w},
	}, o.Residual)
	p.addStep(n, ph.panels.tile.Name, k.out, k)
}

// fewChannels are too few for a tap: a tile spends longer on finding its
// pixels than on multiplying them. Merging taps makes the stem of a ResNet,
// 7×7 on 3 channels, four times as fast.
const fewChannels = 8

// rowTaps plans a copy of an image with its padding, without gaps between
// pixels. There the pixels under a row of the kernel are one run of floats, so
// that the row is one tap, of as many channels as the row has numbers. The
// packed weights are in this order as they are.
func (p *planner) rowTaps(
	n *op.Node, in *value, padding [2]int, dilation int, kernel []int, w *panels,
) (*value, *phase) {
	padded := &value{
		spec: in.spec, first: -1,
		n: in.n, h: in.h + 2*padding[0], w: in.w + 2*padding[1], c: in.c, stride: in.c,
	}
	p.memory = append(p.memory, padded)
	p.touch(padded)
	k := &bordering{in: in, out: padded, padding: padding}
	k.spans = spansOf(padded.n*padded.h, padded.w*padded.c)
	p.emit(n.Path, "pad", "", padded, k)
	p.program.steps[len(p.program.steps)-1].count = p.count(n.Out[0])

	rows := *w
	rows.taps, rows.k = kernel[0], kernel[1]*w.k
	ph := &phase{panels: &rows}
	for u := range kernel[0] {
		ph.taps = append(ph.taps, tap{u * dilation, 0})
	}
	return padded, ph
}

// bordering is the kernel that copies an image of few channels, which lie
// without gaps, into a frame of zeros.
type bordering struct {
	in, out *value
	padding [2]int
	spans   spans // of rows of pixels
}

func (k *bordering) items(rows int) int { return k.spans.upTo(rows * k.out.h).items() }

func (k *bordering) do(l *lane, rows, i int) {
	first, end := k.spans.upTo(rows * k.out.h).of(i)
	for row := first; row < end; row++ {
		n, y := row/k.out.h, row%k.out.h
		dst := l.mem[k.out.at(n, y, 0):][:k.out.w*k.out.c]
		side := k.padding[1] * k.out.c
		if y -= k.padding[0]; y < 0 || y >= k.in.h {
			clear(dst)
			continue
		}
		clear(dst[:side])
		copy(dst[side:], l.mem[k.in.at(n, y, 0):][:k.in.w*k.in.c])
		clear(dst[len(dst)-side:])
	}
}
