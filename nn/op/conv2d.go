package op

import (
	"cmp"
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Conv2d is a two-dimensional convolution, PyTorch's Conv2d with zero padding:
//
//	sum[n,o,i,j] = Σ_{c,u,v} w[o,c,u,v] · x[n, g·C/G+c, i·s+u·d−p, j·s+v·d−p]
//
// with g = o / (O/G) and x zero outside, then the [Epilogue].
// (N, C, H, W) [, residual] → (N, O, H', W'), H' = (H + 2p − d(K−1) − 1)/s + 1.
type Conv2d struct {
	Weight   *tensor.Tensor // (O, C/G, KH, KW), any float type
	Stride   [2]int         // s, vertical and horizontal; 0 means 1
	Padding  [2]int         // p
	Dilation [2]int         // d; 0 means 1
	Groups   int            // G; 0 means 1
	Epilogue
}

// maxWindow is the greatest kernel, stride, padding or dilation: none has a use
// above, and sizes computed with them do not overflow below.
const maxWindow = 1 << 16

// Name implements [Op].
func (*Conv2d) Name() string { return "conv2d" }

// Window returns stride, padding, dilation and groups with zeros resolved.
func (o *Conv2d) Window() (stride, padding, dilation [2]int, groups int) {
	one := func(a [2]int) [2]int { return [2]int{cmp.Or(a[0], 1), cmp.Or(a[1], 1)} }
	return one(o.Stride), o.Padding, one(o.Dilation), cmp.Or(o.Groups, 1)
}

// Infer implements [Op].
func (o *Conv2d) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	w := shapeOf(o.Weight)
	s, p, d, g := o.Window()
	if len(in) != 1+o.operands() {
		return fail(fmt.Sprintf("%d operands", 1+o.operands()))
	}
	valid := len(w) == 4 && w.Len() > 0 && g > 0 && w[0]%g == 0 &&
		min(s[0], s[1], d[0], d[1]) >= 1 && min(p[0], p[1]) >= 0 &&
		max(s[0], s[1], d[0], d[1], p[0], p[1]) <= maxWindow
	if !valid {
		return fail(fmt.Sprintf("a valid convolution: weight %v, stride %v, padding %v, dilation %v, groups %d",
			w, s, p, d, g))
	}
	x := in[0].Shape
	if in[0].DType != tensor.Float32 || len(x) != 4 || x[1] != w[1]*g {
		return fail(fmt.Sprintf("float32 (N, %d, H, W)", w[1]*g))
	}
	y := tensor.Shape{x[0], w[0], 0, 0}
	for a := range 2 {
		span := x[2+a] + 2*p[a] - d[a]*(w[2+a]-1) - 1
		if span < 0 {
			return fail(fmt.Sprintf("a padded size of at least %v", [2]int{d[0]*(w[2]-1) + 1, d[1]*(w[3]-1) + 1}))
		}
		y[2+a] = span/s[a] + 1
	}
	if rule := o.check(y, w[0], in[1:]); rule != "" {
		return fail(rule)
	}
	return []Spec{{tensor.Float32, y}}, nil
}
