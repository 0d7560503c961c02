package op

import (
	"cmp"
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// ConvTranspose2d is a transposed convolution, PyTorch's ConvTranspose2d with
// one group and no output padding:
//
//	sum[n,o,i,j] = Σ_{c,u,v} w[c,o,u,v] · x[n, c, (i+p−u)/s, (j+p−v)/s]
//
// over the u, v for which both quotients are whole numbers inside x, then the
// [Epilogue]. (N, C, H, W) → (N, O, H', W'), H' = (H−1)s − 2p + K.
type ConvTranspose2d struct {
	Weight  *tensor.Tensor // (C, O, KH, KW), any float type
	Stride  [2]int         // s; 0 means 1
	Padding [2]int         // p
	Epilogue
}

// Name implements [Op].
func (*ConvTranspose2d) Name() string { return "conv_transpose2d" }

// Window returns stride and padding with zeros resolved.
func (o *ConvTranspose2d) Window() (stride, padding [2]int) {
	return [2]int{cmp.Or(o.Stride[0], 1), cmp.Or(o.Stride[1], 1)}, o.Padding
}

// Infer implements [Op].
func (o *ConvTranspose2d) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	w := shapeOf(o.Weight)
	s, p := o.Window()
	if len(in) != 1+o.operands() {
		return fail(fmt.Sprintf("%d operands", 1+o.operands()))
	}
	valid := len(w) == 4 && w.Len() > 0 && min(s[0], s[1]) >= 1 && min(p[0], p[1]) >= 0 &&
		max(s[0], s[1], p[0], p[1]) <= maxWindow
	if !valid {
		return fail(fmt.Sprintf("a valid transposed convolution: weight %v, stride %v, padding %v", w, s, p))
	}
	x := in[0].Shape
	if in[0].DType != tensor.Float32 || len(x) != 4 || x[1] != w[0] {
		return fail(fmt.Sprintf("float32 (N, %d, H, W)", w[0]))
	}
	y := tensor.Shape{x[0], w[1], 0, 0}
	for a := range 2 {
		y[2+a] = (x[2+a]-1)*s[a] - 2*p[a] + w[2+a]
		if x[2+a] == 0 || y[2+a] < 0 {
			return fail("an output of at least 0×0 pixels")
		}
	}
	if rule := o.check(y, w[1], in[1:]); rule != "" {
		return fail(rule)
	}
	return []Spec{{tensor.Float32, y}}, nil
}
