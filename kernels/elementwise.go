package kernels

import (
	"math"

	"github.com/argand-go/argand/kernels/internal/tile"
	"github.com/argand-go/argand/nn/op"
)

// An elementwise kernel computes every pixel of its output from the same
// pixel of its operands.
type elementwise struct {
	pixelwise
	x, y *value // y is nil for functions of one operand
	once bool   // the images of y are one pixel, for all of x's
	run  func(dst, x, y []float32)
}

func (k *elementwise) do(l *lane, rows, i int) {
	first, end := k.pixels(rows).of(i)
	out, x, y := k.out, k.x, k.y
	if y == nil {
		y = x
	}
	if out.dense() && x.dense() && y.dense() && !k.once {
		n := (end - first) * out.c
		k.run(l.mem[out.off+first*out.c:][:n], l.mem[x.off+first*out.c:][:n], l.mem[y.off+first*out.c:][:n])
		return
	}
	for p := first; p < end; p++ {
		q := p
		if k.once {
			q = p / (out.h * out.w)
		}
		k.run(l.mem[out.off+p*out.stride:][:out.c], l.mem[x.off+p*x.stride:][:out.c], l.mem[y.off+q*y.stride:][:out.c])
	}
}

// add plans z = x + y.
func (p *planner) add(n *op.Node) {
	k := &elementwise{pixelwise: p.pixelwise(n), x: p.read(n, 0), y: p.read(n, 1), run: p.model.tier.Add}
	p.addStep(n, "", k.out, k)
}

// mul plans z = x·y; of images one may be of one pixel.
func (p *planner) mul(n *op.Node) {
	k := &elementwise{pixelwise: p.pixelwise(n), x: p.read(n, 0), y: p.read(n, 1), run: p.model.tier.Mul}
	pixels := func(v *value) int { return v.h * v.w }
	if pixels(k.x) != pixels(k.out) {
		k.x, k.y = k.y, k.x
	}
	k.once = pixels(k.y) != pixels(k.out)
	p.addStep(n, "", k.out, k)
}

// activation plans y = act(x).
func (p *planner) activation(n *op.Node, act op.Act) {
	k := &elementwise{pixelwise: p.pixelwise(n), x: p.read(n, 0)}
	rows, first := rowsOf(&p.model.tier.Vectors, act), []int{0}
	k.run = func(dst, x, _ []float32) {
		if rows == nil {
			copy(dst, x)
			return
		}
		rows(dst, x, first, len(dst))
	}
	p.addStep(n, "", k.out, k)
}

// rowsOf returns the loops for an activation function, nil for none.
func rowsOf(v *tile.Vectors, act op.Act) tile.Rows {
	switch act {
	case op.ReLU:
		return v.ReLU
	case op.Sigmoid:
		return v.Sigmoid
	case op.SiLU:
		return v.SiLU
	case op.HardSwish:
		return v.HardSwish
	case op.HardSigmoid:
		return v.HardSigmoid
	case op.ReLU6:
		return v.ReLU6
	case op.GELU:
		return v.GELU
	}
	return nil
}

// sigmoidOf returns 1 / (1 + e⁻ˣ) for what needs it of single numbers.
func sigmoidOf(x float32) float32 { return 1 / (1 + float32(math.Exp(float64(-x)))) }

// after returns what a kernel that applies ReLU by itself does to the rows it
// has stored, while they are in L1, nil for nothing.
func (r *run) after(act op.Act) tile.Rows {
	if act == op.ReLU {
		return nil
	}
	return rowsOf(r.vectors, act)
}

// newBatchNorm2d keeps a batch norm that follows no convolution as a scale and
// a shift, each rounded once.
func newBatchNorm2d(o *op.BatchNorm2d) (*weights, error) {
	c := o.Weight.Shape()
	if len(c) != 1 || !o.Bias.Shape().Equal(c) || !o.Mean.Shape().Equal(c) || !o.Var.Shape().Equal(c) {
		return nil, nil // shape inference reports it
	}
	scale, shift, err := o.Affine()
	if err != nil {
		return nil, err
	}
	w := &weights{scale: make([]float32, len(scale)), shift: make([]float32, len(scale))}
	for i := range scale {
		w.scale[i], w.shift[i] = float32(scale[i]), float32(shift[i])
	}
	return w, nil
}

// A normalisation computes scale[c]·x + shift[c].
type normalisation struct {
	pixelwise
	x *value
	*weights
}

func (p *planner) batchNorm2d(n *op.Node, w *weights) {
	k := &normalisation{pixelwise: p.pixelwise(n), x: p.read(n, 0), weights: w}
	p.addStep(n, "", k.out, k)
}

func (k *normalisation) do(l *lane, rows, i int) {
	first, end := k.pixels(rows).of(i)
	for p := first; p < end; p++ {
		dst, x := l.mem[k.out.off+p*k.out.stride:][:k.out.c], l.mem[k.x.off+p*k.x.stride:][:k.out.c]
		scale, shift := k.scale[:len(dst)], k.shift[:len(dst)]
		for c := range dst {
			dst[c] = x[c]*scale[c] + shift[c]
		}
	}
}
