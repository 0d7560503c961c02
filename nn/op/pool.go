package op

import (
	"cmp"
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// MaxPool2d takes the maximum over a window, PyTorch's MaxPool2d without
// dilation:
//
//	y[n,c,i,j] = max_{u,v} x[n, c, i·s+u−p, j·s+v−p]
//
// over the u, v < K inside x. A NaN in the window is the result.
// (N, C, H, W) → (N, C, H', W'), H' = ⌊(H + 2p − K)/s⌋ + 1, or with Ceil
// ⌈(H + 2p − K)/s⌉ + 1, less a last window that begins below x.
type MaxPool2d struct {
	Kernel  [2]int // K
	Stride  [2]int // s; 0 means K
	Padding [2]int // p, at most K/2
	Ceil    bool   // PyTorch's ceil_mode: pixels left over have a window, too
}

// Name implements [Op].
func (*MaxPool2d) Name() string { return "max_pool2d" }

// Window returns kernel, stride and padding with zeros resolved.
func (o *MaxPool2d) Window() (kernel, stride, padding [2]int) {
	return o.Kernel, [2]int{cmp.Or(o.Stride[0], o.Kernel[0]), cmp.Or(o.Stride[1], o.Kernel[1])}, o.Padding
}

// Infer implements [Op].
func (o *MaxPool2d) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	k, s, p := o.Window()
	if len(in) != 1 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 {
		return fail("1 operand, float32 (N, C, H, W)")
	}
	y := in[0].Shape.Clone()
	for a := range 2 {
		if k[a] < 1 || s[a] < 1 || p[a] < 0 || p[a] > k[a]/2 || max(k[a], s[a]) > maxWindow {
			return fail(fmt.Sprintf("a valid window: kernel %v, stride %v, padding %v", k, s, p))
		}
		x, over := y[2+a], y[2+a]+2*p[a]-k[a]
		if o.Ceil {
			over += s[a] - 1
		}
		if x == 0 || over < 0 {
			return fail(fmt.Sprintf("a padded size of at least %v", k))
		}
		y[2+a] = over/s[a] + 1
		if o.Ceil && over/s[a]*s[a] >= x+p[a] {
			y[2+a]--
		}
	}
	return []Spec{{tensor.Float32, y}}, nil
}

// GlobalAvgPool2d averages each channel, PyTorch's AdaptiveAvgPool2d(1):
//
//	y[n,c,0,0] = Σ_{i,j} x[n,c,i,j] / (H·W)
//
// (N, C, H, W) → (N, C, 1, 1).
type GlobalAvgPool2d struct{}

// Name implements [Op].
func (*GlobalAvgPool2d) Name() string { return "adaptive_avg_pool2d" }

// Infer implements [Op].
func (o *GlobalAvgPool2d) Infer(in ...Spec) ([]Spec, error) {
	if len(in) != 1 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 || in[0].Shape[2]*in[0].Shape[3] == 0 {
		return nil, &ShapeError{Op: o.Name(), In: in, Want: "1 operand, float32 (N, C, H, W) of at least one pixel"}
	}
	return []Spec{F32(in[0].Shape[0], in[0].Shape[1], 1, 1)}, nil
}
