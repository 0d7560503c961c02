package op

import "github.com/argand-go/argand/tensor"

// Upsample scales images, up or down, to the height and width of a second
// operand of which only the shape is used. It repeats pixels, PyTorch's
// interpolate(mode="nearest"),
//
//	y[n,c,i,j] = x[n, c, near(i, h, H), near(j, w, W)]
//
// with [Nearest], or if Bilinear is set takes them from between pixels,
// interpolate(mode="bilinear", align_corners=False),
//
//	s[n,c,i,j] = (1−q)·x[n,c,i,low(j)] + q·x[n,c,i,high(j)]  of W columns
//	y[n,c,i,j] = (1−p)·s[n,c,low(i),j] + p·s[n,c,high(i),j]  of H rows
//
// with low, high and the shares p and q of [Between]. Where a share is 0 only
// the low number counts. (N, C, h, w), (·, ·, H, W) → (N, C, H, W).
type Upsample struct {
	Bilinear bool
}

// Name implements [Op].
func (*Upsample) Name() string { return "interpolate" }

// Infer implements [Op].
func (o *Upsample) Infer(in ...Spec) ([]Spec, error) {
	if len(in) != 2 || in[0].DType != tensor.Float32 || len(in[0].Shape) != 4 || len(in[1].Shape) != 4 {
		return nil, &ShapeError{Op: o.Name(), In: in, Want: "float32 (N, C, h, w) and (·, ·, H, W)"}
	}
	x, like := in[0].Shape, in[1].Shape
	if x[2]*x[3] == 0 && like[2]*like[3] != 0 {
		return nil, &ShapeError{Op: o.Name(), In: in, Want: "at least one pixel to take values from"}
	}
	return []Spec{F32(x[0], x[1], like[2], like[3])}, nil
}

// Nearest returns which of in pixels stands for pixel i of out, as PyTorch
// computes it: min(⌊i·(float32(in)/float32(out))⌋, in−1) in float32.
func Nearest(i, in, out int) int {
	return min(int(float32(i)*(float32(in)/float32(out))), in-1)
}
