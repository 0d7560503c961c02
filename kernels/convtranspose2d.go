package kernels

import "github.com/argand-go/argand/nn/op"

// convTranspose2d prepares the weights (C, O, KH, KW) of a transposed
// convolution. Output row i gets kernel row u from input row (i+p−u)/s if that
// is whole, so rows of one remainder (i+p) mod s use the same kernel rows:
// each pair of remainders is a phase, an ordinary convolution of its own.
// A 2×2 kernel of stride 2 has four phases of one tap.
func (p *packer) convTranspose2d(o *op.ConvTranspose2d) *weights {
	s := o.Weight.Shape()
	if len(s) != 4 || s.Len() == 0 || !fits(&o.Epilogue, s[1]) {
		return nil // shape inference reports it
	}
	stride, _ := o.Window()
	if stride[0] < 1 || stride[1] < 1 {
		return nil
	}
	area := s[2] * s[3]
	w := &weights{act: o.Act}
	for y := range stride[0] {
		for x := range stride[1] {
			from := source{tensor: o.Weight, scale: o.Scale, out: area, in: s[1] * area}
			ph := phase{y: y, x: x}
			for u := y; u < s[2]; u += stride[0] {
				for v := x; v < s[3]; v += stride[1] {
					from.taps = append(from.taps, u*s[3]+v)
					ph.taps = append(ph.taps, tap{-(u / stride[0]), -(v / stride[1])})
				}
			}
			ph.panels = p.add(from, 1, s[1], s[0], [4]int{stride[0], stride[1], y, x})
			w.phases = append(w.phases, ph)
		}
	}
	w.bias = padBias(o.Bias, w.phases[0].panels)
	return w
}

// convTranspose2d plans one product per phase that has output pixels.
func (p *planner) convTranspose2d(n *op.Node, o *op.ConvTranspose2d, w *weights) {
	stride, padding := o.Window()
	in, out := p.read(n, 0), p.write(n, 0)
	var all phases
	for i := range w.phases {
		ph := &w.phases[i]
		k := &product{weights: w, phase: ph, in: in, out: out, inStep: [2]int{1, 1}, outStep: stride}
		for a, remainder := range [2]int{ph.y, ph.x} {
			first := mod(remainder-padding[a], stride[a]) // first output row of the phase
			k.outFirst[a] = first
			k.inFirst[a] = (first + padding[a] - remainder) / stride[a]
			k.size[a] = max(0, ([2]int{out.h, out.w}[a]-first+stride[a]-1)/stride[a])
		}
		all = append(all, p.product(n, k, o.Residual))
	}
	p.addStep(n, w.phases[0].panels.tile.Name, out, all)
}

// phases are the products of a transposed convolution, in one step.
type phases []*product

func (k phases) items(rows int) int {
	n := 0
	for _, p := range k {
		n += p.items(rows)
	}
	return n
}

func (k phases) do(l *lane, rows, i int) {
	for _, p := range k {
		n := p.items(rows)
		if i < n {
			p.do(l, rows, i)
			return
		}
		i -= n
	}
}

// mod returns the remainder of a that is not negative.
func mod(a, b int) int { return (a%b + b) % b }
