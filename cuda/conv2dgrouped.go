//go:build linux && cgo && !nocuda

package cuda

import "github.com/argand-go/argand/nn/op"

// grouped prepares the weights (O, C/G, KH, KW) of a convolution in groups, which
// are float32 in every precision.
func (p *packer) grouped(m matrix, e *op.Epilogue, taps []int) weights {
	m.rows, m.columns = m.depth, round(m.channels, elementBF16.lanes())
	return p.add(m, e, taps)
}

// grouped plans a convolution in groups of so many inputs and outputs, as its
// formula stands.
func (p *planner) grouped(w weights, x, y, residual *value, at window, inputs, outputs int, act op.Act) {
	kernel, count := "conv2d_grouped_"+x.element.suffix(), y.pixels()*y.stride
	switch {
	case x.element != y.element:
		kernel += "_" + y.element.suffix()
	case inputs == 1 && outputs == 1:
		kernel, count = "conv2d_depthwise_"+x.element.suffix(), y.vectors()
	}
	p.each(kernel, count,
		x, p.packed(w.matrices[0]), p.packed(w.bias), residual, y, i64(count),
		x.size(), i32(inputs), i32(x.stride), y.size(), i32(y.c), i32(outputs), i32(w.columns), i32(y.stride),
		at.kernel, at.stride, at.padding, at.dilation, residual.sizeOr(y), i32(act))
}
