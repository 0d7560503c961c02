//go:build linux && cgo && !nocuda

package cuda

import (
	"github.com/argand-go/argand/nn/op"
	"github.com/argand-go/argand/tensor"
)

// An element is what a map is of.
type element uint8

const (
	elementF32 element = iota
	elementBF16
	elementF16
)

// elementOf returns what maps are of in a precision, but for those that
// [elements] says are float32.
func elementOf(p op.Precision) element {
	switch p {
	case op.BFloat16:
		return elementBF16
	case op.Float16:
		return elementF16
	}
	return elementF32
}

// size returns how many bytes it has.
func (e element) size() int {
	if e == elementF32 {
		return 4
	}
	return 2
}

// lanes returns how many 16 bytes are: kernels read that many at once.
func (e element) lanes() int { return 16 / e.size() }

// suffix returns what the names of kernels for it end in.
func (e element) suffix() string { return [...]string{"f32", "bf16", "f16"}[e] }

// elements returns what the map of each value is of. Of 16 bits are those that
// operators with many pixels read; float32 are boxes and scores, and inputs and
// results of products, which are made in float32, that anyone wants in float32:
// the caller as outputs, a selecting operator as logits, deltas or sizes.
// Whoever wants a map of another element than it is of converts it.
func elements(g *op.Graph, p op.Precision) []element {
	list := make([]element, g.Values)
	low := elementOf(p)
	if low == elementF32 {
		return list
	}
	wide := make([]bool, g.Values)
	for _, v := range g.Outputs {
		wide[v] = true
	}
	for _, n := range g.Nodes {
		for i, v := range n.In {
			if wants(n.Op, i, low) == elementF32 && !op.ShapeOnly(n.Op, i) {
				wide[v] = true
			}
		}
	}
	for _, x := range g.Inputs {
		if !wide[x.Value] {
			list[x.Value] = low
		}
	}
	for _, n := range g.Nodes {
		for _, v := range n.Out {
			switch n.Op.(type) {
			case *op.Proposals, *op.Detections, *op.MaskSelect, *op.MaskPaste, *op.Keypoints:
			case *op.Preprocess: // an image and the sizes of pictures
				if v == n.Out[0] && !wide[v] {
					list[v] = low
				}
			case *op.Conv2d, *op.ConvTranspose2d, *op.Linear:
				if !wide[v] {
					list[v] = low
				}
			default:
				list[v] = low
			}
		}
	}
	return list
}

// wants returns what o wants operand i to be of, where most maps are of low. For
// the residual of a product it is that of the result, see [planner.residual].
func wants(o op.Op, i int, low element) element {
	switch o.(type) {
	case *op.Proposals, *op.Detections, *op.MaskSelect, *op.MaskPaste, *op.Keypoints:
		return elementF32
	case *op.RoIAlign:
		if i < 2 { // boxes and counts
			return elementF32
		}
	}
	return low
}

// as returns the map of v with another element: a copy, made by the first node
// that wants it.
func (p *planner) as(v op.Value, e element) *value {
	x := p.values[v]
	if x.spec.DType != tensor.Float32 || x.element == e {
		return p.touch(x)
	}
	if y := p.copies[v]; y != nil {
		return p.touch(y)
	}
	p.touch(x)
	y := p.hold(newValue(x.spec, e))
	p.copies[v] = y
	reader := p.op
	p.op = "convert" // what it is in a profile: the reader has its own step
	p.each("convert_"+x.element.suffix()+"_"+e.suffix(), y.vectors(), x, y, i64(y.vectors()), i32(y.per()), i32(x.stride))
	p.op = reader
	return y
}
