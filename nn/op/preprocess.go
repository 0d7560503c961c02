package op

import (
	"fmt"

	"github.com/argand-go/argand/tensor"
)

// Preprocess makes the image that a detector looks at of pictures as they were
// decoded, torchvision's GeneralizedRCNNTransform: it normalises, scales
// bilinearly without corners aligned and without antialiasing, and pads with
// zeros on the right and below.
//
//	x[n,c,i,j] = Values[c][pictures[n, 3·(i·w+j)+c]]
//	s[n,c,i,j] = (1−q)·x[n,c,i,low(j)] + q·x[n,c,i,high(j)]  of w′ columns
//	y[n,c,i,j] = (1−p)·s[n,c,low(i),j] + p·s[n,c,high(i),j]  of h′ rows, 0 beyond
//
// with low, high and the shares p and q of [Between], in float32: a share times
// its number is rounded, the rest is one fused multiply-add. Where a share is 0
// only the low number counts.
//
// Pictures (N, B) uint8, B a multiple of 4: the first bytes of a row are a
// picture, the rest is room for larger ones. Sizes (N, 5) int32: height h and
// width w, height h′ and width w′ once scaled, and the bytes of a sample: 4 for a
// picture (3, h, w) of float32, in the host's order of bytes, which is x itself;
// anything else is 1, for a picture (h, w, 3). A canvas (·, ·, H, W), of which only
// the shape is used → image (N, 3, H, W) float32, and its pictures' sizes (N, 2)
// float32: h′ and w′. What is larger than the canvas is scaled to it. A picture
// that has no pixels, or more than B bytes, is none: zeros, of size 0×0.
type Preprocess struct {
	Values [3][256]float32 // per channel, what a byte is once normalised
}

// Name implements [Op].
func (*Preprocess) Name() string { return "preprocess" }

// preprocessSizes is the columns of the sizes that Preprocess takes.
const preprocessSizes = 5

// Infer implements [Op].
func (o *Preprocess) Infer(in ...Spec) ([]Spec, error) {
	fail := func(want string) ([]Spec, error) { return nil, &ShapeError{Op: o.Name(), In: in, Want: want} }
	if len(in) != 3 {
		return fail("pictures, sizes and canvas")
	}
	p := in[0]
	if p.DType != tensor.Uint8 || len(p.Shape) != 2 || p.Shape[1]%4 != 0 {
		return fail("pictures uint8 (N, B), B a multiple of 4")
	}
	n := p.Shape[0]
	if want := (Spec{tensor.Int32, tensor.Shape{n, preprocessSizes}}); !in[1].Equal(want) {
		return fail(fmt.Sprintf("sizes %v", want))
	}
	canvas := in[2].Shape
	if len(canvas) != 4 {
		return fail("canvas (·, ·, H, W)")
	}
	return []Spec{F32(n, 3, canvas[2], canvas[3]), F32(n, 2)}, nil
}

// A PreprocessSize is a row of the sizes that [Preprocess] takes.
type PreprocessSize struct {
	Height, Width             int // of the picture
	ScaledHeight, ScaledWidth int
	Sample                    int // bytes: 1 or 4
}

// PreprocessSizeOf returns row n of sizes, as Preprocess understands it for
// pictures of the given bytes at most and an image of h×w pixels: within these
// bounds, or all zero.
func PreprocessSizeOf(sizes []int32, n, bytes, h, w int) PreprocessSize {
	row := sizes[preprocessSizes*n:][:preprocessSizes]
	s := PreprocessSize{int(row[0]), int(row[1]), min(int(row[2]), h), min(int(row[3]), w), int(row[4])}
	if s.Sample != 4 {
		s.Sample = 1
	}
	if min(s.Height, s.Width, s.ScaledHeight, s.ScaledWidth) < 1 || s.Height > bytes/(3*s.Sample)/s.Width {
		return PreprocessSize{}
	}
	return s
}

// Between returns which of in pixels pixel i of out lies between when an axis is
// scaled linearly without corners aligned, and the share of the second, as
// PyTorch 1.13 computes them:
//
//	at = max(r·(i+0.5) − 0.5, 0)  in float64, r = float32(in)/float32(out)
//
// low is ⌊at⌋, or in−1 if that is less, high is low+1 or the same, and the share
// is at−low in float32. An axis that keeps its size is not scaled.
func Between(i, in, out int) (low, high int, share float32) {
	if in == out {
		return i, i, 0
	}
	at := max(float64(float64(float32(in)/float32(out))*(float64(i)+0.5))-0.5, 0)
	low = min(int(at), in-1)
	return low, min(low+1, in-1), float32(at - float64(low))
}
