//go:build linux && cgo && !nocuda

package cuda

import (
	"slices"

	"github.com/argand-go/argand/nn/op"
)

// convTranspose2d prepares the weights (C, O, KH, KW) of a transposed
// convolution. Output row i gets kernel row u from input row (i+p−u)/s if that is
// whole, so rows of one remainder (i+p) mod s use the same kernel rows: each pair
// of remainders is a phase, an ordinary convolution of its own, whose kernel
// stands on its head. A 2×2 kernel of stride 2 has four phases of one tap.
func (p *packer) convTranspose2d(o *op.ConvTranspose2d) weights {
	s := o.Weight.Shape()
	stride, _ := o.Window()
	if len(s) != 4 || s.Len() == 0 || min(stride[0], stride[1]) < 1 {
		return weights{} // shape inference reports it
	}
	area := s[2] * s[3]
	var phases [][]int
	for y := range stride[0] {
		for x := range stride[1] {
			var taps []int
			for u := range s[2] {
				for v := range s[3] {
					if u%stride[0] == y && v%stride[1] == x {
						taps = append(taps, u*s[3]+v)
					}
				}
			}
			slices.Reverse(taps)
			phases = append(phases, taps)
		}
	}
	return p.product(matrix{tensor: o.Weight, depth: s[0], channels: s[1], out: area, in: s[1] * area},
		&o.Epilogue, phases...)
}

// convTranspose2d plans a product for each phase that has output pixels.
func (p *planner) convTranspose2d(n *op.Node, o *op.ConvTranspose2d, w weights) {
	x, y, residual := p.read(n, 0), p.write(n, 0), p.residual(n, o.Residual)
	stride, padding := o.Window()
	for phase := range w.matrices {
		at := window{stride: pair{1, 1}, dilation: pair{1, 1}, step: stride}
		for a, remainder := range [2]int{phase / stride[1], phase % stride[1]} {
			taps := max(0, (o.Weight.Shape()[2+a]-remainder+stride[a]-1)/stride[a])
			first := mod(remainder-padding[a], stride[a]) // first output row of the phase
			at.first[a] = first
			at.size[a] = max(0, (y.size()[a]-first+stride[a]-1)/stride[a])
			at.padding[a] = taps - 1 - (first+padding[a]-remainder)/stride[a]
			at.kernel[a] = taps
		}
		if at.kernel[0]*at.kernel[1] == 0 { // holes between the windows: only the bias and the residual
			at.kernel = pair{0, 1}
		}
		p.product(w, phase, x, y, residual, at, &o.Epilogue)
	}
}

// mod returns the remainder of a that is not negative.
func mod(a, b int) int { return (a%b + b) % b }
