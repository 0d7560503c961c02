package kernels

import (
	"math"
	"unsafe"

	"github.com/argand-go/argand/nn/op"
)

// A box is x1, y1, x2, y2. Arithmetic on boxes is float32 in the order of
// torchvision's; the conversions of products keep compilers from fusing them
// into the sums, as PyTorch's separate kernels cannot.
type box [4]float32

// boxes returns the memory of a value as boxes.
func (r *run) boxes(v *value) []box { return boxesOf(r.f32(v)) }

func boxesOf(s []float32) []box {
	return unsafe.Slice((*box)(unsafe.Pointer(unsafe.SliceData(s))), len(s)/4)
}

// decode returns the box that the deltas d move b to, with dw and dh held at
// most at [op.BoxXformClip]; torchvision's BoxCoder.decode_single.
func decode(b box, d, weights [4]float32) box {
	const half, clip = float32(0.5), float32(op.BoxXformClip)
	w, h := b[2]-b[0], b[3]-b[1]
	cx, cy := b[0]+float32(half*w), b[1]+float32(half*h)

	dx, dy := d[0]/weights[0], d[1]/weights[1]
	dw, dh := min(d[2]/weights[2], clip), min(d[3]/weights[3], clip)

	px, py := float32(dx*w)+cx, float32(dy*h)+cy
	pw, ph := float32(exp(dw)*w), float32(exp(dh)*h)
	return box{
		px - float32(half*pw), py - float32(half*ph),
		px + float32(half*pw), py + float32(half*ph),
	}
}

// decodeSides returns the box whose left, top, right and bottom are the distances
// d from the centre of b, in units of its width and height; torchvision's
// BoxLinearCoder.decode.
func decodeSides(b box, d [4]float32) box {
	const half = float32(0.5)
	w, h := b[2]-b[0], b[3]-b[1]
	cx, cy := float32(half*(b[0]+b[2])), float32(half*(b[1]+b[3]))
	return box{cx - float32(d[0]*w), cy - float32(d[1]*h), cx + float32(d[2]*w), cy + float32(d[3]*h)}
}

// exp returns eˣ in float32.
func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

// clip returns b cut to a picture.
func (b box) clip(height, width float32) box {
	return box{
		min(max(b[0], 0), width), min(max(b[1], 0), height),
		min(max(b[2], 0), width), min(max(b[3], 0), height),
	}
}

// atLeast reports whether b is size wide and high; a NaN is not. As PyTorch
// compares a tensor with a number, the number is rounded to float32.
func (b box) atLeast(size float64) bool {
	return b[2]-b[0] >= float32(size) && b[3]-b[1] >= float32(size)
}

func (b box) area() float32 { return float32((b[2] - b[0]) * (b[3] - b[1])) }

// overlap returns the intersection of two boxes over their union, NaN if both
// are empty.
func overlap(a, b box, areaA, areaB float32) float32 {
	w := max(0, min(a[2], b[2])-max(a[0], b[0]))
	h := max(0, min(a[3], b[3])-max(a[1], b[1]))
	both := float32(w * h)
	return both / (areaA + areaB - both)
}
